"""`fleet.yaml`: gateways with their devices and sensors, with defaults, and patterns for many alike."""

import json
import uuid
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from ferry.contract.ids import EntityId
from ferry.contract.problems import ProblemError
from ferry.contract.registry import RegisterDevice, RegisterGateway, RegisterSensor, ReportInterval

NAMESPACE = uuid.UUID("6f1c1a50-9a53-5d0f-8a4e-0f0f7a1d7c52")
"""Entities without an id get one from their path of names, so that a second run finds them again."""

Count = Annotated[int, Field(ge=1, le=100_000)]


class _Declared(BaseModel):
    """`count` makes so many, with `{n}` from 1 in name and id."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        hide_input_in_errors=True,
    )


class DeclaredSensor(_Declared):
    name: str
    type: str
    id: str | None = None
    count: Count = 1
    driver_name: str | None = None
    model: str | None = None
    category: str | None = None


class DeclaredDevice(_Declared):
    name: str
    id: str | None = None
    count: Count = 1
    model: str | None = None
    sensors: list[DeclaredSensor] = []


class DeclaredGateway(_Declared):
    """`site` is a site's name or id, `siteId` its id."""

    name: str
    id: str | None = None
    count: Count = 1
    site: str | None = None
    site_id: str | None = None
    model: str | None = None
    report_interval: ReportInterval | None = None
    devices: list[DeclaredDevice] = []


class Defaults(_Declared):
    """What a gateway has that does not say otherwise. `reportInterval` in ms."""

    site: str | None = None
    site_id: str | None = None
    model: str | None = None
    report_interval: ReportInterval | None = None


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


class Fleet(BaseModel):
    """The file with its patterns written out: what is asked of the registry, in an order that works.

    `site_of` has, by a gateway's id, what the file calls its site; the account says which that is.
    """

    sites: list[DeclaredSite] = []
    site_of: dict[str, str] = {}
    gateways: list[RegisterGateway]
    devices: list[RegisterDevice]
    sensors: list[RegisterSensor]


def read(path: Path) -> Fleet:
    """Raises ProblemError: no such file, no YAML, a field that does not exist or fit, an id twice."""
    try:
        declared = FleetFile.model_validate(yaml.safe_load(path.read_text()))
        fleet = _write_out(declared)
    except OSError as error:
        raise ProblemError.of("no-file", 400, f"cannot read {path}", detail=error.strerror or "") from None
    except yaml.YAMLError as error:
        raise ProblemError.of(
            "no-yaml", 400, f"{path} is no YAML", detail=" ".join(str(error).split())
        ) from None
    except ValidationError as error:
        raise ProblemError.invalid(error) from None
    except (ValueError, RecursionError) as error:
        # No UTF-8, a date that no calendar has, or nested beyond sense.
        raise ProblemError.of("no-yaml", 400, f"{path} is no YAML", detail=type(error).__name__) from None
    _refuse_twice([item.req_id for item in fleet.gateways], "gateway")
    _refuse_twice([f"{item.owner}/{item.req_id}" for item in fleet.devices], "device")
    _refuse_twice([f"{item.owner}/{item.req_id}" for item in fleet.sensors], "sensor")
    return fleet


def schema() -> dict[str, Any]:
    """JSON Schema for editors."""
    made = FleetFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Ferry fleet", **made}


def write(fleet: FleetFile) -> str:
    plain = json.loads(fleet.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True))
    text: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    return text


def _write_out(declared: FleetFile) -> Fleet:
    fleet = Fleet(sites=declared.sites, gateways=[], devices=[], sensors=[])
    defaults = declared.defaults
    for gateway in declared.gateways:
        for name, gateway_id in _each(gateway, ()):
            if gateway.site and gateway.site_id:
                raise ProblemError.of(
                    "two-sites", 400, f"gateway {name!r} has both a site and a siteId", field="site"
                )
            site_id = gateway.site_id or (None if gateway.site else defaults.site_id)
            if site_id is None and (site := gateway.site or defaults.site):
                fleet.site_of[gateway_id] = site
            fleet.gateways.append(
                RegisterGateway(
                    name=name,
                    req_id=gateway_id,
                    site_id=site_id,
                    model=gateway.model or defaults.model,
                    report_interval=gateway.report_interval or defaults.report_interval,
                )
            )
            for device in gateway.devices:
                _write_device(fleet, device, gateway_id)
    return fleet


def _write_device(fleet: Fleet, device: DeclaredDevice, owner: EntityId) -> None:
    for name, device_id in _each(device, (owner,)):
        fleet.devices.append(RegisterDevice(owner=owner, name=name, model=device.model, req_id=device_id))
        for sensor in device.sensors:
            for sensor_name, sensor_id in _each(sensor, (owner, device_id)):
                fleet.sensors.append(
                    RegisterSensor(
                        owner=owner,
                        device_id=device_id,
                        name=sensor_name,
                        type=sensor.type,
                        driver_name=sensor.driver_name,
                        model=sensor.model,
                        category=sensor.category,
                        req_id=sensor_id,
                    )
                )


def _each(
    declared: DeclaredGateway | DeclaredDevice | DeclaredSensor, path: tuple[str, ...]
) -> list[tuple[str, str]]:
    """Names and ids of what a declaration stands for."""
    if declared.count > 1 and "{n}" not in declared.name:
        raise ProblemError.of(
            "no-pattern",
            400,
            f"{declared.name!r} stands for {declared.count} alike",
            field="name",
            hint="put {n} where the number belongs",
        )
    made = []
    for number in range(1, declared.count + 1):
        name = declared.name.replace("{n}", str(number))
        wanted = declared.id.replace("{n}", str(number)) if declared.id else None
        made.append((name, wanted or uuid.uuid5(NAMESPACE, "/".join((*path, name))).hex))
    return made


def _refuse_twice(ids: list[str | None], noun: str) -> None:
    seen: set[str | None] = set()
    for one in ids:
        if one in seen:
            raise ProblemError.of("twice", 400, f"{noun} {one} is declared twice", field="id")
        seen.add(one)
