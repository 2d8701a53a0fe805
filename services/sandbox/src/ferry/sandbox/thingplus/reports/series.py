"""Guide, chapter 9: values, with the rule that a sensor's times only go forward."""

import re
from typing import Annotated, Any

import msgspec

from ferry.sandbox.clock import Clock
from ferry.sandbox.thingplus.bodies import decode
from ferry.sandbox.thingplus.envelope import bad_input, bad_schema
from ferry.sandbox.thingplus.fleet.entities import Sensor
from ferry.sandbox.thingplus.fleet.shown import series_leaf, stored_sensor
from ferry.sandbox.thingplus.fleet.store import Store, leaf_id

Time = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class Point(msgspec.Struct, forbid_unknown_fields=True):
    value: str | dict[str, Any]
    time: Time


def points_of(body: bytes) -> tuple[list[Point], bool]:
    """The points, and whether they came as an array. Raises ThingPlusError."""
    if body.lstrip()[:1] != b"[":
        return [decode(body, Point)], False
    points = decode(body, list[Point])
    if not points:
        raise bad_schema("an array of values must not be empty")
    return points, True


class SeriesReports:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def put(self, tenant: str, gateway: str, name: str, body: bytes) -> dict[str, Any]:
        """An array is written whole or not at all. The first write answers with the sensor."""
        points, as_array = points_of(body)
        sensor = self._store.sensor(tenant, gateway, name)
        if sensor.series and points[0].time <= sensor.series.last_time:
            self._store.sent_again += sum(sensor.series.has(point.time, point.value) for point in points)
        _check(sensor, points)
        first = sensor.series is None
        now = self._clock.now_ms()
        pairs = [(point.time, point.value) for point in points]
        series_id = sensor.series.id if sensor.series else leaf_id("series.sensor")
        series = self._store.add_points(sensor, pairs, now, series_id)
        if first:
            return stored_sensor(sensor)
        pack = [{"value": value, "time": time} for time, value in pairs] if as_array else None
        return series_leaf(series, sensor, pack)


def _check(sensor: Sensor, points: list[Point]) -> None:
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
