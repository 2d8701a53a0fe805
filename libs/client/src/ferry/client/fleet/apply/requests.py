"""A plan's items as the registry's requests."""

from ferry.client.fleet.plan import Change, Retirement
from ferry.client.fleet.registered import owner_of
from ferry.client.fleet.wanted import Wanted
from ferry.contract import subjects
from ferry.contract.registry import (
    Device,
    Gateway,
    GatewayId,
    NewDevice,
    NewSensor,
    Noun,
    OwnedId,
    RegisterDevice,
    RegisterGateway,
    RegisterSensor,
    Sensor,
    UpdateDevice,
    UpdateGateway,
    UpdateSensor,
)

UPDATE: dict[Noun, str] = {
    "gateway": subjects.REGISTRY_GATEWAYS_UPDATE,
    "device": subjects.REGISTRY_DEVICES_UPDATE,
    "sensor": subjects.REGISTRY_SENSORS_UPDATE,
}
RETIRE: dict[Noun, str] = {
    "gateway": subjects.REGISTRY_GATEWAYS_RETIRE,
    "device": subjects.REGISTRY_DEVICES_RETIRE,
    "sensor": subjects.REGISTRY_SENSORS_RETIRE,
}
ENTITY: dict[Noun, type[Gateway] | type[Device] | type[Sensor]] = {
    "gateway": Gateway,
    "device": Device,
    "sensor": Sensor,
}


def with_parts(gateway: Wanted, parts: list[Wanted]) -> RegisterGateway:
    """A gateway, and those of its devices and sensors that come with it."""
    return RegisterGateway.model_validate(
        {
            **_fields(gateway),
            "devices": [NewDevice.model_validate(_fields(one)) for one in parts if one.noun == "device"],
            "sensors": [NewSensor.model_validate(_fields(one)) for one in parts if one.noun == "sensor"],
        }
    )


def part(one: Wanted) -> tuple[str, RegisterDevice | RegisterSensor]:
    fields = {**_fields(one), "owner": one.gateway.id}
    if one.noun == "sensor":
        return subjects.REGISTRY_SENSORS_REGISTER, RegisterSensor.model_validate(fields)
    return subjects.REGISTRY_DEVICES_REGISTER, RegisterDevice.model_validate(fields)


def update(change: Change) -> UpdateGateway | UpdateDevice | UpdateSensor:
    fields: dict[str, object] = {name: declared for name, (_, declared) in change.fields.items()}
    if "deviceId" in fields and change.wanted.parent is not None:
        fields["deviceId"] = change.wanted.parent.id
    fields["id"] = change.entity.id
    if change.wanted.noun == "gateway":
        return UpdateGateway.model_validate(fields)
    fields["owner"] = owner_of(change.entity)
    if change.wanted.noun == "device":
        return UpdateDevice.model_validate(fields)
    return UpdateSensor.model_validate(fields)


def retire(one: Retirement) -> GatewayId | OwnedId:
    if one.noun == "gateway":
        return GatewayId(id=one.entity.id)
    return OwnedId(owner=owner_of(one.entity), id=one.entity.id)


def _fields(one: Wanted) -> dict[str, object]:
    device = {"deviceId": one.parent.id} if one.noun == "sensor" and one.parent is not None else {}
    return {"reqId": one.id, "name": one.name, **one.fields, **device}
