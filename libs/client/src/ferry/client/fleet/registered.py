"""Everything that is registered, as the registry lists it."""

import asyncio
from dataclasses import dataclass
from typing import TypeVar

from ferry.client.bus import Bus
from ferry.contract import subjects
from ferry.contract.registry import (
    Device,
    DeviceList,
    Gateway,
    GatewayList,
    ListRequest,
    Sensor,
    SensorList,
)

L = TypeVar("L", GatewayList, DeviceList, SensorList)
Entity = Gateway | Device | Sensor
PAGE = 1000


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


def owner_of(entity: Entity) -> str:
    """Its gateway's id; a gateway has no owner."""
    return "" if isinstance(entity, Gateway) else entity.owner
