"""A plan, its result, and the mistakes of a file, as JSON."""

from typing import Any

from ferry.client.cli.fleet.names import Names
from ferry.client.fleet.apply.applying import Applied
from ferry.client.fleet.file.mistakes import MistakesError
from ferry.client.fleet.plan import Change, Plan, noun_of
from ferry.client.fleet.planning import Planned
from ferry.client.fleet.wanted import Wanted


def plan(found: Planned) -> dict[str, Any]:
    names = Names(found)
    return {
        "create": [
            {
                "noun": one.noun,
                "id": one.id,
                "path": names.of(one),
                **_fields(one),
                "again": one in found.plan.again,
            }
            for one in found.plan.create
        ],
        "change": [_change_as_json(one, names) for one in found.plan.change],
        "fixed": [_change_as_json(one, names) for one in found.plan.fixed],
        "retire": [
            {
                "noun": one.noun,
                "id": one.entity.id,
                "path": names.of(one.entity),
                "devices": one.devices,
                "sensors": one.sensors,
            }
            for one in found.plan.retire
        ],
        "same": len(found.plan.same),
    }


def applied(done: Applied, of: Plan) -> dict[str, Any]:
    failed = [
        {
            "action": one.verb,
            "noun": one.noun,
            "id": one.id,
            "name": one.name,
            "problem": one.error.problem.model_dump(exclude_none=True),
        }
        for one in done.failed
    ]
    counts = {
        "created": done.created,
        "changed": done.changed,
        "retired": done.retired,
        "same": len(of.same),
    }
    return {**counts, "fixed": len(of.fixed), "skipped": done.skipped, "failed": failed}


def mistakes(error: MistakesError) -> dict[str, Any]:
    found = [{"line": one.line, "column": one.column, "text": one.text} for one in error.mistakes]
    return {"file": error.file, "mistakes": found}


def _fields(one: Wanted) -> dict[str, object]:
    return {"name": one.name, **one.fields}


def _change_as_json(one: Change, names: Names) -> dict[str, Any]:
    fields = {name: {"registered": there, "declared": ours} for name, (there, ours) in one.fields.items()}
    return {"noun": noun_of(one.entity), "id": one.entity.id, "path": names.of(one.entity), "fields": fields}
