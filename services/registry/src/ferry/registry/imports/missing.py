"""Entities that are registered here but no longer listed by the cloud: checked one by one, and marked if they are gone.

That a list lacks an entity is no proof: a GET that finds nothing is. Each is noted as soon as it is found missing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from ferry.clouds.errors import CloudError
from ferry.contract.registry import Device, Gateway, Sensor, key_of
from ferry.registry.imports.notes import deleted, now_ms
from ferry.registry.imports.pace import AT_ONCE, PausedError
from ferry.registry.imports.step import Step
from ferry.registry.registration.registrar import Registrar

E = TypeVar("E", bound=Gateway | Device | Sensor)
WRITES_AT_ONCE = 32


class Lists(Protocol):
    """What is registered."""

    async def gateways(self) -> list[Gateway]: ...
    async def devices(self, owner: str) -> list[Device]: ...
    async def sensors(self, owner: str) -> list[Sensor]: ...


class Missing:
    """Every method raises ProblemError, and PausedError when some could not be looked for in this step."""

    def __init__(
        self, lists: Lists, registrars: tuple[Registrar[Gateway], Registrar[Device], Registrar[Sensor]]
    ) -> None:
        self._lists = lists
        self._gateway, self._device, self._sensor = registrars
        self._writes = asyncio.Semaphore(WRITES_AT_ONCE)

    async def of(self, step: Step, owner: str, devices: Sequence[Device], sensors: Sequence[Sensor]) -> None:
        """Of one gateway, of which the cloud lists these."""
        listed = {*map(key_of, devices), *map(key_of, sensors)}

        async def device_gone(one: Device) -> None:
            await self._note(self._device, one)
            step.deleted.append(f"device {owner}/{one.id}")

        async def sensor_gone(one: Sensor) -> None:
            await self._note(self._sensor, one)
            step.deleted.append(f"sensor {owner}/{one.id}")

        unlisted_devices = _unlisted(await self._lists.devices(owner), listed)
        unlisted_sensors = _unlisted(await self._lists.sensors(owner), listed)
        await self._look(step, self._device, unlisted_devices, device_gone)
        await self._look(step, self._sensor, unlisted_sensors, sensor_gone)

    async def gateways(self, step: Step, listed: set[str]) -> None:
        """Of the whole account, of which the cloud lists these."""

        async def gone(one: Gateway) -> None:
            step.deleted.append(await self.all_of(one))

        unlisted = [
            one for one in await self._lists.gateways() if one.id not in listed and one.deleted_before is None
        ]
        await self._look(step, self._gateway, unlisted, gone)

    async def all_of(self, gateway: Gateway) -> str:
        """A gateway takes what belongs to it along; its own record comes last, so that a crash forgets nothing."""
        devices = _unlisted(await self._lists.devices(gateway.id), ())
        sensors = _unlisted(await self._lists.sensors(gateway.id), ())
        await self._gateway.tell("deleted", gateway.model_copy(update={"deleted_before": now_ms()}))
        await asyncio.gather(*(self._note(self._device, one) for one in devices))
        await asyncio.gather(*(self._note(self._sensor, one) for one in sensors))
        await deleted(self._gateway, gateway, told=True)
        return f"gateway {gateway.id}, its {len(devices)} devices and {len(sensors)} sensors"

    async def _look(
        self,
        step: Step,
        registrar: Registrar[E],
        unlisted: Sequence[E],
        gone: Callable[[E], Awaitable[None]],
    ) -> None:
        async def one(entity: E, *, first: bool) -> None:
            try:
                found = await step.pace.call(registrar.calls.find(entity), first=first)
            except CloudError:
                return  # something is there, or nothing is proven
            if found is None:
                await gone(entity)

        looks = (one(entity, first=number < AT_ONCE) for number, entity in enumerate(unlisted))
        for end in await asyncio.gather(*looks, return_exceptions=True):
            if isinstance(end, BaseException) and not isinstance(end, PausedError):
                raise end
            if end is not None:
                raise PausedError

    async def _note(self, registrar: Registrar[E], entity: E) -> None:
        async with self._writes:
            await deleted(registrar, entity)


def _unlisted(entities: Iterable[E], listed: Iterable[str]) -> list[E]:
    known = set(listed)
    return [one for one in entities if one.deleted_before is None and key_of(one) not in known]
