"""What a fleet file would change: compared with the registry."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from ferry.client.bus import Bus
from ferry.client.fleet_file import Fleet
from ferry.contract import subjects
from ferry.contract.registry import (
    Device,
    DeviceList,
    Gateway,
    GatewayList,
    ListRequest,
    RegisterDevice,
    RegisterGateway,
    RegisterSensor,
    Sensor,
    SensorList,
)

Noun = Literal["gateway", "device", "sensor"]
Asked = RegisterGateway | RegisterDevice | RegisterSensor
Entity = Gateway | Device | Sensor
L = TypeVar("L", GatewayList, DeviceList, SensorList)
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    noun: Noun
    id: str
    fields: dict[str, tuple[object, object]]
    """Name, as in the file, to what is declared and what is registered."""


@dataclass(slots=True)
class Plan:
    create: list[tuple[Noun, Asked]] = field(default_factory=list)
    deleted: set[tuple[str, str]] = field(default_factory=set)
    """Of what is to create, as (owner, id), what an import found deleted at the portal."""
    differ: list[Difference] = field(default_factory=list)
    unknown: list[tuple[Noun, Entity]] = field(default_factory=list)
    same: int = 0


@dataclass(slots=True)
class Registered:
    gateways: list[Gateway]
    devices: list[Device]
    sensors: list[Sensor]


async def registered(bus: Bus) -> Registered:
    gateways, devices, sensors = await asyncio.gather(
        _all(bus, subjects.REGISTRY_GATEWAYS_LIST, GatewayList),
        _all(bus, subjects.REGISTRY_DEVICES_LIST, DeviceList),
        _all(bus, subjects.REGISTRY_SENSORS_LIST, SensorList),
    )
    return Registered(
        [item for page in gateways for item in page.items],
        [item for page in devices for item in page.items],
        [item for page in sensors for item in page.items],
    )


async def _all(bus: Bus, subject: str, kind: type[L]) -> list[L]:
    pages: list[L] = []
    after: str | None = ""
    while after is not None:
        page = await bus.ask(subject, ListRequest(after=after, limit=PAGE), kind)
        pages.append(page)
        after = page.next
    return pages


def compare(fleet: Fleet, there: Registered) -> Plan:
    plan = Plan()
    _compare(plan, "gateway", fleet.gateways, {("", item.id): item for item in there.gateways})
    _compare(plan, "device", fleet.devices, {(item.owner, item.id): item for item in there.devices})
    _compare(plan, "sensor", fleet.sensors, {(item.owner, item.id): item for item in there.sensors})
    return plan


def _compare(plan: Plan, noun: Noun, wanted: Sequence[Asked], there: dict[tuple[str, str], Entity]) -> None:
    left = dict(there)
    for asked in wanted:
        known = left.pop(key(asked), None)
        if known is not None and known.deleted_before is not None:
            plan.deleted.add(key(asked))
            known = None
        if known is None:
            plan.create.append((noun, asked))
            continue
        ours, theirs = (
            asked.model_dump(
                exclude={"req_id", "owner", "devices", "sensors"}, exclude_none=True, by_alias=True
            ),
            known.model_dump(by_alias=True),
        )
        fields = {name: (value, theirs[name]) for name, value in ours.items() if theirs[name] != value}
        if fields:
            plan.differ.append(Difference(noun, known.id, fields))
        else:
            plan.same += 1
    plan.unknown += [(noun, entity) for entity in left.values() if entity.deleted_before is None]


def key(asked: Asked) -> tuple[str, str]:
    """(owner, id); a gateway has no owner."""
    return ("" if isinstance(asked, RegisterGateway) else asked.owner, str(asked.req_id))
