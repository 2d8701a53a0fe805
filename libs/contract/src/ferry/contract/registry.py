"""The fleet: gateways, devices and sensors in the guide's names (chapters 5 to 7), and their keys."""

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import Field

from ferry.contract.ids import EntityId, safe_id
from ferry.contract.model import Message, Request

Name = Annotated[str, Field(min_length=1, max_length=256)]
ReportInterval = Annotated[int, Field(ge=60_000, le=604_800_000)]
"""In ms, the bounds that Thing+ accepts."""


class RegisterGateway(Request):
    name: Name
    site_id: str | None = None
    model: str | None = None
    report_interval: ReportInterval | None = None
    req_id: EntityId | None = None


class RegisterDevice(Request):
    owner: EntityId
    name: Name
    model: str | None = None
    req_id: EntityId | None = None


class RegisterSensor(Request):
    owner: EntityId
    device_id: EntityId
    name: Name
    type: str
    driver_name: str | None = None
    model: str | None = None
    category: str | None = None
    req_id: EntityId | None = None


class Gateway(Message):
    """`reportInterval`, `mtime` and `ctime` are in ms."""

    id: EntityId
    name: str
    model: str
    site_id: str
    report_interval: int
    mtime: int = 0
    ctime: int = 0


class Device(Message):
    id: EntityId
    owner: EntityId
    name: str
    model: str
    mtime: int = 0
    ctime: int = 0


class Sensor(Message):
    id: EntityId
    owner: EntityId
    device_id: EntityId
    name: str
    type: str
    driver_name: str
    model: str
    category: str
    mtime: int = 0
    ctime: int = 0


Entity = TypeVar("Entity", Gateway, Device, Sensor)


class Record(Message, Generic[Entity]):
    """What the bucket holds: an intention comes before the call, so a crash repeats it."""

    state: Literal["intended", "registered"]
    entity: Entity


def gateway_key(gateway: str) -> str:
    return f"gateways.{safe_id(gateway)}"


def device_key(gateway: str, device: str) -> str:
    return f"devices.{safe_id(gateway)}.{safe_id(device)}"


def sensor_key(gateway: str, sensor: str) -> str:
    return f"sensors.{safe_id(gateway)}.{safe_id(sensor)}"
