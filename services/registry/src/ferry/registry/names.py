"""Identifies an entity by name: by the one last requested here, else by the one it has."""

import json

from ferry.contract.registry import Device, Gateway, Place, Sensor

Entity = Gateway | Device | Sensor


def names_of(entity: Entity) -> tuple[str, ...]:
    """Where it was last asked for here, and where it is now."""
    now = entity.model_copy(update={"declared_name": None, "declared_device_id": None})
    return tuple(dict.fromkeys((_name(entity), _name(now))))


def name_of(place: Place) -> str:
    return json.dumps([place.noun, place.owner, place.device_id, place.name])


def keep_declared(before: Entity, found: Entity) -> Entity:
    """`found` at the cloud, with the name (and the device) that was asked for here for what was `before`."""
    name = before.declared_name or before.name
    declared = {"declared_name": name if name != found.name else None}
    if isinstance(before, Sensor) and isinstance(found, Sensor):
        device = before.declared_device_id or before.device_id
        declared["declared_device_id"] = device if device != found.device_id else None
    return found.model_copy(update=declared)


def _name(entity: Entity) -> str:
    device = None
    name = entity.declared_name or entity.name
    if isinstance(entity, Gateway):
        return json.dumps(["gateway", None, None, name])
    if isinstance(entity, Device):
        return json.dumps(["device", entity.owner, None, name])
    device = entity.declared_device_id or entity.device_id
    return json.dumps(["sensor", entity.owner, device, name])
