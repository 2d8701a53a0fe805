"""Requests to register, change and retire entities."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ferry.contract.ids import EntityId
from ferry.contract.model import Message, Request
from ferry.contract.problems import Problem
from ferry.contract.registry.entities import Gateway

Noun = Literal["gateway", "device", "sensor"]
Name = Annotated[str, Field(min_length=1, max_length=256)]
ReportInterval = Annotated[int, Field(ge=60_000, le=604_800_000)]
"""In ms: the limits that Thing+ accepts."""
MOST_PARTS = 500
"""Devices and sensors that may come with a gateway: the answer must fit into one message."""
MOST_PLACES = 1000


class NewDevice(Request):
    """A device that comes with its gateway. Without `reqId` it is identified by its name on the gateway."""

    name: Name
    model: str | None = None
    """A device model of the gateway's model; by default the only one."""
    req_id: EntityId | None = None
    """The id, if a particular one is required."""


class NewSensor(Request):
    """A sensor that comes with its gateway. Without `reqId` it is identified by its name on the device."""

    device_id: EntityId
    """The device that it is on."""
    name: Name
    type: str
    """A sensor type of the device model, such as `temperature`."""
    driver_name: str | None = None
    model: str | None = None
    category: str | None = None
    """By default these three follow from the type."""
    req_id: EntityId | None = None
    """The id, if a particular one is required."""


class RegisterGateway(Request):
    """`devices` and `sensors`, at most 500 together, are registered with it in one call to the cloud.

    Without `reqId` an id is made and kept under the name: the same request again is about the same gateway.
    """

    name: Name
    site_id: str | None = None
    """By default the account's only site."""
    model: str | None = None
    """The gateway model; by default 52, Thing+'s open model."""
    report_interval: ReportInterval | None = None
    """In ms; by default the model's."""
    req_id: EntityId | None = None
    """The id, if a particular one is required."""
    devices: list[NewDevice] = []
    sensors: list[NewSensor] = []

    @model_validator(mode="after")
    def _parts_are_few_and_differ(self) -> Self:
        for name, meant in (
            ("device", [part.req_id or (part.name,) for part in self.devices]),
            ("sensor", [part.req_id or (part.device_id, part.name) for part in self.sensors]),
        ):
            if len(meant) != len(set(meant)):
                raise ValueError(f"a {name} comes twice")
        if len(self.devices) + len(self.sensors) > MOST_PARTS:
            raise ValueError(f"at most {MOST_PARTS} devices and sensors may come with a gateway")
        return self


class RegisterDevice(NewDevice):
    owner: EntityId
    """The gateway's id."""


class RegisterSensor(NewSensor):
    owner: EntityId
    """The gateway's id."""


class RefusedPart(Message):
    """A device or sensor that came with a gateway and was not registered."""

    noun: Literal["device", "sensor"]
    id: str
    problem: Problem


class RegisteredGateway(Gateway):
    """`refused` lists its devices and sensors that were not registered; all others were."""

    refused: list[RefusedPart] | None = None


class GatewayId(Request):
    id: EntityId


class OwnedId(Request):
    """A device or sensor, by its gateway and its own id."""

    owner: EntityId
    """The gateway's id."""
    id: EntityId


class _Change(Request):
    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if all(getattr(self, name) is None for name in type(self).model_fields.keys() - {"id", "owner"}):
            raise ValueError("nothing to change")
        return self


class UpdateGateway(_Change):
    """Omitted fields stay unchanged."""

    id: EntityId
    name: Name | None = None
    report_interval: ReportInterval | None = None
    """In ms."""


class UpdateDevice(_Change):
    """Omitted fields stay unchanged."""

    owner: EntityId
    """The gateway's id."""
    id: EntityId
    name: Name | None = None


class UpdateSensor(_Change):
    """Omitted fields stay unchanged. `deviceId` moves the sensor to another device of its gateway."""

    owner: EntityId
    """The gateway's id."""
    id: EntityId
    name: Name | None = None
    device_id: EntityId | None = None


class Retired(Message):
    """How many entities were retired, including the requested one; 0 if it had been retired before."""

    gateways: int = 0
    devices: int = 0
    sensors: int = 0


class Place(Request):
    """An entity by name: a gateway, a device of `owner`, or a sensor on `deviceId` of `owner`."""

    noun: Noun
    owner: EntityId | None = None
    device_id: EntityId | None = None
    name: Name

    @model_validator(mode="after")
    def _has_its_parents(self) -> Self:
        if (self.owner is not None) != (self.noun != "gateway"):
            raise ValueError("a device and a sensor have an owner, a gateway has none")
        if (self.device_id is not None) != (self.noun == "sensor"):
            raise ValueError("a sensor has a deviceId, nothing else has one")
        return self


class ReserveIds(Request):
    """Requests an id for each place: the registered entity's, or a new one that is reserved for seven days."""

    places: Annotated[list[Place], Field(min_length=1, max_length=MOST_PLACES)]


class ReservedIds(Message):
    """In the order of the places."""

    ids: list[EntityId]
