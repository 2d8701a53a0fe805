"""pydantic's errors in the words of a fleet file's author."""

import difflib
from typing import Any

from pydantic import ValidationError

from ferry.client.fleet.file.declared import LEVELS, keys_of
from ferry.client.fleet.file.mistakes import Mistake, Path, Source, mistake

MOST = 10_000
_NUMBERS = {"int_type", "int_parsing", "int_from_float", "greater_than_equal", "less_than_equal"}
_WANTED = {
    "count": "a whole number from 1 to 100000",
    "reportInterval": "a whole number of ms from 60000 (a minute) to 604800000 (a week)",
}


def mistakes_of(error: ValidationError, source: Source) -> list[Mistake]:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [_mistake(item["type"], tuple(item["loc"]), item["msg"], source) for item in found[:MOST]]


def _mistake(kind: str, path: Path, said: str, source: Source) -> Mistake:
    field = str(path[-1]) if path else ""
    if kind == "missing":
        what = f"{_noun(path[:-1])} without {field}" if path[:-1] else f"{field} is missing"
        return mistake(source, path[:-1], what)
    if kind == "extra_forbidden":
        return mistake(source, path, _unknown_key(path, field), key=True)
    if kind == "string_type":
        return mistake(source, path, f"{field}: {_no_text(source.written(path), _data(source, path))}")
    if kind in _NUMBERS:
        return mistake(source, path, f"{field}: {_no_number(kind, field, source.written(path))}")
    if kind in {"list_type", "model_type", "model_attributes_type", "dict_type"}:
        return mistake(source, path, _no_collection(kind, path, source.written(path)))
    return mistake(source, path, f"{field}: {said.removeprefix('Value error, ')}" if field else said)


def _no_text(written: str | None, data: object) -> str:
    if written is None:
        return "a text is expected here, not a list or a mapping"
    if data is None:
        return "is empty: write a text"
    return f'{written} without quotes is not a text in YAML: write "{written}"'


def _no_number(kind: str, field: str, written: str | None) -> str:
    wanted = _WANTED.get(field, "a whole number")
    if kind == "int_type" and written and written.isdecimal() and not written.startswith("0"):
        return f"write it without quotes, {written}: {wanted} is wanted here"
    return f"{wanted} is expected here, without quotes" + (f", not {written}" if written else "")


def _no_collection(kind: str, path: Path, written: str | None) -> str:
    field = str(path[-1]) if path else "the file"
    if kind == "list_type":
        return f"{field}: a list is expected here" + (": write [] for none" if not written else "")
    if not path:
        return "a fleet file is a mapping that begins with `gateways:`"
    if isinstance(path[-1], int):
        return f"{_noun(path)} is a mapping, such as {{name: …}}"
    return f"{field}: a mapping is expected here"


def _unknown_key(path: Path, field: str) -> str:
    level = _level(path[:-1])
    allowed = keys_of(level)
    near = difflib.get_close_matches(field, allowed, 1)
    if near:
        return f"{_noun(path[:-1])} has no key {field}: did you mean {near[0]}?"
    others = [_noun((name, 0)) for name in LEVELS if name is not None and field in keys_of(name)]
    where = f"; it belongs to {' or '.join(others)}" if others else ""
    return f"{_noun(path[:-1])} has no key {field}{where} (there are {', '.join(allowed)})"


def _level(path: Path) -> str | None:
    return next((str(step) for step in reversed(path) if isinstance(step, str)), None)


def _noun(path: Path) -> str:
    level = _level(path)
    if level is None:
        return "a fleet file"
    return level if level == "defaults" else f"a {level.removesuffix('s')}"


def _data(source: Source, path: Path) -> Any:
    data: Any = source.data
    for step in path:
        data = data[step]
    return data
