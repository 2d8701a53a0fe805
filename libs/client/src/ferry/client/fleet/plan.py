"""A plan: what a fleet file would register, update and retire."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ferry.client.fleet.matching import Matched, match
from ferry.client.fleet.registered import Entity, Registered, owner_of
from ferry.client.fleet.wanted import Fleet, Wanted
from ferry.contract.registry import Device, Gateway, Noun, Sensor

NOUNS: tuple[Noun, ...] = ("gateway", "device", "sensor")
Pair = tuple[object, object]
"""What is registered, and what is declared."""
CHANGEABLE = {"name", "reportInterval", "deviceId"}


@dataclass(frozen=True, slots=True)
class Change:
    """`fields` in the file's words; the `deviceId` of a move to a new device is not there yet: the device's name is."""

    wanted: Wanted
    entity: Entity
    fields: Mapping[str, Pair]


@dataclass(frozen=True, slots=True)
class Retirement:
    """`devices` and `sensors` go with it."""

    noun: Noun
    entity: Entity
    devices: int = 0
    sensors: int = 0

    @property
    def count(self) -> int:
        return 1 + self.devices + self.sensors


@dataclass(slots=True)
class Plan:
    create: list[Wanted] = field(default_factory=list)
    """Gateways first, then devices, then sensors."""
    again: set[Wanted] = field(default_factory=set)
    """Of what is to create, what an import found deleted at the portal."""
    change: list[Change] = field(default_factory=list)
    fixed: list[Change] = field(default_factory=list)
    """What differs and cannot be changed: it would be another entity."""
    retire: list[Retirement] = field(default_factory=list)
    """What the file does not declare; retired only when that is asked for."""
    same: list[Wanted] = field(default_factory=list)

    @property
    def retired(self) -> int:
        return sum(one.count for one in self.retire)

    def does_something(self, *, prune: bool) -> bool:
        return bool(self.create or self.change or (prune and self.retire))


def compare(fleet: Fleet, there: Registered) -> tuple[Plan, Matched]:
    """Sets the ids of what is registered. The plan of a file whose match has mistakes means nothing."""
    matched = match(fleet, there)
    plan = Plan()
    for one in fleet.each():
        entity = matched.found.get(one)
        if entity is None or entity.deleted_before is not None:
            plan.create.append(one)
            if entity is not None:
                plan.again.add(one)
            continue
        fields = dict(_differences(one, entity))
        changes = {name: pair for name, pair in fields.items() if name in CHANGEABLE}
        if changes:
            plan.change.append(Change(one, entity, changes))
        if fixed := {name: pair for name, pair in fields.items() if name not in CHANGEABLE}:
            plan.fixed.append(Change(one, entity, fixed))
        if not fields:
            plan.same.append(one)
    plan.retire = list(_retirements(_of_this_file(fleet, there, matched.undeclared)))
    return plan, matched


def noun_of(entity: Entity) -> Noun:
    if isinstance(entity, Gateway):
        return "gateway"
    return "device" if isinstance(entity, Device) else "sensor"


def _of_this_file(fleet: Fleet, there: Registered, undeclared: Iterable[Entity]) -> list[Entity]:
    """Without what the portal deleted, and without what is on a site that the file's `sites` do not name.

    Parts whose gateway is not registered are what an interrupted registration has left: it is still to come.
    """
    here = {one.id for one in there.gateways if fleet.site_ids is None or one.site_id in fleet.site_ids}
    mine = [one for one in undeclared if one.deleted_before is None and (owner_of(one) or one.id) in here]
    return sorted(mine, key=lambda one: (one.name, one.id))  # random ids are no order for a reader


def _differences(one: Wanted, entity: Entity) -> Iterator[tuple[str, Pair]]:
    registered = entity.model_dump(by_alias=True)
    for name, value in {"name": one.name, **one.fields}.items():
        if registered[name] != value:
            yield name, (registered[name], value)
    if isinstance(entity, Sensor) and one.parent is not None and entity.device_id != one.parent.id:
        yield "deviceId", (entity.device_id, one.parent.id or one.parent.name)


def _retirements(undeclared: Iterable[Entity]) -> Iterator[Retirement]:
    """What belongs to an undeclared gateway or device is retired with it and not by itself."""
    of_noun: dict[Noun, list[Entity]] = {noun: [] for noun in NOUNS}
    for entity in undeclared:
        of_noun[noun_of(entity)].append(entity)
    gateways = {entity.id for entity in of_noun["gateway"]}
    devices = [entity for entity in of_noun["device"] if owner_of(entity) not in gateways]
    gone = {(owner_of(entity), entity.id) for entity in devices}
    sensors = [entity for entity in of_noun["sensor"] if isinstance(entity, Sensor)]
    parts = Counter(owner_of(entity) for entity in of_noun["device"])
    on_gateways = Counter(entity.owner for entity in sensors)
    on_devices = Counter((entity.owner, entity.device_id) for entity in sensors)
    for entity in of_noun["gateway"]:
        yield Retirement("gateway", entity, parts[entity.id], on_gateways[entity.id])
    for entity in devices:
        yield Retirement("device", entity, 0, on_devices[owner_of(entity), entity.id])
    for entity in sensors:
        if entity.owner not in gateways and (entity.owner, entity.device_id) not in gone:
            yield Retirement("sensor", entity)
