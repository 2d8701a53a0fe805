"""What was registered through the portal becomes known here, some gateways at a time."""

import asyncio
from collections.abc import Sequence
from typing import Protocol, TypeVar

from ferry.clouds.errors import CloudError, RefusedError
from ferry.clouds.thingplus_wire import Listed
from ferry.contract import registry
from ferry.contract.problems import ProblemError
from ferry.contract.registry import Device, Gateway, Imported, ImportRequest, Sensor
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


class Takeover:
    def __init__(
        self, cloud: Cloud, registrars: tuple[Registrar[Gateway], Registrar[Device], Registrar[Sensor]]
    ) -> None:
        self._cloud = cloud
        self._gateway, self._device, self._sensor = registrars
        self._places = asyncio.Semaphore(WRITES_AT_ONCE)

    async def page(self, asked: ImportRequest) -> Imported:
        """One page of the account's gateways, or the one asked for. Raises ProblemError; a repeat is safe."""
        try:
            found = await self._asked_for(asked)
            parts = [await self._one(gateway) for gateway in found.items]
        except RefusedError as error:
            raise refused("list", error) from None
        except CloudError as error:
            raise unreachable(error) from None
        return Imported(
            gateways=sum(part.gateways for part in parts),
            devices=sum(part.devices for part in parts),
            sensors=sum(part.sensors for part in parts),
            unreadable=[*found.unreadable, *(words for part in parts for words in part.unreadable)],
            next=asked.page + 1 if found.more else None,
        )

    async def _asked_for(self, asked: ImportRequest) -> Listed[Gateway]:
        if asked.gateway is None:
            return await self._cloud.gateways(asked.page, GATEWAYS_AT_ONCE)
        gateway = await self._cloud.gateway(asked.gateway)
        if gateway is None:
            raise ProblemError.of(
                "unknown-gateway", 404, f"Thing+ has no gateway {asked.gateway}", field="gateway"
            )
        return Listed([gateway], [], more=False)

    async def _one(self, gateway: Gateway) -> Imported:
        devices, sensors = await asyncio.gather(
            self._cloud.devices(gateway.id), self._cloud.sensors(gateway.id)
        )
        device_keys = [registry.device_key(gateway.id, item.id) for item in devices.items]
        sensor_keys = [registry.sensor_key(gateway.id, item.id) for item in sensors.items]
        return Imported(
            gateways=await self._adopt(self._gateway, [registry.gateway_key(gateway.id)], [gateway]),
            devices=await self._adopt(self._device, device_keys, devices.items),
            sensors=await self._adopt(self._sensor, sensor_keys, sensors.items),
            unreadable=[*devices.unreadable, *sensors.unreadable],
        )

    async def _adopt(self, registrar: Registrar[E], keys: Sequence[str], entities: Sequence[E]) -> int:
        async def one(key: str, entity: E) -> bool:
            async with self._places:
                return await registrar.adopt(key, entity)

        return sum(await asyncio.gather(*map(one, keys, entities)))
