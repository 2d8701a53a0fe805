"""Which registered entity a declared one is: by its id, else by its name in its place, else by the name it had.

A name is the one that was last asked for here or the one that the portal gave, as for the registry itself
(decision 0022).
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ferry.client.fleet.file.mistakes import Mistake, mistake
from ferry.client.fleet.registered import Entity, Registered, owner_of
from ferry.client.fleet.wanted import Fleet, Wanted
from ferry.contract.registry import Sensor

Place = tuple[str | None, str]
"""The id of the device that a sensor is on (None for gateways and devices), and a name."""
SHOWN = 10


@dataclass(slots=True)
class Matched:
    """`found` has the registered entity of each declared one that has one; `undeclared` is all that nobody declared."""

    found: dict[Wanted, Entity] = field(default_factory=dict)
    undeclared: list[Entity] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)


def match(fleet: Fleet, there: Registered) -> Matched:
    """Sets the id of every declared entity that is registered."""
    matched = Matched()
    devices, sensors = _by_owner(there.devices), _by_owner(there.sensors)
    _Siblings(matched, fleet, there.gateways).match(fleet.gateways, _old_names)
    for gateway in fleet.gateways:
        mine = devices.pop(str(gateway.id), []) if gateway in matched.found else []
        _Siblings(matched, fleet, mine).match(gateway.parts, _old_names)
        on_devices = [sensor for device in gateway.parts for sensor in device.parts]
        theirs = sensors.pop(str(gateway.id), []) if gateway in matched.found else []
        _Siblings(matched, fleet, theirs).match(on_devices, _old_places(gateway, mine))
    for rest in (*devices.values(), *sensors.values()):
        matched.undeclared += rest
    _check_owners(matched, fleet, there)
    return matched


class _Siblings:
    """Entities among which a name says which is meant: all gateways, or the devices or sensors of one gateway."""

    def __init__(self, matched: Matched, fleet: Fleet, there: Sequence[Entity]) -> None:
        self._matched = matched
        self._fleet = fleet
        self._there = there
        self._places: dict[Place, list[Entity]] = {}
        self._taken: dict[str, Wanted] = {}
        """By the registered entity's id."""
        for entity in there:
            for place in {_declared_place(entity), _place_now(entity)}:
                self._places.setdefault(place, []).append(entity)

    def match(self, wanted: Iterable[Wanted], old: Callable[[Wanted], list[Place]]) -> None:
        by_id = {entity.id: entity for entity in self._there}
        by_name = []
        for one in wanted:
            if one.id is None:
                by_name.append(one)
            elif (entity := by_id.get(one.id)) is not None:
                self._taken[entity.id] = one
                self._matched.found[one] = entity
        for one in by_name:
            if (found := self._at(one, _place_of(one))) is not None:
                self._take(one, found)
        self._renamed([one for one in by_name if one.id is None], old)
        self._matched.undeclared += [one for one in self._there if one.id not in self._taken]

    def _renamed(self, missing: Iterable[Wanted], old: Callable[[Wanted], list[Place]]) -> None:
        """One whose name is not registered takes the entity with its old name, even if another has that name now."""
        todo = deque(missing)
        moved: set[Wanted] = set()
        while todo:
            one = todo.popleft()
            places = (self._at(one, place, taken=True) for place in old(one))
            found = next((entity for entity in places if entity is not None), None)
            if found is None:
                continue
            before = self._taken.get(found.id)
            if before is not None:
                if before in moved or before.path == one.path:
                    continue
                before.id = None
                del self._matched.found[before]
                todo.append(before)
            moved.add(one)
            self._take(one, found)

    def _take(self, one: Wanted, found: Entity) -> None:
        one.id = found.id
        self._taken[found.id] = one
        self._matched.found[one] = found

    def _at(self, one: Wanted, place: Place, *, taken: bool = False) -> Entity | None:
        """The one that was asked for by this name before what the portal named so, what is there before what was."""
        found = [
            entity
            for entity in self._places.get(place, ())
            if (before := self._taken.get(entity.id)) is None or (taken and not before.has_id)
        ]
        for better in (
            [entity for entity in found if _declared_place(entity) == place],
            [entity for entity in found if entity.deleted_before is None],
        ):
            found = [entity for entity in found if entity in better] or found
        if len(found) > 1:
            ids = ", ".join(entity.id for entity in found[:SHOWN])
            text = f"{len(found)} registered {one.noun}s are called {place[1]!r}: select one by `id` ({ids})"
            self._matched.mistakes.append(mistake(self._fleet.source, (*one.path, "name"), text))
        return found[0] if found else None


def _declared_place(entity: Entity) -> Place:
    name = entity.declared_name or entity.name
    return (entity.declared_device_id or entity.device_id if isinstance(entity, Sensor) else None), name


def _place_now(entity: Entity) -> Place:
    return (entity.device_id if isinstance(entity, Sensor) else None), entity.name


def _place_of(one: Wanted) -> Place:
    """A sensor on a device that is not registered is at a place where nothing is."""
    if one.noun != "sensor" or one.parent is None:
        return None, one.name
    return one.parent.id or "", one.name


def _old_names(one: Wanted) -> list[Place]:
    return [(None, one.renamed_from)] if one.renamed_from is not None else []


def _old_places(gateway: Wanted, devices: Iterable[Entity]) -> Callable[[Wanted], list[Place]]:
    """Where a sensor of the gateway may have been: it may have been renamed already and not moved, or the reverse."""
    ids: dict[str | None, str | None] = {}
    for declared in gateway.parts:
        ids |= {declared.renamed_from: declared.id, declared.name: declared.id}
    for device in devices:
        ids |= {device.declared_name: device.id, device.name: device.id}
    ids |= {device.id: device.id for device in devices}

    def find(sensor: Wanted) -> list[Place]:
        here = sensor.parent.id if sensor.parent is not None else None
        on = [here] if sensor.moved_from is None else [ids.get(sensor.moved_from), here]
        called = [sensor.name] if sensor.renamed_from is None else [sensor.renamed_from, sensor.name]
        places = [(device, name) for device in on if device is not None for name in called]
        return [place for place in places if place != (here, sensor.name)]

    return find


def _check_owners(matched: Matched, fleet: Fleet, there: Registered) -> None:
    """An id that is registered on another gateway: Thing+ has each id once, and no way to move it there."""
    owners: dict[str, dict[str, str]] = {
        "device": {entity.id: owner_of(entity) for entity in there.devices if entity.deleted_before is None},
        "sensor": {entity.id: owner_of(entity) for entity in there.sensors if entity.deleted_before is None},
    }
    for one in fleet.each():
        owner = owners.get(one.noun, {}).get(str(one.id)) if one.has_id else None
        if owner not in (None, one.gateway.id):
            text = (
                f"id: {one.noun} {one.id} is registered on gateway {owner}, and Thing+ moves nothing between gateways:"
                " leave id out and a new one is made"
            )
            matched.mistakes.append(mistake(fleet.source, (*one.path, "id"), text))


def _by_owner(entities: Iterable[Entity]) -> dict[str, list[Entity]]:
    found: dict[str, list[Entity]] = {}
    for entity in entities:
        found.setdefault(owner_of(entity), []).append(entity)
    return found
