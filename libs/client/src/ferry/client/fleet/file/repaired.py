"""Repairs invalid data far enough to check the rest of the file."""

from typing import Any

from pydantic import ValidationError

from ferry.client.fleet.file.declared import FleetFile
from ferry.client.fleet.file.mistakes import Source

NO_TYPE = ""
"""Of a sensor that says none: it is not looked for in its model."""


def repaired(error: ValidationError, source: Source) -> FleetFile | None:
    """None when nothing sensible is left."""
    for number, item in enumerate(
        error.errors(include_url=False, include_input=False, include_context=False)
    ):
        path = tuple(item["loc"])
        if not path:
            return None
        parent: Any = source.data
        for step in path[:-1]:
            parent = parent[int(step)] if isinstance(parent, list) else parent.get(step)
            if parent is None:
                break
        if isinstance(parent, dict | list):
            _repair(parent, path[-1], item["type"], number, source.written(path))
    try:
        return FleetFile.model_validate(source.data)
    except ValidationError:
        return None


def _repair(parent: Any, field: str | int, kind: str, number: int, written: str | None) -> None:
    unique = f"?{number}"
    if isinstance(parent, list):
        parent[int(field)] = {"name": unique, "type": NO_TYPE}
    elif kind == "string_type" and written:
        parent[field] = written
    elif field == "type" and kind in {"missing", "string_type"}:
        parent[field] = NO_TYPE
    elif field == "name" and kind in {"missing", "string_type"}:
        parent[field] = unique
    elif field == "gateways":
        parent[field] = []
    else:
        parent.pop(field, None)
