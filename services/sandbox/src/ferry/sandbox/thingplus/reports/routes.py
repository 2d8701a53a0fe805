"""Paths of what gateways and sensors report: status and series, sent and read back."""

from typing import Any

from ferry.sandbox.thingplus.accounts.tokens import Principal
from ferry.sandbox.thingplus.bodies import decode
from ferry.sandbox.thingplus.fleet.routes import ONE_GATEWAY, ONE_SENSOR
from ferry.sandbox.thingplus.fleet.store import Store
from ferry.sandbox.thingplus.guard import READ, UPDATE, Guard
from ferry.sandbox.thingplus.reading.entities import Shown
from ferry.sandbox.thingplus.reading.formats import SeriesFormat, read
from ferry.sandbox.thingplus.reading.query import FLAT, View, view_of
from ferry.sandbox.thingplus.reading.series import range_of
from ferry.sandbox.thingplus.reports.series import SeriesReports
from ferry.sandbox.thingplus.reports.status import StatusReport, StatusReports
from ferry.sandbox.web.http import Request, Route


class ReportRoutes:
    def __init__(
        self,
        statuses: StatusReports,
        series: SeriesReports,
        store: Store,
        shown: Shown,
        series_format: SeriesFormat,
        guard: Guard,
    ) -> None:
        self._statuses = statuses
        self._series = series
        self._store = store
        self._shown = shown
        self._series_format = series_format
        self._guard = guard

    def routes(self) -> list[Route]:
        guard = self._guard
        return [
            guard.route("GET", f"{ONE_GATEWAY}/status", self.gateway_status, READ),
            guard.route("PUT", f"{ONE_GATEWAY}/status", self.put_gateway_status, UPDATE),
            guard.route("GET", f"{ONE_SENSOR}/status", self.sensor_status, READ),
            guard.route("PUT", f"{ONE_SENSOR}/status", self.put_sensor_status, UPDATE),
            guard.route("GET", f"{ONE_SENSOR}/series", self.series, READ),
            guard.route("PUT", f"{ONE_SENSOR}/series", self.put_series, UPDATE),
        ]

    def gateway_status(self, request: Request, who: Principal) -> Any:
        """The parent with the leaf embedded; without it before the first report."""
        view = _with_status(request)
        gateway = self._store.gateway(who.tenant, request.params["gateway"])
        return view.narrowed(self._shown.gateway(gateway, view))

    def sensor_status(self, request: Request, who: Principal) -> Any:
        """The parent with the leaf embedded; without it before the first report."""
        view = _with_status(request)
        sensor = self._store.sensor(who.tenant, request.params["gateway"], request.params["sensor"])
        return view.narrowed(self._shown.sensor(sensor, view))

    def put_gateway_status(self, request: Request, who: Principal) -> Any:
        report = decode(request.body, StatusReport)
        return self._statuses.of_gateway(who.tenant, request.params["gateway"], report)

    def put_sensor_status(self, request: Request, who: Principal) -> Any:
        report = decode(request.body, StatusReport)
        gateway, sensor = request.params["gateway"], request.params["sensor"]
        return self._statuses.of_sensor(who.tenant, gateway, sensor, report)

    def series(self, request: Request, who: Principal) -> Any:
        wanted = range_of(request.arguments())
        sensor = self._store.sensor(who.tenant, request.params["gateway"], request.params["sensor"])
        return read(sensor, wanted, self._series_format)

    def put_series(self, request: Request, who: Principal) -> Any:
        gateway, sensor = request.params["gateway"], request.params["sensor"]
        return self._series.put(who.tenant, gateway, sensor, request.body)


def _with_status(request: Request) -> View:
    return View(view_of(request.arguments(), FLAT).fields, {"status": None})
