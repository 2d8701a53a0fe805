"""Thing+'s paths: decode, call, answer."""

from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any

import msgspec

from ferry.sandbox.thingplus.accounts.oauth import OAuth, token_error
from ferry.sandbox.thingplus.accounts.tenants import Accounts
from ferry.sandbox.thingplus.accounts.tokens import SESSION_COOKIE, Principal, TokenDesk
from ferry.sandbox.thingplus.envelope import ThingPlusError, not_found, success
from ferry.sandbox.thingplus.fleet.bodies import (
    Login,
    NewAuthClient,
    NewDevice,
    NewGateway,
    NewSensor,
    StatusReport,
    decode,
)
from ferry.sandbox.thingplus.fleet.entities import status_leaf
from ferry.sandbox.thingplus.fleet.registration import Registration, shown_model
from ferry.sandbox.thingplus.fleet.store import Store
from ferry.sandbox.thingplus.reading import listing
from ferry.sandbox.thingplus.reading.formats import SeriesFormat, read
from ferry.sandbox.thingplus.reading.in_ms import asks_in_ms, read_in_ms
from ferry.sandbox.thingplus.reading.series import range_of
from ferry.sandbox.thingplus.reports.reporting import Reporting
from ferry.sandbox.web.http import Answer, Request, Route

READ = frozenset({"gateway", "gateway-read", "gateway-update", "gateway-management"})
UPDATE = frozenset({"gateway", "gateway-update", "gateway-management"})
MANAGE = frozenset({"gateway", "gateway-management"})
SITES = frozenset({"site-read"})
Work = Callable[[Request, str], Any]


class ThingPlusRoutes:
    def __init__(
        self,
        accounts: Accounts,
        desk: TokenDesk,
        oauth: OAuth,
        registration: Registration,
        reporting: Reporting,
        store: Store,
        series_format: SeriesFormat,
        loaded_at: int,
    ) -> None:
        self._accounts = accounts
        self._desk = desk
        self._oauth = oauth
        self._registration = registration
        self._reporting = reporting
        self._store = store
        self._series_format = series_format
        self._loaded_at = loaded_at

    def routes(self) -> list[Route]:
        gateway, sensor = "/v2/gateways/{gateway}", "/v2/gateways/{gateway}/sensors/{sensor}"
        open_routes = [
            Route("POST", "/v2/login", self.login, "thingplus"),
            Route("POST", "/v2/logout", self.logout, "thingplus"),
            Route("POST", "/v2/authClients", self.create_client, "thingplus"),
            Route("POST", "/v2/oauth2/authClients", self.create_client, "thingplus"),
            Route("POST", "/v2/oauth2/token", self.token, "thingplus"),
        ]
        guarded: list[tuple[str, str, Work, frozenset[str], int]] = [
            ("GET", "/v2/sites", self.sites, SITES, 200),
            ("GET", "/v2/gatewayModels/{model}", self.model, READ, 200),
            ("GET", "/v2/gateways", self.gateways, READ, 200),
            ("GET", gateway, self.gateway, READ, 200),
            ("GET", f"{gateway}/status", self.status, READ, 200),
            ("PUT", f"{gateway}/status", self.put_gateway_status, UPDATE, 200),
            ("GET", f"{gateway}/devices", self.devices, READ, 200),
            ("POST", f"{gateway}/devices", self.register_device, MANAGE, 201),
            ("GET", f"{gateway}/devices/{{device}}", self.device, READ, 200),
            ("GET", f"{gateway}/sensors", self.sensors, READ, 200),
            ("POST", f"{gateway}/sensors", self.register_sensor, MANAGE, 201),
            ("GET", sensor, self.sensor, READ, 200),
            ("GET", f"{sensor}/status", self.status, READ, 200),
            ("PUT", f"{sensor}/status", self.put_sensor_status, UPDATE, 200),
            ("GET", f"{sensor}/series", self.series, READ, 200),
            ("PUT", f"{sensor}/series", self.put_series, UPDATE, 200),
        ]
        register = self._route("POST", "/v2/registerGateway", self.register_gateway, MANAGE, None)
        return [*open_routes, register, *(self._route(*each) for each in guarded)]

    def _route(
        self, method: str, template: str, work: Work, scopes: frozenset[str], status: int | None
    ) -> Route:
        """With a status, what `work` answers is put into the envelope; without, it is the envelope."""

        def handle(request: Request) -> Answer:
            who = self._principal(request)
            request.tenant = who.tenant
            if not scopes & who.scopes:
                raise ThingPlusError(403, "ACL_DENY", f"one of the scopes {sorted(scopes)} is needed")
            result = work(request, who.tenant)
            if status is None:
                return Answer.of(result["statusCode"], result)
            data, meta = result if isinstance(result, tuple) else (result, None)
            return Answer.of(status, success(status, data, meta))

        return Route(method, template, handle, "thingplus")

    def _principal(self, request: Request) -> Principal:
        authorization = request.header(b"authorization")
        if not authorization:
            session = _session_key(request)
            if session:
                return self._desk.session(session)
        return self._desk.bearer(authorization)

    def token(self, request: Request) -> Answer:
        if request.is_json():
            try:
                pairs = list(msgspec.json.decode(request.body, type=dict[str, Any]).items())
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise token_error(400, "invalid_request", "The body is no JSON object") from None
        else:
            try:
                pairs = request.form()
            except ValueError:
                raise token_error(400, "invalid_request", "The body is no form") from None
        return Answer.of(200, self._oauth.token(pairs), {"Cache-Control": "no-store"})

    def login(self, request: Request) -> Answer:
        key, user = self._oauth.login(decode(request.body, Login))
        cookie = f"{SESSION_COOKIE}={key}; Path=/; HttpOnly"
        return Answer.of(200, success(200, user), {"Set-Cookie": cookie})

    def logout(self, request: Request) -> Answer:
        key = _session_key(request)
        self._desk.session(key)
        self._desk.close_session(key)
        gone = f"{SESSION_COOKIE}=; Path=/; Max-Age=0"
        return Answer.of(200, success(200, {}), {"Set-Cookie": gone})

    def create_client(self, request: Request) -> Answer:
        """Guide, chapter 3: with a portal session, which an access token is not."""
        who = self._desk.session(_session_key(request))
        request.tenant = who.tenant
        wanted = decode(request.body, NewAuthClient)
        return Answer.of(201, success(201, self._oauth.create_client(who.tenant, who.user_id, wanted)))

    def sites(self, _: Request, tenant: str) -> Any:
        return self._accounts.sites(tenant)

    def model(self, request: Request, _: str) -> Any:
        return shown_model(self._registration.model(request.params["model"]), self._loaded_at)

    def register_gateway(self, request: Request, tenant: str) -> Any:
        return self._registration.register_gateway(tenant, decode(request.body, NewGateway))

    def register_device(self, request: Request, tenant: str) -> Any:
        wanted = decode(request.body, NewDevice)
        return self._registration.register_device(tenant, request.params["gateway"], wanted)

    def register_sensor(self, request: Request, tenant: str) -> Any:
        wanted = decode(request.body, NewSensor)
        return self._registration.register_sensor(tenant, request.params["gateway"], wanted)

    def put_gateway_status(self, request: Request, tenant: str) -> Any:
        report = decode(request.body, StatusReport)
        return self._reporting.gateway_status(tenant, request.params["gateway"], report)

    def put_sensor_status(self, request: Request, tenant: str) -> Any:
        report = decode(request.body, StatusReport)
        gateway, sensor = request.params["gateway"], request.params["sensor"]
        return self._reporting.sensor_status(tenant, gateway, sensor, report)

    def put_series(self, request: Request, tenant: str) -> Any:
        gateway, sensor = request.params["gateway"], request.params["sensor"]
        return self._reporting.put_series(tenant, gateway, sensor, request.body)

    def gateways(self, request: Request, tenant: str) -> Any:
        chosen = listing.options(request.arguments(), frozenset({"devices", "sensors", "status"}))
        found = {gateway.id: gateway for gateway in self._store.of_tenant(tenant)}
        return listing.listed(
            (gateway.stored() for gateway in found.values()),
            chosen,
            lambda shown: listing.embed_gateway(found[shown["id"]], shown, chosen),
        )

    def gateway(self, request: Request, tenant: str) -> Any:
        chosen = listing.options(request.arguments(), frozenset({"devices", "sensors", "status"}))
        gateway = self._store.gateway(tenant, request.params["gateway"])
        shown = gateway.stored()
        listing.embed_gateway(gateway, shown, chosen)
        return listing.narrowed(shown, chosen)

    def devices(self, request: Request, tenant: str) -> Any:
        gateway = self._store.gateway(tenant, request.params["gateway"])
        chosen = listing.options(request.arguments(), frozenset())
        shown = (device.shown(str(device.time)) for device in gateway.devices.values())
        return listing.listed(shown, chosen, lambda _: None)

    def device(self, request: Request, tenant: str) -> Any:
        gateway = self._store.gateway(tenant, request.params["gateway"])
        found = gateway.devices.get(request.params["device"])
        if found is None:
            raise not_found("device", request.params["device"])
        chosen = listing.options(request.arguments(), frozenset())
        return listing.narrowed(found.shown(str(found.time)), chosen)

    def sensors(self, request: Request, tenant: str) -> Any:
        gateway = self._store.gateway(tenant, request.params["gateway"])
        chosen = listing.options(request.arguments(), frozenset({"status", "series"}))
        return listing.listed(
            (sensor.stored() for sensor in gateway.sensors.values()),
            chosen,
            lambda shown: listing.embed_sensor(gateway.sensors[shown["id"]], shown, chosen),
        )

    def sensor(self, request: Request, tenant: str) -> Any:
        sensor = self._store.sensor(tenant, request.params["gateway"], request.params["sensor"])
        chosen = listing.options(request.arguments(), frozenset({"status", "series"}))
        shown = sensor.stored()
        listing.embed_sensor(sensor, shown, chosen)
        return listing.narrowed(shown, chosen)

    def status(self, request: Request, tenant: str) -> Any:
        gateway = self._store.gateway(tenant, request.params["gateway"])
        name = request.params.get("sensor")
        owner = gateway if name is None else self._store.sensor(tenant, gateway.id, name)
        if owner.status is None:
            raise not_found("status of", owner.id)
        return status_leaf(owner.status, owner)

    def series(self, request: Request, tenant: str) -> Any:
        sensor = self._store.sensor(tenant, request.params["gateway"], request.params["sensor"])
        arguments = request.arguments()
        if asks_in_ms(arguments):
            return read_in_ms(sensor, arguments)
        shown = read(sensor, range_of(arguments), self._series_format)
        if shown is None:
            raise not_found("series of sensor", sensor.id)
        return shown


def _session_key(request: Request) -> str:
    try:
        found = SimpleCookie(request.header(b"cookie")).get(SESSION_COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
