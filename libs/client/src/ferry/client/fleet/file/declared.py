"""The contents of a fleet file: gateways with devices and sensors, defaults, and patterns."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from ferry.contract.registry import ReportInterval

Count = Annotated[int, Field(strict=True, ge=1, le=100_000)]
Interval = Annotated[ReportInterval, Field(strict=True)]


class _Declared(BaseModel):
    """`count` makes so many, with `{n}` from 1 in name and id.

    An entity is the one with its `id`; without, the one of its name in its place. `renamedFrom` is the name it had.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        hide_input_in_errors=True,
    )


class DeclaredSensor(_Declared):
    """`movedFrom` is the name or id of the device that it was on."""

    name: str
    type: str
    id: str | None = None
    count: Count = 1
    driver_name: str | None = None
    model: str | None = None
    category: str | None = None
    renamed_from: str | None = None
    moved_from: str | None = None


class DeclaredDevice(_Declared):
    name: str
    id: str | None = None
    count: Count = 1
    model: str | None = None
    renamed_from: str | None = None
    sensors: list[DeclaredSensor] = []


class DeclaredGateway(_Declared):
    """`site` is a site's name or id, `siteId` its id. `reportInterval` in ms."""

    name: str
    id: str | None = None
    count: Count = 1
    site: str | None = None
    site_id: str | None = None
    model: str | None = None
    report_interval: Interval | None = None
    renamed_from: str | None = None
    devices: list[DeclaredDevice] = []


class Defaults(_Declared):
    """What a gateway has that does not say otherwise. `reportInterval` in ms."""

    site: str | None = None
    site_id: str | None = None
    model: str | None = None
    report_interval: Interval | None = None


class DeclaredSite(_Declared):
    """A site of the account, by its id, its name, or both. The portal makes sites, not Ferry."""

    id: str | None = None
    name: str | None = None

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if self.id is None and self.name is None:
            raise ValueError("a site has an id or a name")
        return self


class FleetFile(_Declared):
    """`sites`, when it is there, names all that the fleet may stand on; of one, it is every gateway's."""

    sites: list[DeclaredSite] = []
    defaults: Defaults = Defaults()
    gateways: list[DeclaredGateway]


LEVELS: dict[str | None, type[_Declared]] = {
    None: FleetFile,
    "sites": DeclaredSite,
    "defaults": Defaults,
    "gateways": DeclaredGateway,
    "devices": DeclaredDevice,
    "sensors": DeclaredSensor,
}


def keys_of(level: str | None) -> list[str]:
    """As the file has them."""
    return [str(field.alias) for field in LEVELS[level].model_fields.values()]


def schema() -> dict[str, Any]:
    """JSON Schema for editors. Keys that begin with `x-` are for anchors."""
    made = FleetFile.model_json_schema(by_alias=True)
    for part in (made, *made["$defs"].values()):
        part["patternProperties"] = {"^x-": {}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Ferry fleet", **made}
