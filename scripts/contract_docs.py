"""Writes what the docs say of the contract's fields, and docs/reference/asyncapi.json: `make contract`.

The tables of docs/reference/contract.md stand between two comments and come from the document that machines read.
"""

import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ferry.contract.asyncapi import document
from ferry.contract.operations import EVENTS, OPERATIONS, PUBLICATIONS

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/reference/contract.md"
ASYNCAPI = ROOT / "docs/reference/asyncapi.json"
BEGIN = "<!-- The fields: made by `make contract` from libs/contract. -->\n"
END = "<!-- The end of the fields. -->\n"
ID_PATTERN = "^[A-Za-z0-9_-]{1,128}$"
REF = "#/components/schemas/"
Json = dict[str, Any]


def page(text: str, made: Json) -> str:
    """The page with new tables. Raises ValueError if it has no place for them."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{PAGE} lacks the comments that its tables stand between")
    return before + BEGIN + "\n" + "\n".join(_tables(made)) + "\n" + END + after


def _tables(made: Json) -> Iterator[str]:
    schemas, messages = made["components"]["schemas"], made["components"]["messages"]
    names = {channel["address"]: name for name, channel in made["channels"].items()}
    used: list[str] = []
    yield "### Publications\n"
    for subject in PUBLICATIONS:
        yield f"`{subject}`: {_link(_payload(messages[names[subject]]), used)}\n"
    yield "### Requests and answers\n"
    for subject in OPERATIONS:
        request = _payload(messages[f"{names[subject]}Request"])
        answer = _payload(messages[f"{names[subject]}Answer"])
        yield f"#### `{subject}`\n"
        yield from _described(schemas[request])
        yield from _fields(schemas[request], schemas, used)
        yield f"Answer: {_link(answer, used)}\n"
    yield "### Events\n"
    yield "| event | body |\n|---|---|"
    for subject in EVENTS:
        yield f"| `{subject}` | {_link(_payload(messages[names[subject]]), used)} |"
    yield "\n### Types\n"
    used.append("Problem")
    done: set[str] = set()
    while len(done) < len(set(used)):
        name = next(one for one in used if one not in done)
        done.add(name)
        yield f"#### {name}\n"
        yield from _described(schemas[name])
        if "anyOf" in schemas[name]:
            yield f"{_type(schemas[name], schemas, used).capitalize()}.\n"
        else:
            yield from _fields(schemas[name], schemas, used)


def _payload(message: Json) -> str:
    return str(message["payload"]["$ref"]).removeprefix(REF)


def _described(schema: Json) -> Iterator[str]:
    if text := schema.get("description"):
        yield text + "\n"


def _fields(schema: Json, schemas: Json, used: list[str]) -> Iterator[str]:
    if not schema.get("properties"):
        yield "No fields.\n"
        return
    yield "| field | type | |\n|---|---|---|"
    for name, field in schema["properties"].items():
        needed = name in schema.get("required", ())
        about = [
            _type(field, schemas, used),
            "needed" if needed and schema.get("additionalProperties") is False else "",
        ]
        if field.get("default", "") != "" and not needed:
            about.append(f"{json.dumps(field['default'])} unless given")
        kind = ", ".join(part for part in about if part)
        yield f"| `{name}` | {kind} | {_cell(field.get('description', ''))} |"
    yield ""


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def _type(schema: Json, schemas: Json, used: list[str]) -> str:  # noqa: PLR0911 - a table of kinds
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(REF)
        inner = schemas[name]
        return _type(inner, schemas, used) if "properties" not in inner else _link(name, used)
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        *first, last = (_type(option, schemas, used) for option in schema["anyOf"])
        return f"{', '.join(first)} or {last}"
    kind = schema.get("type", "anything")
    kind = kind if isinstance(kind, str) else next(one for one in kind if one != "null")
    if kind == "array":
        count = _range(schema, "minItems", "maxItems")
        return f"array of {_type(schema.get('items', {}), schemas, used)}" + (
            f", {count} of them" if count else ""
        )
    if schema.get("pattern") == ID_PATTERN:
        return "id"
    if "pattern" in schema:
        return f"{kind} matching `{_cell(schema['pattern'])}`"
    size = _range(schema, "minLength", "maxLength")
    bounds = _range(schema, "minimum", "maximum") or _range(schema, "exclusiveMinimum", "maximum", "over ")
    return kind + (f" of {size} characters" if size else "") + (f", {bounds}" if bounds else "")


def _range(schema: Json, least: str, most: str, word: str = "") -> str:
    low, high = schema.get(least), schema.get(most)
    if low is None and high is None:
        return ""
    if high is None:
        return f"at least {low}" if not word else f"{word}{low}"
    return f"{word}{low} to {high}" if low is not None else f"at most {high}"


def _link(name: str, used: list[str]) -> str:
    used.append(name)
    return f"[{name}](#{name.lower()})"


def main() -> None:
    made = document(version("ferry-contract"))
    ASYNCAPI.write_text(json.dumps(made, indent=2) + "\n", "utf-8")
    PAGE.write_text(page(PAGE.read_text("utf-8"), made), "utf-8")


if __name__ == "__main__":
    main()
