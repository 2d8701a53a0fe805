"""What the registry knows and Thing+ has no more: noted with the entity, told, and never taken away.

That a list lacks an entity is no proof: a GET that finds nothing is.
"""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from typing import Protocol, TypeVar

from ferry.clouds.errors import BadAnswerError
from ferry.clouds.thingplus.listed import Listed
from ferry.contract import registry
from ferry.contract.problems import ProblemError
from ferry.contract.registry import Device, Gateway, Sensor
from ferry.registry.registrar import Registrar

E = TypeVar("E", Gateway, Device, Sensor)
AT_ONCE = 32
PAGE = 1000


class Cloud(Protocol):
    async def gateway(self, gateway: str) -> Gateway | None: ...
    async def gateways(self, page: int, count: int) -> Listed[Gateway]: ...
    async def device(self, owner: str, device: str) -> Device | None: ...
    async def sensor(self, owner: str, sensor: str) -> Sensor | None: ...


class Lists(Protocol):
    """What is known and was not deleted yet."""

    async def gateways(self) -> list[Gateway]: ...
    async def devices(self, owner: str) -> list[Device]: ...
    async def sensors(self, owner: str) -> list[Sensor]: ...


class Deletions:
    """Every method raises CloudError's family, and says each deletion in words."""

    def __init__(
        self,
        cloud: Cloud,
        lists: Lists,
        registrars: tuple[Registrar[Gateway], Registrar[Device], Registrar[Sensor]],
    ) -> None:
        self._cloud = cloud
        self._lists = lists
        self._gateway, self._device, self._sensor = registrars
        self._places = asyncio.Semaphore(AT_ONCE)

    async def of(self, owner: str, devices: Sequence[Device], sensors: Sequence[Sensor]) -> list[str]:
        """Of one gateway, of which Thing+ lists these."""
        listed = {*map(registry.key_of, devices), *map(registry.key_of, sensors)}
        gone_devices = [
            one
            for one in await self._lists.devices(owner)
            if registry.key_of(one) not in listed and await self._gone(self._cloud.device(owner, one.id))
        ]
        gone_sensors = [
            one
            for one in await self._lists.sensors(owner)
            if registry.key_of(one) not in listed and await self._gone(self._cloud.sensor(owner, one.id))
        ]
        await self._note(self._device, gone_devices)
        await self._note(self._sensor, gone_sensors)
        return [
            *(f"device {owner}/{one.id}" for one in gone_devices),
            *(f"sensor {owner}/{one.id}" for one in gone_sensors),
        ]

    async def gateways(self) -> list[str]:
        """Of the whole account."""
        listed: set[str] = set()
        page = 0
        while True:
            found = await self._cloud.gateways(page, PAGE)
            listed |= {gateway.id for gateway in found.items}
            if not found.more:
                break
            page += 1
        missing = [one.id for one in await self._lists.gateways() if one.id not in listed]
        return [await self._all_of(one) for one in missing if await self._gone(self._cloud.gateway(one))]

    async def gateway(self, wanted: str) -> str:
        """One that Thing+ was asked for, and has not. Raises ProblemError when it was never known."""
        if wanted not in {known.id for known in await self._lists.gateways()}:
            raise ProblemError.of("unknown-gateway", 404, f"Thing+ has no gateway {wanted}", field="gateway")
        return await self._all_of(wanted)

    async def _all_of(self, gateway: str) -> str:
        """A gateway takes what belongs to it along; its own note comes last, so that a crash forgets nothing."""
        devices, sensors = await self._lists.devices(gateway), await self._lists.sensors(gateway)
        await self._note(self._device, devices)
        await self._note(self._sensor, sensors)
        await self._gateway.deleted(registry.gateway_key(gateway), _now_ms())
        return f"gateway {gateway}, its {len(devices)} devices and {len(sensors)} sensors"

    async def _gone(self, look: Awaitable[Gateway | Device | Sensor | None]) -> bool:
        try:
            return await look is None
        except BadAnswerError:
            return False  # something is there, readable or not

    async def _note(self, registrar: Registrar[E], entities: Sequence[E]) -> None:
        async def one(entity: E) -> None:
            async with self._places:
                await registrar.deleted(registry.key_of(entity), _now_ms())

        await asyncio.gather(*map(one, entities))


def _now_ms() -> int:
    return int(time.time() * 1000)
