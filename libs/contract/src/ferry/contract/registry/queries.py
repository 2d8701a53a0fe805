"""Requests about the fleet, and to import it from the cloud."""

from typing import Annotated

from pydantic import Field

from ferry.contract.ids import EntityId
from ferry.contract.model import Message, Request
from ferry.contract.registry.entities import Device, Gateway, Sensor, Site


class SitesRequest(Request):
    """Requests everything."""


class SiteList(Message):
    items: list[Site]


class ModelRequest(Request):
    model: str = "52"


class ListRequest(Request):
    """A page; `owner` narrows devices and sensors to one gateway. `after` is the previous page's `next`."""

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
    """Imports part of what the cloud has; `gateway` restricts it to one.

    `after` is the `next` of the previous answer. Without it, an import interrupted within the last hour resumes
    where it was, unless `restart` is set.
    """

    gateway: EntityId | None = None
    after: Annotated[str, Field(pattern=r"^[A-Za-z0-9_:,-]{1,2000}$")] | None = None
    restart: bool = False


class Imported(Message):
    """How many are new or changed here; `unreadable` gives the reason for each entity that was skipped.

    `deleted` names what is registered here and not at the cloud any more: its record stays, with `deletedBefore`.
    `resumed`: this answer resumes an earlier import. `retryAfter`, in s: the cloud asked for a pause.
    """

    gateways: int = 0
    devices: int = 0
    sensors: int = 0
    unreadable: list[str] = []
    deleted: list[str] = []
    next: str | None = None
    resumed: bool = False
    retry_after: float | None = None
