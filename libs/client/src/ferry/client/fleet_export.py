"""What is registered, as a fleet file."""

from typing import TypeVar

from ferry.client.fleet_file import DeclaredDevice, DeclaredGateway, DeclaredSensor, FleetFile
from ferry.client.fleet_plan import Registered
from ferry.contract.registry import Device, Gateway, Sensor

E = TypeVar("E", Gateway, Device, Sensor)


def declared(there: Registered) -> FleetFile:
    """The file with every entity written out that was not deleted at the portal."""
    there = Registered(_not_deleted(there.gateways), _not_deleted(there.devices), _not_deleted(there.sensors))
    sensors: dict[tuple[str, str], list[DeclaredSensor]] = {}
    for sensor in there.sensors:
        fields = sensor.model_dump(include={"id", "name", "type", "driver_name", "model", "category"})
        sensors.setdefault((sensor.owner, sensor.device_id), []).append(DeclaredSensor(**fields))
    devices: dict[str, list[DeclaredDevice]] = {}
    for device in there.devices:
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
            for gateway in there.gateways
        ]
    )


def _not_deleted(entities: list[E]) -> list[E]:
    return [entity for entity in entities if entity.deleted_before is None]
