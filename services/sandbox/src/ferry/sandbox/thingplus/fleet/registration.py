"""Guide, chapters 5 to 7: gateways, devices and sensors come into being."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from ferry.sandbox.clock import Clock
from ferry.sandbox.fixtures import DeviceModel, GatewayModel, ThingPlusFixture
from ferry.sandbox.thingplus.accounts.tenants import Accounts
from ferry.sandbox.thingplus.envelope import (
    ThingPlusError,
    bad_input,
    error,
    not_found,
    not_yours,
    success,
)
from ferry.sandbox.thingplus.fleet.bodies import NewDevice, NewGateway, NewSensor
from ferry.sandbox.thingplus.fleet.entities import Device, Gateway, Sensor
from ferry.sandbox.thingplus.fleet.store import Store

T = TypeVar("T", NewDevice, NewSensor)


class Registration:
    def __init__(self, fixture: ThingPlusFixture, accounts: Accounts, store: Store, clock: Clock) -> None:
        self._models = {model.id: model for model in fixture.models}
        self._accounts = accounts
        self._store = store
        self._clock = clock

    def model(self, name: str) -> GatewayModel:
        found = self._models.get(name)
        if found is None:
            raise not_found("gateway model", name)
        return found

    def register_gateway(self, tenant: str, wanted: NewGateway) -> dict[str, Any]:
        """The envelope: 201, or 207 when devices or sensors came along and some of them were refused."""
        gateway = self._new_gateway(tenant, wanted)
        self._store.add_gateway(gateway)
        shown = gateway.created()
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
        model = self.model(params.model)
        site = self._accounts.site(tenant, params.site_id)
        known = self._store.gateways.get(name)
        if known is not None:
            if known.tenant != tenant:
                raise not_yours("gateway", name)
            raise ThingPlusError(409, "CONFLICT", f"gateway {name!r} is already registered")
        if self._store.gateway_count(tenant) >= self._accounts.limits(tenant).gateways:
            raise ThingPlusError(471, "BILLING", "the plan's number of gateways is used up")
        now = self._clock.now_ms()
        interval = params.report_interval or model.report_interval
        return Gateway(name, tenant, params.name, model.id, site.id, "1", interval, now, now)

    def register_device(self, tenant: str, owner: str, wanted: NewDevice) -> dict[str, Any]:
        gateway = self._store.gateway(tenant, owner)
        name = wanted.wanted_id
        if name in gateway.devices:
            raise ThingPlusError(409, "CONFLICT", f"device {name!r} is already registered")
        model = self._device_model(gateway, wanted.model)
        of_model = sum(device.model == model.id for device in gateway.devices.values())
        if of_model >= model.max:
            raise bad_input(f"the gateway's model allows {model.max} devices of {model.id!r}")
        device = Device(name, owner, wanted.name, wanted.model, self._clock.now_ms())
        self._store.add_device(gateway, device)
        return device.shown(device.time)

    def register_sensor(self, tenant: str, owner: str, wanted: NewSensor) -> dict[str, Any]:
        gateway = self._store.gateway(tenant, owner)
        device = gateway.devices.get(wanted.device_id)
        if device is None:
            raise not_found("device", wanted.device_id)
        name = wanted.wanted_id
        if name in gateway.sensors:
            raise ThingPlusError(409, "CONFLICT", f"sensor {name!r} is already registered")
        model = self._device_model(gateway, device.model)
        _check_against(model, wanted)
        if self._store.sensor_count(tenant) >= self._accounts.limits(tenant).sensors:
            raise ThingPlusError(471, "BILLING", "the plan's number of sensors is used up")
        now = self._clock.now_ms()
        sensor = Sensor(
            id=name,
            owner=owner,
            name=wanted.name,
            type=wanted.type,
            driver_name=wanted.driver_name,
            model=wanted.model,
            category=wanted.category,
            device_id=wanted.device_id,
            ctime=now,
            mtime=now,
            value_kind=model.values.get(wanted.type, "number"),
        )
        self._store.add_sensor(gateway, sensor)
        return sensor.created()

    def _device_model(self, gateway: Gateway, name: str) -> DeviceModel:
        found = self.model(gateway.model).device_model(name)
        if found is None:
            raise not_found("device model", name)
        return found


def _each(
    items: list[T], kind: str, add: Callable[[T], dict[str, Any]], problems: list[dict[str, str]]
) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for item in items:
        try:
            made.append(add(item))
        except ThingPlusError as problem:
            name = item.req_id or item.id
            problems.append(error(problem.code, f"{kind} {name}: {problem.message}"))
    return made


def _check_against(model: DeviceModel, wanted: NewSensor) -> None:
    if wanted.category != "sensor":
        raise bad_input(f"category {wanted.category!r} is not supported over HTTPS")
    expected = model.sensors.get(wanted.type)
    if expected is None:
        raise _mismatch(f"device model {model.id!r} has no sensor of type {wanted.type!r}")
    if wanted.model != expected:
        raise _mismatch(f"type {wanted.type!r} goes with model {expected!r}, not {wanted.model!r}")
    if wanted.driver_name != model.driver_name:
        raise _mismatch(f"type {wanted.type!r} goes with driver {model.driver_name!r}")


def _mismatch(message: str) -> ThingPlusError:
    return ThingPlusError(400, "MISMATCH_ERROR", message)


def shown_model(model: GatewayModel, loaded_at: int) -> dict[str, Any]:
    """Guide, chapter 5.2, with the braces put where the guide's page break lost them."""
    unsupported = {"support": "n"}
    features = ("poweroff", "reboot", "restart", "swUpdate", "swInfo")
    return {
        "reportInterval": model.report_interval,
        "displayName": model.display_name,
        "id": model.id,
        "model": model.model,
        "deviceModels": [_shown_device_model(each) for each in model.device_models],
        "gatewayIdConfig": "n",
        "mtime": str(loaded_at),
        "idFormat": model.id_format,
        "vendor": model.vendor,
        "ctime": str(loaded_at),
        "deviceMgmt": {
            "reportInterval": {"show": "y", "change": "y"},
            "DM": dict.fromkeys(features, unsupported),
        },
    }


def _shown_device_model(model: DeviceModel) -> dict[str, Any]:
    return {
        "id": model.id,
        "displayName": model.display_name,
        "idTemplate": "{gatewayId}-{deviceAddress}",
        "discoverable": "y",
        "sensors": [
            {
                "network": model.network,
                "driverName": model.driver_name,
                "model": sensor,
                "type": kind,
                "category": "sensor",
            }
            for kind, sensor in model.sensors.items()
        ],
        "max": model.max,
    }
