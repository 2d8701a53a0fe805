"""The records of the bucket `ferry-registry` and their keys."""

from enum import StrEnum
from typing import Generic, TypeVar

from ferry.contract.ids import safe_id
from ferry.contract.model import Message
from ferry.contract.registry.entities import Device, Gateway, Sensor

Entity = TypeVar("Entity", bound=Gateway | Device | Sensor)


class State(StrEnum):
    """The state of the entity in a record."""

    REGISTERED = "registered"
    RETIRED = "retired"
    """Retired by an operator. The record expires after `RETIRED_KEPT_S`."""


RETIRED_KEPT_S = 30 * 86_400
"""As long as dead letters are kept; after that a retired entity counts as never registered."""
FILLED_KEY = "_filled"
"""The bucket has this key once it holds the whole fleet. Without it, a missing sensor proves nothing."""


class Record(Message, Generic[Entity]):
    """What the bucket holds under an entity's key. `retiredAt` is in Unix ms."""

    state: State
    entity: Entity
    retired_at: int | None = None


class Filled(Message):
    """What the bucket holds under `FILLED_KEY`: since when, in Unix ms. Only the existence of the key matters."""

    at: int


def gateway_key(gateway: str) -> str:
    return f"gateways.{safe_id(gateway)}"


def device_key(gateway: str, device: str) -> str:
    return f"devices.{safe_id(gateway)}.{safe_id(device)}"


def sensor_key(gateway: str, sensor: str) -> str:
    return f"sensors.{safe_id(gateway)}.{safe_id(sensor)}"


def key_of(entity: Gateway | Device | Sensor) -> str:
    if isinstance(entity, Gateway):
        return gateway_key(entity.id)
    if isinstance(entity, Device):
        return device_key(entity.owner, entity.id)
    return sensor_key(entity.owner, entity.id)
