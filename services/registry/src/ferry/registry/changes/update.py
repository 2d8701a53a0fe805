"""Updates a registered entity (name, device, interval): at the cloud first, then in the bucket."""

from typing import Any, TypeVar, cast

from ferry.clouds.errors import CloudError
from ferry.contract.registry import (
    Device,
    Gateway,
    NewSensor,
    Sensor,
    UpdateDevice,
    UpdateGateway,
    UpdateSensor,
    device_key,
    gateway_key,
    model_check,
    sensor_key,
)
from ferry.registry.errors import ConflictError
from ferry.registry.problems import busy, deleted_at_portal, of_cloud, unknown
from ferry.registry.registration.registrar import TRIES, Registrar, alike, entity_of
from ferry.registry.rules.wanted import Wanted

E = TypeVar("E", bound=Gateway | Device | Sensor)
NOT_FOUND = 404


class Update:
    """Every method raises ProblemError; a repeat is always safe, and asks no cloud when all is as it should be."""

    def __init__(
        self, wanted: Wanted, registrars: tuple[Registrar[Gateway], Registrar[Device], Registrar[Sensor]]
    ) -> None:
        self._wanted = wanted
        self._gateway, self._device, self._sensor = registrars

    async def gateway(self, asked: UpdateGateway) -> Gateway:
        return await _updated(self._gateway, gateway_key(asked.id), asked.id, _fields(asked))

    async def device(self, asked: UpdateDevice) -> Device:
        return await _updated(self._device, device_key(asked.owner, asked.id), asked.id, _fields(asked))

    async def sensor(self, asked: UpdateSensor) -> Sensor:
        key = sensor_key(asked.owner, asked.id)
        if asked.device_id is not None:
            await self._check_move(key, asked, asked.device_id)
        return await _updated(self._sensor, key, asked.id, _fields(asked))

    async def _check_move(self, key: str, asked: UpdateSensor, device: str) -> None:
        """The device is there, and may have such a sensor."""
        sensor = await self._sensor.registered(key)
        if sensor is None or sensor.device_id == device:
            return
        owner = await self._wanted.owner(asked.owner)
        model = await self._wanted.account.model(owner.model)
        same = NewSensor(
            device_id=device,
            name=asked.name or "same",
            type=sensor.type,
            driver_name=sensor.driver_name,
            model=sensor.model,
            category=sensor.category,
            req_id=asked.id,
        )
        model_check.sensor_of(model, await self._wanted.a_device(owner.id, device), same)


def _fields(asked: UpdateGateway | UpdateDevice | UpdateSensor) -> dict[str, Any]:
    """What the entity is to have, and that nothing else is declared for it any more."""
    fields = asked.model_dump(exclude={"id", "owner"}, exclude_none=True, by_alias=False)
    return {**fields, **{f"declared_{name}": None for name in ("name", "device_id") if name in fields}}


async def _updated(registrar: Registrar[E], key: str, entity: str, fields: dict[str, Any]) -> E:
    for _ in range(TRIES):
        record, revision = await registrar.get(key)
        before = entity_of(record)
        if before is None:
            raise unknown(registrar.noun, entity)
        if before.deleted_before is not None:
            raise deleted_at_portal(registrar.noun, entity)
        after = cast("E", before.model_copy(update=fields))
        if after == before:
            return before
        if not alike(after, before):
            declared = {name: value for name, value in vars(after).items() if name.startswith("declared_")}
            after = cast("E", (await _at_cloud(registrar, after)).model_copy(update=declared))
            await registrar.tell("changed", after)
        try:
            await registrar.keep(after, revision)
        except ConflictError:
            continue
        return after
    raise busy(registrar.noun, entity)


async def _at_cloud(registrar: Registrar[E], wanted: E) -> E:
    try:
        return await registrar.calls.update(wanted)
    except CloudError as error:
        if error.status == NOT_FOUND and await registrar.find(wanted) is None:
            raise deleted_at_portal(registrar.noun, wanted.id) from None
        raise of_cloud(registrar.noun, error) from None
