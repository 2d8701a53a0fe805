"""What was registered or deleted through the portal becomes known here, some gateways at a time."""

import asyncio
from collections.abc import Sequence
from typing import Protocol, TypeVar

from ferry.clouds.errors import CloudError, RefusedError
from ferry.clouds.thingplus.listed import Listed
from ferry.contract import registry
from ferry.contract.registry import Device, Gateway, Imported, ImportRequest, Sensor
from ferry.registry.deletions import Deletions
from ferry.registry.registrar import Registrar, refused, unreachable

E = TypeVar("E", bound=Gateway | Device | Sensor)
GATEWAYS_AT_ONCE = 10
"""A request's worth: its answer must come within the time of a request, however large the account is."""
WRITES_AT_ONCE = 32


class Cloud(Protocol):
    async def gateway(self, gateway: str) -> Gateway | None: ...
    async def gateways(self, page: int, count: int) -> Listed[Gateway]: ...
    async def devices(self, owner: str) -> Listed[Device]: ...
    async def sensors(self, owner: str) -> Listed[Sensor]: ...


class Filled(Protocol):
    async def imported(self) -> None: ...


class Takeover:
    def __init__(
        self,
        cloud: Cloud,
        deletions: Deletions,
        filled: Filled,
        registrars: tuple[Registrar[Gateway], Registrar[Device], Registrar[Sensor]],
    ) -> None:
        self._cloud = cloud
        self._deletions = deletions
        self._filled = filled
        self._gateway, self._device, self._sensor = registrars
        self._places = asyncio.Semaphore(WRITES_AT_ONCE)

    async def page(self, asked: ImportRequest) -> Imported:
        """One page of the account's gateways, or the one asked for. Raises ProblemError; a repeat is safe."""
        try:
            if asked.gateway is not None:
                return await self._single(asked.gateway)
            found = await self._cloud.gateways(asked.page, GATEWAYS_AT_ONCE)
            parts = [await self._one(gateway) for gateway in found.items]
            deleted = [] if found.more else await self._deletions.gateways()
            if not found.more:
                await self._filled.imported()
        except RefusedError as error:
            raise refused("list", error) from None
        except CloudError as error:
            raise unreachable(error) from None
        return Imported(
            gateways=sum(part.gateways for part in parts),
            devices=sum(part.devices for part in parts),
            sensors=sum(part.sensors for part in parts),
            unreadable=[*found.unreadable, *(words for part in parts for words in part.unreadable)],
            deleted=[*(words for part in parts for words in part.deleted), *deleted],
            next=asked.page + 1 if found.more else None,
        )

    async def _single(self, wanted: str) -> Imported:
        gateway = await self._cloud.gateway(wanted)
        if gateway is not None:
            return await self._one(gateway)
        deleted = await self._deletions.gateway(wanted)
        return Imported(gateways=0, devices=0, sensors=0, deleted=[deleted])

    async def _one(self, gateway: Gateway) -> Imported:
        devices, sensors = await asyncio.gather(
            self._cloud.devices(gateway.id), self._cloud.sensors(gateway.id)
        )
        return Imported(
            gateways=await self._adopt(self._gateway, [gateway]),
            devices=await self._adopt(self._device, devices.items),
            sensors=await self._adopt(self._sensor, sensors.items),
            unreadable=[*devices.unreadable, *sensors.unreadable],
            deleted=await self._deletions.of(gateway.id, devices.items, sensors.items),
        )

    async def _adopt(self, registrar: Registrar[E], entities: Sequence[E]) -> int:
        async def one(entity: E) -> bool:
            async with self._places:
                return await registrar.adopt(registry.key_of(entity), entity)

        return sum(await asyncio.gather(*map(one, entities)))
