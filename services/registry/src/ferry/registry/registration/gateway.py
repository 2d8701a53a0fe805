"""A gateway with its devices and sensors by one call of the cloud's (guide, chapter 5; 207 is a part of them).

The gateway's event comes before those of its parts, its record after all of theirs: a repeat after a crash
finds the gateway unfinished, and what the cloud has by then is taken over.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from ferry.clouds.errors import CloudError
from ferry.clouds.thingplus.listed import Listed, Registered
from ferry.contract.problems import ProblemError
from ferry.contract.registry import Device, Gateway, RegisteredGateway, RegisterGateway, Sensor, model_check
from ferry.registry.errors import ConflictError
from ferry.registry.problems import of_cloud
from ferry.registry.registration.parts import E, Parts
from ferry.registry.registration.registrar import Registrar
from ferry.registry.rules.wanted import Wanted, no_such_device


class Cloud(Protocol):
    async def register_gateway(
        self, wanted: Gateway, devices: Sequence[Device] = (), sensors: Sequence[Sensor] = ()
    ) -> Registered: ...
    async def devices(self, owner: str) -> Listed[Device]: ...
    async def sensors(self, owner: str) -> Listed[Sensor]: ...


class GatewayRegistration:
    def __init__(
        self,
        cloud: Cloud,
        rules: Wanted,
        registrars: tuple[Registrar[Gateway], Registrar[Device], Registrar[Sensor]],
    ) -> None:
        self._cloud = cloud
        self._rules = rules
        self._gateway, self._device, self._sensor = registrars

    async def register(self, asked: RegisterGateway) -> RegisteredGateway:
        """Raises ProblemError when the gateway is not registered; which of its parts are not, the answer says."""
        wanted = await self._rules.gateway(asked)
        devices, sensors = await self._checked(asked, wanted)
        there, revision = await self._gateway.look(wanted)
        await asyncio.gather(devices.look(), sensors.look())
        if there is not None:
            found = Registered(there, [], [])
        else:
            found = await self._at_cloud(wanted, devices, sensors)
            await self._gateway.tell("registered", found.gateway)
        await devices.settle(found.devices)
        _refuse_orphans(wanted, devices, sensors)
        await sensors.settle(found.sensors)
        gateway = there or await self._kept(found.gateway, revision)
        return RegisteredGateway(**dict(gateway), refused=[*devices.refused, *sensors.refused] or None)

    async def _checked(self, asked: RegisterGateway, owner: Gateway) -> tuple[Parts[Device], Parts[Sensor]]:
        """What each part resolves to, or its problem: one wrong part does not affect the others."""
        model = await self._rules.account.model(owner.model)
        known = {device.id: device for device in await self._rules.devices(owner.id)}
        devices, sensors = Parts("device", self._device), Parts("sensor", self._sensor)
        for new in asked.devices:
            before = known.get(str(new.req_id))
            try:
                device = model_check.device_of(model, owner.id, new, before.model if before else None)
                if before is None:
                    model_check.check_room(model, device, known.values())
                known[device.id] = devices.wanted[device.id] = device
            except ProblemError as error:
                devices.refuse(str(new.req_id), error)
        for part in asked.sensors:
            try:
                if part.device_id not in known:
                    raise no_such_device(owner.id, part.device_id)
                sensor = model_check.sensor_of(model, known[part.device_id], part)
                sensors.wanted[sensor.id] = sensor
            except ProblemError as error:
                sensors.refuse(str(part.req_id), error)
        return devices, sensors

    async def _at_cloud(self, wanted: Gateway, devices: Parts[Device], sensors: Parts[Sensor]) -> Registered:
        """What the cloud has after the call, whatever it answered. Raises ProblemError."""
        shown = Registered(wanted, [], [])

        async def register(gateway: Gateway) -> Gateway:
            nonlocal shown
            shown = await self._cloud.register_gateway(gateway, devices.missing, sensors.missing)
            return shown.gateway

        gateway = await self._gateway.at_cloud(wanted, register)
        try:
            return Registered(
                gateway,
                await _all_of(devices, shown.devices, gateway.id, self._cloud.devices),
                await _all_of(sensors, shown.sensors, gateway.id, self._cloud.sensors),
            )
        except CloudError as error:
            raise of_cloud("list", error) from None

    async def _kept(self, found: Gateway, revision: int) -> Gateway:
        try:
            await self._gateway.keep(found, revision)
        except ConflictError:  # registered concurrently by another request
            return await self._gateway.ensure(found)
        return found


async def _all_of(
    parts: Parts[E], shown: list[E], owner: str, look: Callable[[str], Awaitable[Listed[E]]]
) -> list[E]:
    """What the answer shows, or, where it does not show all, what the cloud lists."""
    if {one.id for one in parts.missing} <= {one.id for one in shown}:
        return shown
    return (await look(owner)).items


def _refuse_orphans(owner: Gateway, devices: Parts[Device], sensors: Parts[Sensor]) -> None:
    lost = {part.id: ProblemError(part.problem) for part in devices.refused}
    for sensor in list(sensors.wanted.values()):
        error = lost.get(sensor.device_id)
        if error is not None:
            later = error.problem.status >= 500  # noqa: PLR2004 - HTTP's own
            sensors.refuse(sensor.id, error if later else no_such_device(owner.id, sensor.device_id))
