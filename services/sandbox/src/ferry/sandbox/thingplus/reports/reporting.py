"""Guide, chapters 8 and 9: status and series, with the rule that a sensor's times only go forward."""

import re
from typing import Any

from ferry.sandbox.clock import Clock
from ferry.sandbox.thingplus.envelope import bad_input, bad_schema
from ferry.sandbox.thingplus.fleet.bodies import Point, StatusReport, decode_points
from ferry.sandbox.thingplus.fleet.entities import (
    NEVER,
    Gateway,
    Sensor,
    Status,
    series_leaf,
    status_leaf,
)
from ferry.sandbox.thingplus.fleet.store import Store, leaf_id

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class Reporting:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def gateway_status(self, tenant: str, name: str, report: StatusReport) -> dict[str, Any]:
        """The first report answers with the gateway, later ones with the status leaf."""
        gateway = self._store.gateway(tenant, name)
        first = gateway.status is None
        status = self._status(gateway, "gateway", report)
        self._store.set_status(gateway, None, status)
        return gateway.stored() if first else status_leaf(status, gateway)

    def sensor_status(self, tenant: str, gateway: str, name: str, report: StatusReport) -> dict[str, Any]:
        sensor = self._store.sensor(tenant, gateway, name)
        status = self._status(sensor, "sensor", report)
        self._store.set_status(self._store.gateways[gateway], sensor, status)
        return status_leaf(status, sensor)

    def _status(self, owner: Gateway | Sensor, kind: str, report: StatusReport) -> Status:
        now = self._clock.now_ms()
        duration = report.valid_duration or report.timeout
        expire_at = NEVER if duration is None else now + duration * 1000
        last = owner.status
        if last is None:
            return Status(leaf_id(f"status.{kind}"), report.value, now, expire_at, now, now, now)
        vtime = last.vtime if last.value == report.value else now
        return Status(last.id, report.value, now, expire_at, vtime, now, last.ctime)

    def put_series(self, tenant: str, gateway: str, name: str, body: bytes) -> dict[str, Any]:
        """An array is written whole or not at all. The first write answers with the sensor."""
        sensor = self._store.sensor(tenant, gateway, name)
        points, as_array = decode_points(body)
        if sensor.series and points and points[0].time <= sensor.series.last_time:
            self._store.sent_again += sum(sensor.series.has(point.time, point.value) for point in points)
        _check(sensor, points)
        first = sensor.series is None
        now = self._clock.now_ms()
        pairs = [(point.time, point.value) for point in points]
        series_id = sensor.series.id if sensor.series else leaf_id("series.sensor")
        series = self._store.add_points(sensor, pairs, now, series_id)
        if first:
            return sensor.stored()
        pack = [{"value": value, "time": time} for time, value in pairs] if as_array else None
        return series_leaf(series, sensor, pack)


def _check(sensor: Sensor, points: list[Point]) -> None:
    if not points:
        raise bad_schema("an array of values must not be empty")
    last = sensor.series.last_time if sensor.series else None
    for point in points:
        _check_value(sensor, point.value)
        if last is not None and point.time <= last:
            raise bad_input(f"time {point.time} is not after the sensor's last one, {last}")
        last = point.time


def _check_value(sensor: Sensor, value: Any) -> None:
    kind = sensor.value_kind
    if kind == "object":
        fits = isinstance(value, dict)
    elif not isinstance(value, str):
        fits = False
    elif kind == "number":
        fits = _NUMBER.fullmatch(value) is not None
    elif kind == "onoff":
        fits = value in {"on", "off", "0", "1"}
    else:
        fits = True
    if not fits:
        raise bad_input(f"value {str(value)[:80]!r} is not proper to the sensor type {sensor.type!r}")
