"""PUT and DELETE of gateways, devices and sensors: what was registered changes and ends.

A change may hold any part of the entity, also all of it as it was read: what only the cloud decides must then be what
it is (else MISMATCH_ERROR), and what changes by itself (times, leaves, parts) is passed over.
"""

from typing import Any

from msgspec import UNSET, UnsetType, to_builtins

from ferry.sandbox.clock import Clock
from ferry.sandbox.fixtures import DeviceModel
from ferry.sandbox.thingplus.envelope import bad_input, bad_schema, mismatch
from ferry.sandbox.thingplus.fleet.bodies import (
    DeviceChange,
    DeviceDetails,
    GatewayChange,
    GatewayDetails,
    SensorChange,
    SensorDetails,
    details_of,
)
from ferry.sandbox.thingplus.fleet.catalogue import Catalogue, check_sensor
from ferry.sandbox.thingplus.fleet.entities import Sensor
from ferry.sandbox.thingplus.fleet.shown import stored_device, stored_gateway, stored_sensor
from ferry.sandbox.thingplus.fleet.store import Store

INTERVAL_MS = range(60_000, 604_800_001)


class Changes:
    def __init__(self, catalogue: Catalogue, store: Store, clock: Clock) -> None:
        self._catalogue = catalogue
        self._store = store
        self._clock = clock

    def change_gateway(self, tenant: str, name: str, wanted: GatewayChange) -> dict[str, Any]:
        gateway = self._store.gateway(tenant, name)
        _same("id", wanted.id, name)
        _same("tree", wanted.tree, name)
        _same("_site", wanted.site, gateway.site)
        _same("_service", wanted.service, gateway.service)
        model = self._catalogue.model(_or(wanted.model, gateway.model))
        for device in gateway.devices.values():
            if model.device_model(device.model) is None:
                raise mismatch(f"gateway model {model.id!r} has no device model {device.model!r}")
        declared = _or(wanted.device_models, [])
        for each in declared:
            self._catalogue.device_model(model.id, each.model)
        interval = _interval(wanted)
        gateway.model = model.id
        gateway.name = _or(wanted.name, gateway.name)
        gateway.report_interval = gateway.report_interval if interval is None else interval
        gateway.details |= details_of(wanted, GatewayDetails, "desc", "mobile")
        if wanted.device_models is not UNSET:
            gateway.device_models = to_builtins(declared)
        gateway.mtime = self._clock.now_ms()
        self._store.put_gateway(gateway)
        return stored_gateway(gateway)

    def change_device(self, tenant: str, owner: str, name: str, wanted: DeviceChange) -> dict[str, Any]:
        device = self._store.device(tenant, owner, name)
        gateway = self._store.gateways[owner]
        _same("id", wanted.id, name)
        _same("owner", wanted.owner, owner)
        model = self._catalogue.device_model(gateway.model, _or(wanted.model, device.model))
        for sensor in gateway.sensors.values():
            if sensor.device_id == name:
                _check(model, sensor)
        device.model = model.id
        device.name = _or(wanted.name, device.name)
        device.details |= details_of(wanted, DeviceDetails)
        device.mtime = self._clock.now_ms()
        self._store.put_device(gateway, device)
        return stored_device(device)

    def change_sensor(self, tenant: str, owner: str, name: str, wanted: SensorChange) -> dict[str, Any]:
        sensor = self._store.sensor(tenant, owner, name)
        gateway = self._store.gateways[owner]
        _same("id", wanted.id, name)
        _same("owner", wanted.owner, owner)
        device = self._store.device(tenant, owner, _or(wanted.device_id, sensor.device_id))
        if _or(wanted.category, sensor.category) != sensor.category:
            raise bad_input(f"category {wanted.category!r} is not supported over HTTPS")
        model = self._catalogue.device_model(gateway.model, device.model)
        changed = Sensor(
            id=name,
            owner=owner,
            name=_or(wanted.name, sensor.name),
            type=_or(wanted.type, sensor.type),
            driver_name=_or(wanted.driver_name, sensor.driver_name),
            model=_or(wanted.model, sensor.model),
            category=sensor.category,
            device_id=device.id,
            ctime=sensor.ctime,
            mtime=self._clock.now_ms(),
            value_kind=self._catalogue.value_kind(model, _or(wanted.type, sensor.type)),
            details=sensor.details | details_of(wanted, SensorDetails),
            status=sensor.status,
            series=sensor.series,
        )
        _check(model, changed)
        self._store.put_sensor(gateway, changed)
        return stored_sensor(changed)

    def remove_gateway(self, tenant: str, name: str) -> None:
        """With its devices and sensors."""
        self._store.remove_gateway(self._store.gateway(tenant, name))

    def remove_device(self, tenant: str, owner: str, name: str) -> None:
        """With its sensors."""
        device = self._store.device(tenant, owner, name)
        self._store.remove_device(self._store.gateways[owner], device)

    def remove_sensor(self, tenant: str, owner: str, name: str) -> None:
        sensor = self._store.sensor(tenant, owner, name)
        self._store.remove_sensor(self._store.gateways[owner], sensor)


def _or(wanted: Any, present: Any) -> Any:
    return present if wanted is UNSET else wanted


def _same(field: str, wanted: str | UnsetType, present: str) -> None:
    if wanted is not UNSET and wanted != present:
        raise mismatch(f"{field} is {present!r}, not {wanted!r}, and cannot be changed")


def _interval(wanted: GatewayChange) -> int | None:
    """Sent as a number, or back as the text that was read. Raises ThingPlusError."""
    if wanted.report_interval is UNSET:
        return None
    interval = int(wanted.report_interval)
    if interval not in INTERVAL_MS:
        raise bad_schema("reportInterval is from 60000 to 604800000 ms")
    return interval


def _check(model: DeviceModel, sensor: Sensor) -> None:
    check_sensor(model, kind=sensor.type, sensor_model=sensor.model, driver=sensor.driver_name)
