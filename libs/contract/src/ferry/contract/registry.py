"""The fleet: gateways, devices and sensors in the guide's names (chapters 5 to 7), and their keys."""

from enum import StrEnum
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import Field, model_validator

from ferry.contract.ids import EntityId, safe_id
from ferry.contract.model import Message, Request
from ferry.contract.problems import Problem

Name = Annotated[str, Field(min_length=1, max_length=256)]
ReportInterval = Annotated[int, Field(ge=60_000, le=604_800_000)]
"""In ms, the bounds that Thing+ accepts."""


MOST_PARTS = 500
"""Devices and sensors that may come with a gateway: the answer must fit into one message."""


class NewDevice(Request):
    """A device that comes with its gateway."""

    name: Name
    model: str | None = None
    req_id: EntityId | None = None


class NewSensor(Request):
    """A sensor that comes with its gateway."""

    device_id: EntityId
    name: Name
    type: str
    driver_name: str | None = None
    model: str | None = None
    category: str | None = None
    req_id: EntityId | None = None


class RegisterGateway(Request):
    """`devices` and `sensors`, at most 500 together, are registered with it, in one call of the cloud's."""

    name: Name
    site_id: str | None = None
    model: str | None = None
    report_interval: ReportInterval | None = None
    req_id: EntityId | None = None
    devices: list[NewDevice] = []
    sensors: list[NewSensor] = []

    @model_validator(mode="after")
    def _parts_are_few_and_differ(self) -> Self:
        for name, parts in (("device", self.devices), ("sensor", self.sensors)):
            ids = [part.req_id for part in parts if part.req_id]
            if len(ids) != len(set(ids)):
                raise ValueError(f"a {name} comes twice")
        if len(self.devices) + len(self.sensors) > MOST_PARTS:
            raise ValueError(f"at most {MOST_PARTS} devices and sensors may come with a gateway")
        return self


class RegisterDevice(NewDevice):
    owner: EntityId


class RegisterSensor(NewSensor):
    owner: EntityId


class Gateway(Message):
    """`reportInterval`, `mtime` and `ctime` are in ms.

    `deletedBefore`, in Unix ms, is when an import did not find it at the cloud any more; registered again, it has none.
    """

    id: EntityId
    name: str
    model: str
    site_id: str
    report_interval: int
    mtime: int = 0
    ctime: int = 0
    deleted_before: int | None = None


class RefusedPart(Message):
    """A device or sensor that came with a gateway and was not registered."""

    noun: Literal["device", "sensor"]
    id: str
    problem: Problem


class RegisteredGateway(Gateway):
    """`refused` is what of its devices and sensors is not registered; all others are."""

    refused: list[RefusedPart] | None = None


class Device(Message):
    id: EntityId
    owner: EntityId
    name: str
    model: str
    mtime: int = 0
    ctime: int = 0
    deleted_before: int | None = None


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
    deleted_before: int | None = None


class Site(Message):
    id: str
    name: str = ""


class SensorModel(Message):
    type: str
    model: str
    driver_name: str
    category: str


class DeviceModel(Message):
    id: str
    sensors: list[SensorModel] = []
    max: int | None = None


class GatewayModel(Message):
    """What may be registered under a gateway (guide, chapter 5.2). `reportInterval` in ms, the default."""

    id: str
    display_name: str = ""
    report_interval: int
    id_format: str = ""
    device_models: list[DeviceModel] = []


class SitesRequest(Request):
    """Asks for all."""


class SiteList(Message):
    items: list[Site]


class ModelRequest(Request):
    model: str = "52"


class GatewayId(Request):
    id: EntityId


class OwnedId(Request):
    """A device or sensor, by its gateway and its own id."""

    owner: EntityId
    id: EntityId


class ListRequest(Request):
    """A page; `owner` narrows devices and sensors to one gateway. `after` is the page before's `next`."""

    owner: EntityId | None = None
    after: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,257}$")] = ""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class GatewayList(Message):
    items: list[Gateway]
    next: str | None = None


class DeviceList(Message):
    items: list[Device]
    next: str | None = None


class SensorList(Message):
    items: list[Sensor]
    next: str | None = None


class ImportRequest(Request):
    """Takes over what the cloud has, a page of its gateways; `gateway` narrows it to one."""

    gateway: EntityId | None = None
    page: Annotated[int, Field(ge=0)] = 0
    """The page before's `next`."""


class Imported(Message):
    """How many are new or changed here; `unreadable` says of each entity that was left out, why.

    `deleted` names what is known here and not at the cloud any more: it stays known, with `deletedBefore`.
    """

    gateways: int
    devices: int
    sensors: int
    unreadable: list[str] = []
    deleted: list[str] = []
    next: int | None = None


Entity = TypeVar("Entity", bound=Gateway | Device | Sensor)


class State(StrEnum):
    """What a record in the bucket says of its entity; a key without a record says nothing."""

    INTENDED = "intended"
    """Asked for here, not at the cloud yet as far as this record says."""
    REGISTERED = "registered"
    RETIRED = "retired"
    """Given up by its operator. The record expires after `RETIRED_KEPT_S`."""


RETIRED_KEPT_S = 30 * 86_400
"""As long as dead letters are kept; after that a retired entity is one that nobody ever registered."""
FILLED_KEY = "_filled"
"""The bucket has this key once it holds the whole fleet. Without it, a missing sensor proves nothing."""


class Record(Message, Generic[Entity]):
    """What the bucket holds under an entity's key. `retiredAt` is in Unix ms."""

    state: State
    entity: Entity
    retired_at: int | None = None


class Filled(Message):
    """What the bucket holds under `FILLED_KEY`: since when, in Unix ms. That the key is there is what counts."""

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
