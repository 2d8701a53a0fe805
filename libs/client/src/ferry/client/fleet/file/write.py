"""Writes what is registered as a fleet file: YAML or CSV."""

import csv
import json
from collections.abc import Iterator
from typing import Any, TypeVar

import yaml

from ferry.client.fleet.file.declared import DeclaredDevice, DeclaredGateway, DeclaredSensor, FleetFile
from ferry.client.fleet.file.formats.csv_columns import COLUMNS, LEVELS, escaped
from ferry.client.fleet.registered import Registered
from ferry.contract.registry import Device, Gateway, Sensor

E = TypeVar("E", Gateway, Device, Sensor)


def declared(there: Registered) -> FleetFile:
    """The file with every entity written out, with its id, that was not deleted at the portal."""
    sensors: dict[tuple[str, str], list[DeclaredSensor]] = {}
    for sensor in _not_deleted(there.sensors):
        fields = sensor.model_dump(include={"id", "name", "type", "driver_name", "model", "category"})
        sensors.setdefault((sensor.owner, sensor.device_id), []).append(DeclaredSensor(**fields))
    devices: dict[str, list[DeclaredDevice]] = {}
    for device in _not_deleted(there.devices):
        mine = sensors.get((device.owner, device.id), [])
        made = DeclaredDevice(id=device.id, name=device.name, model=device.model, sensors=mine)
        devices.setdefault(device.owner, []).append(made)
    return FleetFile(
        gateways=[
            DeclaredGateway(
                id=gateway.id,
                name=gateway.name,
                site_id=gateway.site_id,
                model=gateway.model,
                report_interval=gateway.report_interval,
                devices=devices.get(gateway.id, []),
            )
            for gateway in _not_deleted(there.gateways)
        ]
    )


def as_yaml(fleet: FleetFile, *, ascii_only: bool = False) -> str:
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(_plain(fleet), Dumper=dumper, sort_keys=False, allow_unicode=not ascii_only))


def as_csv(fleet: FleetFile) -> str:
    """One row a sensor, and one for a device or a gateway that has none."""
    lines = _Lines()
    writer = csv.DictWriter(lines, [name for name in COLUMNS if "From" not in name], lineterminator="\r\n")
    writer.writeheader()
    for row in _rows(_plain(fleet)):
        writer.writerow({column: escaped(str(cell)) for column, cell in row.items()})
    return "".join(lines.rows)


class _Lines:
    """Rows that end in a line feed; a cell is put into quotes for a carriage return too."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    def write(self, row: str) -> None:
        self.rows.append(row.removesuffix("\r\n") + "\n")


def _rows(fleet: dict[str, Any]) -> Iterator[dict[str, object]]:
    for gateway in fleet["gateways"]:
        for device in gateway.get("devices") or [{}]:
            for sensor in device.get("sensors") or [{}]:
                entities = zip(LEVELS.values(), (gateway, device, sensor), strict=True)
                yield {
                    column: entity[field]
                    for columns, entity in entities
                    for column, field in columns.items()
                    if field in entity
                }


def _plain(fleet: FleetFile) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(
        fleet.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True)
    )
    return plain


def _not_deleted(entities: list[E]) -> list[E]:
    return [entity for entity in entities if entity.deleted_before is None]
