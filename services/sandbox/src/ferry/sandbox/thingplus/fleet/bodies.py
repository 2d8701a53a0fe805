"""What may stand in the body of a registration or a change: Thing+ refuses unknown keys and wrong types."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from ferry.sandbox.thingplus.bodies import Body, Id, Name, WithId, Word

Interval = Annotated[int, msgspec.Meta(ge=60_000, le=604_800_000)]
IntervalText = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{5,9}\Z")]
Flag = Literal["y", "n"]
Category = Literal["sensor", "actuator"]
Stamp = int | Annotated[str, msgspec.Meta(max_length=20)]
Object = dict[str, Any]


class DeclaredModel(Body, kw_only=True):
    """A device model that a gateway has, with the id of its device where there is one."""

    model: Word
    id: Id | UnsetType = UNSET


class GatewayDetails(Body, rename="camel", kw_only=True):
    auto_create_discoverable: Flag | UnsetType = UNSET
    virtual: Flag | UnsetType = UNSET
    delegate: Flag | UnsetType = UNSET
    delegate_info: Object | UnsetType = UNSET
    location: Object | UnsetType = UNSET
    custom_fields: Object | UnsetType = UNSET


class SensorDetails(Body, rename="camel", kw_only=True):
    network: Word | UnsetType = UNSET
    sequence: Word | UnsetType = UNSET
    address: Word | UnsetType = UNSET
    virtual: Flag | UnsetType = UNSET
    delegate: Flag | UnsetType = UNSET
    delegate_info: Object | UnsetType = UNSET
    options: Object | UnsetType = UNSET


class DeviceDetails(Body, rename="camel", kw_only=True):
    address: Word | UnsetType = UNSET


class NewDevice(WithId, DeviceDetails, rename="camel", kw_only=True):
    req_id: Id | UnsetType = UNSET
    id: Id | UnsetType = UNSET
    name: Name
    model: Word


class NewSensor(WithId, SensorDetails, rename="camel", kw_only=True):
    req_id: Id | UnsetType = UNSET
    id: Id | UnsetType = UNSET
    name: Name
    type: Word
    driver_name: Word
    model: Word
    category: Category
    device_id: Word
    owner: Word | UnsetType = UNSET


class GatewayParams(GatewayDetails, rename="camel", kw_only=True):
    name: Name
    model: Word
    site_id: Word
    report_interval: Interval | UnsetType = UNSET
    device_models: Annotated[list[DeclaredModel], msgspec.Meta(max_length=1000)] = []
    devices: Annotated[list[NewDevice], msgspec.Meta(max_length=1000)] = []
    sensors: Annotated[list[NewSensor], msgspec.Meta(max_length=10_000)] = []


class NewGateway(WithId, Body, rename="camel", kw_only=True):
    req_id: Id | UnsetType = UNSET
    id: Id | UnsetType = UNSET
    params: GatewayParams


class GatewayChange(GatewayDetails, rename="camel", kw_only=True):
    id: Word | UnsetType = UNSET
    ctime: Stamp | UnsetType = UNSET
    mtime: Stamp | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    model: Word | UnsetType = UNSET
    desc: Name | UnsetType = UNSET
    mobile: Word | UnsetType = UNSET
    report_interval: Interval | IntervalText | UnsetType = UNSET
    device_models: Annotated[list[DeclaredModel], msgspec.Meta(max_length=1000)] | UnsetType = UNSET
    site: Word | UnsetType = msgspec.field(default=UNSET, name="_site")
    service: Word | UnsetType = msgspec.field(default=UNSET, name="_service")
    tree: Word | UnsetType = UNSET
    devices: list[str | Object] | UnsetType = UNSET
    sensors: list[str | Object] | UnsetType = UNSET
    status: str | Object | UnsetType = UNSET


class DeviceChange(DeviceDetails, rename="camel", kw_only=True):
    id: Word | UnsetType = UNSET
    ctime: Stamp | UnsetType = UNSET
    mtime: Stamp | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    model: Word | UnsetType = UNSET
    owner: Word | UnsetType = UNSET


class SensorChange(SensorDetails, rename="camel", kw_only=True):
    id: Word | UnsetType = UNSET
    ctime: Stamp | UnsetType = UNSET
    mtime: Stamp | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    type: Word | UnsetType = UNSET
    driver_name: Word | UnsetType = UNSET
    model: Word | UnsetType = UNSET
    category: Category | UnsetType = UNSET
    device_id: Word | UnsetType = UNSET
    owner: Word | UnsetType = UNSET
    status: str | Object | UnsetType = UNSET
    series: str | Object | UnsetType = UNSET


def details_of(body: Body, kind: type[Body], *more: str) -> dict[str, Any]:
    """The optional fields of `kind` (and those named by their wire's name) that were given, under those names."""
    wanted = {field.encode_name for field in msgspec.structs.fields(kind)} | set(more)
    return {
        field.encode_name: getattr(body, field.name)
        for field in msgspec.structs.fields(type(body))
        if field.encode_name in wanted and getattr(body, field.name) is not UNSET
    }
