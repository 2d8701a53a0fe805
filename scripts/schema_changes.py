"""Compares two JSON Schemas of one message: what is no longer allowed, and what is new to a reader."""

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
NOTES = {"title", "description", "default", "examples", "format", "deprecated", "readOnly", "writeOnly"}
"""Keywords that allow and forbid nothing."""
HANDLED = {
    "$ref",
    "type",
    "enum",
    "const",
    "anyOf",
    "oneOf",
    "properties",
    "required",
    "items",
    "additionalProperties",
}
AT_LEAST = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
AT_MOST = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}


class Comparison:
    """`told`: the messages go to others. Otherwise others send them."""

    def __init__(self, old: Json, new: Json, *, told: bool) -> None:
        self._old = old
        self._new = new
        self._told = told
        self._begun: set[tuple[str, str]] = set()

    def schema(self, where: str, old: Any, new: Any) -> Iterator[str]:
        pair = (json.dumps(old, sort_keys=True), json.dumps(new, sort_keys=True))
        if pair in self._begun:
            return
        self._begun.add(pair)
        was, now = resolved(self._old, old), resolved(self._new, new)
        strict, loose = (now, was) if self._told else (was, now)
        choices, places = _alternatives(strict), _alternatives(loose)
        if len(choices) == len(places) == 1 and "$ref" not in choices[0]:
            yield from self._one(where, was, now)
            return
        for choice in choices:  # each must have its place among the others
            found = [(place, list(self._pair(where, choice, place))) for place in places]
            if not any(faults == [] for _, faults in found):
                yield from self._nearest(where, choice, found)

    def _nearest(self, where: str, choice: Any, found: list[tuple[Any, list[str]]]) -> Iterator[str]:
        """What is wrong with the place of the same type, if there is one."""
        ours, theirs = (self._new, self._old) if self._told else (self._old, self._new)
        kind = resolved(ours, choice).get("type")
        alike = [faults for place, faults in found if resolved(theirs, place).get("type") == kind]
        if alike:
            yield from min(alike, key=len)
        else:
            yield f"{where}: {_shown(choice)} {'is new' if self._told else 'is no longer taken'}"

    def _pair(self, where: str, strict: Any, loose: Any) -> Iterator[str]:
        fresh = Comparison(self._old, self._new, told=self._told)
        yield from fresh.schema(where, *((loose, strict) if self._told else (strict, loose)))

    def _one(self, where: str, was: Json, now: Json) -> Iterator[str]:
        strict, loose = (now, was) if self._told else (was, now)
        yield from self._types(where, strict, loose)
        yield from self._values(where, strict, loose)
        yield from self._bounds(where, strict, loose)
        yield from self._fields(where, was, now)
        if "items" in was or "items" in now:
            yield from self.schema(f"{where}[]", was.get("items", {}), now.get("items", {}))

    def _types(self, where: str, strict: Json, loose: Json) -> Iterator[str]:
        if "type" not in loose:
            return
        if strict.get("type") != loose["type"] and (strict.get("type"), loose["type"]) != (
            "integer",
            "number",
        ):
            old, new = (loose, strict) if self._told else (strict, loose)
            yield f"{where}: the type was {old.get('type', 'any')} and is {new.get('type', 'any')}"

    def _values(self, where: str, strict: Json, loose: Json) -> Iterator[str]:
        allowed = _values_of(loose)
        if allowed is None:
            return
        values = _values_of(strict)
        if values is None:
            yield f"{where}: " + (
                "any value may come now" if self._told else "only some values are taken now"
            )
        elif not self._told and (gone := [value for value in values if value not in allowed]):
            yield f"{where}: no longer takes {', '.join(map(str, gone))}"

    def _bounds(self, where: str, strict: Json, loose: Json) -> Iterator[str]:
        for keyword in sorted((strict.keys() | loose.keys()) - HANDLED - NOTES):
            ours, theirs = strict.get(keyword), loose.get(keyword)
            if ours == theirs or theirs is None:
                continue
            if ours is not None and keyword in AT_LEAST and ours >= theirs:
                continue
            if ours is not None and keyword in AT_MOST and ours <= theirs:
                continue
            old, new = (theirs, ours) if self._told else (ours, theirs)
            yield f"{where}: {keyword} was {old} and is {new}"

    def _fields(self, where: str, was: Json, now: Json) -> Iterator[str]:
        before, after = was.get("properties", {}), now.get("properties", {})
        for name in before:
            if name not in after:
                yield f"{where}.{name}: the field was removed"
            else:
                yield from self.schema(f"{where}.{name}", before[name], after[name])
        required, needed = set(was.get("required", ())), set(now.get("required", ()))
        if self._told:
            for name in sorted((required - needed) & set(after)):
                yield f"{where}.{name}: the field may be missing now"
        else:
            for name in sorted(needed - required):
                yield f"{where}.{name}: the field is required now"
            if (
                was.get("additionalProperties", True) is not False
                and now.get("additionalProperties") is False
            ):
                yield f"{where}: other fields are refused now"


def resolved(document: Json, schema: Any) -> Json:
    if not isinstance(schema, dict):
        return {} if schema else {"enum": []}
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return dict(schema)


def _alternatives(schema: Json) -> list[Any]:
    """What it may be: one of several schemas, or of several types."""
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return list(options)
    if isinstance(kinds := schema.get("type"), list):
        return [{**schema, "type": kind} if kind != "null" else {"type": "null"} for kind in kinds]
    return [schema]


def _values_of(schema: Json) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _shown(schema: Any) -> str:
    return str(schema.get("$ref", "").rpartition("/")[2] or schema.get("type") or "a value")
