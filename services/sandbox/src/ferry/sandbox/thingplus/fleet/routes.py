"""Paths of the fleet: what may be registered, registration, changes, and what was registered."""

from typing import Any

from ferry.sandbox.thingplus.accounts.tokens import Principal
from ferry.sandbox.thingplus.bodies import decode
from ferry.sandbox.thingplus.envelope import not_found
from ferry.sandbox.thingplus.fleet.bodies import (
    DeviceChange,
    GatewayChange,
    NewDevice,
    NewGateway,
    NewSensor,
    SensorChange,
)
from ferry.sandbox.thingplus.fleet.catalogue import Catalogue
from ferry.sandbox.thingplus.fleet.changes import Changes
from ferry.sandbox.thingplus.fleet.registration import Registration
from ferry.sandbox.thingplus.fleet.store import Store
from ferry.sandbox.thingplus.guard import MANAGE, READ, UPDATE, Guard, public, without_id
from ferry.sandbox.thingplus.reading.entities import Shown
from ferry.sandbox.thingplus.reading.listing import listed, plain
from ferry.sandbox.thingplus.reading.query import DEVICE, FLAT, GATEWAY, SENSOR, list_of, view_of
from ferry.sandbox.web.http import Request, Route

GATEWAYS = "/v2/gateways"
ONE_GATEWAY = f"{GATEWAYS}/{{gateway}}"
DEVICES = f"{ONE_GATEWAY}/devices"
ONE_DEVICE = f"{DEVICES}/{{device}}"
SENSORS = f"{ONE_GATEWAY}/sensors"
ONE_SENSOR = f"{SENSORS}/{{sensor}}"


class FleetRoutes:
    def __init__(
        self,
        catalogue: Catalogue,
        registration: Registration,
        changes: Changes,
        store: Store,
        shown: Shown,
        guard: Guard,
    ) -> None:
        self._catalogue = catalogue
        self._registration = registration
        self._changes = changes
        self._store = store
        self._shown = shown
        self._guard = guard

    def routes(self) -> list[Route]:
        guard = self._guard
        return [
            guard.route("GET", "/v2/gatewayModels", self.models, READ),
            guard.route("GET", "/v2/gatewayModels/{model}", self.model, READ),
            public("GET", "/v2/sensorTypes", self.sensor_types),
            public("GET", "/v2/sensorTypes/{type}", self.sensor_type),
            public("GET", "/v2/sensorDrivers", self.sensor_drivers),
            public("GET", "/v2/sensorDrivers/{driver}", self.sensor_driver),
            guard.own_envelope("POST", "/v2/registerGateway", self.register_gateway),
            guard.route("GET", GATEWAYS, self.gateways, READ),
            guard.route("GET", ONE_GATEWAY, self.gateway, READ),
            guard.route("PUT", ONE_GATEWAY, self.change_gateway, UPDATE),
            guard.removal(ONE_GATEWAY, self.remove_gateway),
            guard.route("GET", DEVICES, self.devices, READ),
            guard.route("POST", DEVICES, self.register_device, MANAGE, 201),
            guard.route("GET", ONE_DEVICE, self.device, READ),
            guard.route("PUT", ONE_DEVICE, self.change_device, UPDATE),
            guard.removal(ONE_DEVICE, self.remove_device),
            guard.route("GET", SENSORS, self.sensors, READ),
            guard.route("POST", SENSORS, self.register_sensor, MANAGE, 201),
            guard.route("GET", ONE_SENSOR, self.sensor, READ),
            guard.route("PUT", ONE_SENSOR, self.change_sensor, UPDATE),
            guard.removal(ONE_SENSOR, self.remove_sensor),
            *(without_id(method, at) for at in (GATEWAYS, DEVICES, SENSORS) for method in ("PUT", "DELETE")),
        ]

    def models(self, request: Request, _: Principal) -> Any:
        return listed(self._catalogue.shown_models(), *list_of(request.arguments(), FLAT), plain)

    def model(self, request: Request, _: Principal) -> Any:
        view = view_of(request.arguments(), FLAT)
        return view.narrowed(self._catalogue.shown_model(request.params["model"]))

    def sensor_types(self, request: Request) -> Any:
        return listed(self._catalogue.sensor_types(), *list_of(request.arguments(), FLAT), plain)

    def sensor_type(self, request: Request) -> Any:
        return _one(self._catalogue.sensor_types(), "sensor type", request.params["type"], request)

    def sensor_drivers(self, request: Request) -> Any:
        return listed(self._catalogue.sensor_drivers(), *list_of(request.arguments(), FLAT), plain)

    def sensor_driver(self, request: Request) -> Any:
        return _one(self._catalogue.sensor_drivers(), "sensor driver", request.params["driver"], request)

    def register_gateway(self, request: Request, who: Principal) -> dict[str, Any]:
        return self._registration.register_gateway(who.tenant, decode(request.body, NewGateway))

    def register_device(self, request: Request, who: Principal) -> Any:
        wanted = decode(request.body, NewDevice)
        return self._registration.register_device(who.tenant, request.params["gateway"], wanted)

    def register_sensor(self, request: Request, who: Principal) -> Any:
        wanted = decode(request.body, NewSensor)
        return self._registration.register_sensor(who.tenant, request.params["gateway"], wanted)

    def change_gateway(self, request: Request, who: Principal) -> Any:
        wanted = decode(request.body, GatewayChange)
        return self._changes.change_gateway(who.tenant, request.params["gateway"], wanted)

    def change_device(self, request: Request, who: Principal) -> Any:
        wanted = decode(request.body, DeviceChange)
        gateway, device = request.params["gateway"], request.params["device"]
        return self._changes.change_device(who.tenant, gateway, device, wanted)

    def change_sensor(self, request: Request, who: Principal) -> Any:
        wanted = decode(request.body, SensorChange)
        gateway, sensor = request.params["gateway"], request.params["sensor"]
        return self._changes.change_sensor(who.tenant, gateway, sensor, wanted)

    def remove_gateway(self, request: Request, who: Principal) -> None:
        self._changes.remove_gateway(who.tenant, request.params["gateway"])

    def remove_device(self, request: Request, who: Principal) -> None:
        self._changes.remove_device(who.tenant, request.params["gateway"], request.params["device"])

    def remove_sensor(self, request: Request, who: Principal) -> None:
        self._changes.remove_sensor(who.tenant, request.params["gateway"], request.params["sensor"])

    def gateways(self, request: Request, who: Principal) -> Any:
        page, view = list_of(request.arguments(), GATEWAY)
        return listed(self._store.of_tenant(who.tenant), page, view, self._shown.gateway)

    def gateway(self, request: Request, who: Principal) -> Any:
        view = view_of(request.arguments(), GATEWAY)
        gateway = self._store.gateway(who.tenant, request.params["gateway"])
        return view.narrowed(self._shown.gateway(gateway, view))

    def devices(self, request: Request, who: Principal) -> Any:
        page, view = list_of(request.arguments(), DEVICE)
        gateway = self._store.gateway(who.tenant, request.params["gateway"])
        return listed(gateway.devices.values(), page, view, self._shown.device)

    def device(self, request: Request, who: Principal) -> Any:
        view = view_of(request.arguments(), DEVICE)
        found = self._store.device(who.tenant, request.params["gateway"], request.params["device"])
        return view.narrowed(self._shown.device(found, view))

    def sensors(self, request: Request, who: Principal) -> Any:
        page, view = list_of(request.arguments(), SENSOR)
        gateway = self._store.gateway(who.tenant, request.params["gateway"])
        return listed(gateway.sensors.values(), page, view, self._shown.sensor)

    def sensor(self, request: Request, who: Principal) -> Any:
        view = view_of(request.arguments(), SENSOR)
        found = self._store.sensor(who.tenant, request.params["gateway"], request.params["sensor"])
        return view.narrowed(self._shown.sensor(found, view))


def _one(entries: list[dict[str, Any]], kind: str, name: str, request: Request) -> dict[str, Any]:
    view = view_of(request.arguments(), FLAT)
    for entry in entries:
        if entry["id"] == name:
            return view.narrowed(entry)
    raise not_found(kind, name)
