"""Hints for entities that may have been renamed or moved, and how to declare that."""

from collections.abc import Iterator

from ferry.client.fleet.plan import Plan
from ferry.client.fleet.registered import owner_of
from ferry.client.fleet.wanted import Wanted
from ferry.contract.registry import Sensor


def hints(plan: Plan) -> Iterator[str]:
    """Where one entity is new and one is not declared any more, in the same place or under the same name."""
    new: dict[tuple[str, str | None, str | None], list[Wanted]] = {}
    for one in plan.create:
        if one not in plan.again:
            parent = one.parent.id if one.parent is not None else None
            new.setdefault((one.noun, one.gateway.id if one.parent else None, parent), []).append(one)
    gone: dict[tuple[str, str | None, str | None], list[str]] = {}
    for retirement in plan.retire:
        entity = retirement.entity
        owner = owner_of(entity) or None
        parent = entity.device_id if isinstance(entity, Sensor) else owner
        gone.setdefault((retirement.noun, owner, parent), []).append(entity.name)
    for place, ones in new.items():
        names = gone.get(place, [])
        if len(ones) == len(names) == 1 and ones[0].name != names[0]:
            yield f"if {ones[0].noun} {ones[0].name!r} was {names[0]!r}, declare it with `renamedFrom: {names[0]}`"
    yield from _moved(plan)


def _moved(plan: Plan) -> Iterator[str]:
    gone = {
        (one.entity.owner, one.entity.name): one.entity.device_id
        for one in plan.retire
        if isinstance(one.entity, Sensor)
    }
    for new in plan.create:
        device = gone.get((str(new.gateway.id), new.name)) if new.noun == "sensor" else None
        if device is not None and new.parent is not None and device != new.parent.id:
            yield f"if sensor {new.name!r} moved to device {new.parent.name!r}, declare it with `movedFrom: {device}`"
