"""Retires an entity: deletes it at the cloud first, then records that, so that a repeat continues after a crash."""

import asyncio
from collections.abc import Iterable
from typing import Protocol, TypeVar

from ferry.clouds.errors import CloudError
from ferry.contract.registry import (
    Device,
    Gateway,
    GatewayId,
    OwnedId,
    Retired,
    Sensor,
    State,
    device_key,
    gateway_key,
    key_of,
    sensor_key,
)
from ferry.registry.errors import ConflictError
from ferry.registry.problems import busy, of_cloud, unknown
from ferry.registry.registration.registrar import TRIES, Registrar, entity_of

E = TypeVar("E", Gateway, Device, Sensor)
AT_ONCE = 32


class Lists(Protocol):
    async def devices(self, owner: str) -> list[Device]: ...
    async def sensors(self, owner: str) -> list[Sensor]: ...


class Retire:
    """Every method raises ProblemError; a repeat is always safe. What is retired already is not counted again."""

    def __init__(
        self, lists: Lists, registrars: tuple[Registrar[Gateway], Registrar[Device], Registrar[Sensor]]
    ) -> None:
        self._lists = lists
        self._gateway, self._device, self._sensor = registrars
        self._places = asyncio.Semaphore(AT_ONCE)

    async def gateway(self, asked: GatewayId) -> Retired:
        """What belongs to a gateway is gone with it at the cloud; its own record comes last."""
        gateway = await _live(self._gateway, gateway_key(asked.id), asked.id)
        if gateway is None:
            return Retired()
        devices, sensors = await self._lists.devices(gateway.id), await self._lists.sensors(gateway.id)
        await _delete(self._gateway, gateway)
        await self._gateway.tell("retired", gateway)
        done = Retired(
            gateways=1,
            devices=await self._note(self._device, devices),
            sensors=await self._note(self._sensor, sensors),
        )
        await _noted(self._gateway, gateway_key(asked.id), asked.id, told=True)
        return done

    async def device(self, asked: OwnedId) -> Retired:
        """Its sensors go before it."""
        key = device_key(asked.owner, asked.id)
        device = await _live(self._device, key, asked.id)
        if device is None:
            return Retired()
        sensors = [one for one in await self._lists.sensors(device.owner) if one.device_id == device.id]
        gone = await asyncio.gather(*map(self._sensor_gone, sensors))
        await _delete(self._device, device)
        return Retired(devices=await _noted(self._device, key, asked.id), sensors=sum(gone))

    async def sensor(self, asked: OwnedId) -> Retired:
        sensor = await _live(self._sensor, sensor_key(asked.owner, asked.id), asked.id)
        return Retired() if sensor is None else Retired(sensors=await self._sensor_gone(sensor))

    async def _sensor_gone(self, sensor: Sensor) -> int:
        async with self._places:
            await _delete(self._sensor, sensor)
            return await _noted(self._sensor, key_of(sensor), sensor.id)

    async def _note(self, registrar: Registrar[E], entities: Iterable[E]) -> int:
        async def one(entity: E) -> int:
            async with self._places:
                return await _noted(registrar, key_of(entity), entity.id)

        return sum(await asyncio.gather(*map(one, entities)))


async def _live(registrar: Registrar[E], key: str, entity: str) -> E | None:
    """None when it is retired already."""
    record, _ = await registrar.get(key)
    if record is None:
        raise unknown(registrar.noun, entity)
    return entity_of(record)


async def _delete(registrar: Registrar[E], entity: E) -> None:
    if entity.deleted_before is not None:
        return  # an import found that the cloud no longer has it
    try:
        await registrar.calls.delete(entity)
    except CloudError as error:
        raise of_cloud(registrar.noun, error) from None


async def _noted(registrar: Registrar[E], key: str, entity: str, *, told: bool = False) -> int:
    for _ in range(TRIES):
        record, revision = await registrar.get(key)
        if record is None or record.state == State.RETIRED:
            return 0
        try:
            await registrar.retire(record.entity, revision, told=told)
        except ConflictError:
            continue
        return 1
    raise busy(registrar.noun, entity)
