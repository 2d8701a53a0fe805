"""Requests without an id: the name identifies the entity, so that a repeat concerns the same one."""

from collections.abc import Sequence

from ferry.contract.registry import (
    Device,
    NewDevice,
    NewSensor,
    Place,
    RegisterDevice,
    RegisteredGateway,
    RegisterGateway,
    RegisterSensor,
    Sensor,
)
from ferry.registry.registration.gateway import GatewayRegistration
from ferry.registry.registration.registrar import Registrar
from ferry.registry.rules.ids import Ids
from ferry.registry.rules.wanted import Wanted


class Registration:
    """Every method raises ProblemError; a repeat is always safe."""

    def __init__(
        self,
        ids: Ids,
        wanted: Wanted,
        gateways: GatewayRegistration,
        device: Registrar[Device],
        sensor: Registrar[Sensor],
    ) -> None:
        self._ids = ids
        self._wanted = wanted
        self._gateways = gateways
        self._device = device
        self._sensor = sensor

    async def gateway(self, asked: RegisterGateway) -> RegisteredGateway:
        if asked.req_id is not None:
            return await self._gateways.register(await self._with_parts(asked))
        async with self._ids.reserved(Place(noun="gateway", name=asked.name)) as made:
            named = asked.model_copy(update={"req_id": made})
            return await self._gateways.register(await self._with_parts(named))

    async def device(self, asked: RegisterDevice) -> Device:
        if asked.req_id is not None:
            return await self._device.ensure(await self._wanted.device(asked))
        await self._wanted.owner(asked.owner)
        async with self._ids.reserved(_device_place(asked.owner, asked)) as made:
            return await self._device.ensure(
                await self._wanted.device(asked.model_copy(update={"req_id": made}))
            )

    async def sensor(self, asked: RegisterSensor) -> Sensor:
        if asked.req_id is not None:
            return await self._sensor.ensure(await self._wanted.sensor(asked))
        await self._wanted.a_device(asked.owner, asked.device_id)
        async with self._ids.reserved(_sensor_place(asked.owner, asked)) as made:
            return await self._sensor.ensure(
                await self._wanted.sensor(asked.model_copy(update={"req_id": made}))
            )

    async def _with_parts(self, asked: RegisterGateway) -> RegisterGateway:
        owner = str(asked.req_id)
        devices = await self._named([(part, _device_place(owner, part)) for part in asked.devices])
        sensors = await self._named([(part, _sensor_place(owner, part)) for part in asked.sensors])
        return asked.model_copy(update={"devices": devices, "sensors": sensors})

    async def _named(
        self, parts: Sequence[tuple[NewDevice | NewSensor, Place]]
    ) -> list[NewDevice | NewSensor]:
        missing = [place for part, place in parts if part.req_id is None]
        made = iter(await self._ids.reserve(missing))
        return [
            part if part.req_id is not None else part.model_copy(update={"req_id": next(made)})
            for part, _ in parts
        ]


def _device_place(owner: str, asked: NewDevice) -> Place:
    return Place(noun="device", owner=owner, name=asked.name)


def _sensor_place(owner: str, asked: NewSensor) -> Place:
    return Place(noun="sensor", owner=owner, device_id=asked.device_id, name=asked.name)
