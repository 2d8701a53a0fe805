"""Guide, chapters 5 to 7: gateways, devices and sensors come into being.

What is checked, in this order: the body's schema, who owns what is named, whether the id is free, the plan, the models.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from msgspec import UNSET, to_builtins

from ferry.sandbox.clock import Clock
from ferry.sandbox.thingplus.accounts.tenants import Accounts
from ferry.sandbox.thingplus.envelope import ThingPlusError, bad_input, error, mismatch, success
from ferry.sandbox.thingplus.fleet.bodies import (
    DeviceDetails,
    GatewayDetails,
    NewDevice,
    NewGateway,
    NewSensor,
    SensorDetails,
    details_of,
)
from ferry.sandbox.thingplus.fleet.catalogue import Catalogue, check_sensor
from ferry.sandbox.thingplus.fleet.entities import Device, Gateway, Sensor
from ferry.sandbox.thingplus.fleet.shown import new_device, new_gateway, new_sensor
from ferry.sandbox.thingplus.fleet.store import Store

T = TypeVar("T", NewDevice, NewSensor)


class Registration:
    def __init__(self, catalogue: Catalogue, accounts: Accounts, store: Store, clock: Clock) -> None:
        self._catalogue = catalogue
        self._accounts = accounts
        self._store = store
        self._clock = clock

    def register_gateway(self, tenant: str, wanted: NewGateway) -> dict[str, Any]:
        """The envelope: 201, or 207 when devices or sensors came along and some of them were refused."""
        gateway = self._new_gateway(tenant, wanted)
        self._store.put_gateway(gateway)
        shown = new_gateway(gateway)
        problems: list[dict[str, str]] = []
        if wanted.params.devices:
            add_device = partial(self.register_device, tenant, gateway.id)
            shown["devices"] = _each(wanted.params.devices, "device", add_device, problems)
        if wanted.params.sensors:
            add_sensor = partial(self.register_sensor, tenant, gateway.id)
            shown["sensors"] = _each(wanted.params.sensors, "sensor", add_sensor, problems)
        if not problems:
            return success(201, shown)
        return success(207, shown) | {"errors": problems}

    def _new_gateway(self, tenant: str, wanted: NewGateway) -> Gateway:
        params, name = wanted.params, wanted.wanted_id
        site = self._accounts.site(tenant, params.site_id)
        if name in self._store.gateways:
            self._store.gateway(tenant, name)
            raise ThingPlusError(409, "CONFLICT", f"gateway {name!r} is already registered")
        self._accounts.check_gateways(
            tenant,
            site.id,
            self._store.gateway_count(tenant=tenant),
            self._store.gateway_count(site=site.id),
        )
        model = self._catalogue.model(params.model)
        for declared in params.device_models:
            self._catalogue.device_model(model.id, declared.model)
        now = self._clock.now_ms()
        return Gateway(
            id=name,
            tenant=tenant,
            name=params.name,
            model=model.id,
            site=site.id,
            service="1",
            report_interval=model.report_interval
            if params.report_interval is UNSET
            else params.report_interval,
            ctime=now,
            mtime=now,
            details=details_of(params, GatewayDetails),
            device_models=to_builtins(params.device_models),
        )

    def register_device(self, tenant: str, owner: str, wanted: NewDevice) -> dict[str, Any]:
        gateway = self._store.gateway(tenant, owner)
        name = wanted.wanted_id
        if self._store.has_device(name):
            raise ThingPlusError(409, "CONFLICT", f"device {name!r} is already registered")
        model = self._catalogue.device_model(gateway.model, wanted.model)
        of_model = sum(device.model == model.id for device in gateway.devices.values())
        if of_model >= model.max:
            raise bad_input(f"the gateway's model allows {model.max} devices of {model.id!r}")
        now = self._clock.now_ms()
        device = Device(name, owner, wanted.name, model.id, now, now, details_of(wanted, DeviceDetails))
        self._store.put_device(gateway, device)
        return new_device(device)

    def register_sensor(self, tenant: str, owner: str, wanted: NewSensor) -> dict[str, Any]:
        gateway = self._store.gateway(tenant, owner)
        name = wanted.wanted_id
        if wanted.owner is not UNSET and wanted.owner != owner:
            raise mismatch(f"owner is {owner!r}, not {wanted.owner!r}")
        if self._store.has_sensor(name):
            raise ThingPlusError(409, "CONFLICT", f"sensor {name!r} is already registered")
        self._accounts.check_sensors(
            tenant,
            gateway.site,
            self._store.sensor_count(tenant=tenant),
            self._store.sensor_count(site=gateway.site),
        )
        sensor = self._new_sensor(tenant, gateway, wanted)
        self._store.put_sensor(gateway, sensor)
        return new_sensor(sensor)

    def _new_sensor(self, tenant: str, gateway: Gateway, wanted: NewSensor) -> Sensor:
        device = self._store.device(tenant, gateway.id, wanted.device_id)
        if wanted.category != "sensor":
            raise bad_input(f"category {wanted.category!r} is not supported over HTTPS")
        model = self._catalogue.device_model(gateway.model, device.model)
        check_sensor(model, kind=wanted.type, sensor_model=wanted.model, driver=wanted.driver_name)
        now = self._clock.now_ms()
        return Sensor(
            id=wanted.wanted_id,
            owner=gateway.id,
            name=wanted.name,
            type=wanted.type,
            driver_name=wanted.driver_name,
            model=wanted.model,
            category=wanted.category,
            device_id=wanted.device_id,
            ctime=now,
            mtime=now,
            value_kind=self._catalogue.value_kind(model, wanted.type),
            details=details_of(wanted, SensorDetails),
        )


def _each(
    items: list[T], kind: str, add: Callable[[T], dict[str, Any]], problems: list[dict[str, str]]
) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for item in items:
        try:
            made.append(add(item))
        except ThingPlusError as problem:
            problems.append(error(problem.code, f"{kind} {item.wanted_id}: {problem.message}"))
    return made
