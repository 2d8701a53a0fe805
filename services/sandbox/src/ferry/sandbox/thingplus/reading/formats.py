"""How series are shown when they are read: four shapes were seen in public, and values and times of either type."""

import math
from typing import Any, Literal

import msgspec

from ferry.sandbox.thingplus.fleet.entities import Sensor
from ferry.sandbox.thingplus.fleet.shown import empty_series_leaf, series_leaf, stored_sensor
from ferry.sandbox.thingplus.reading.series import END_OF_TIME_MS, Points, Range, points_in

Shape = Literal["sensor", "pairs", "leaf"]
Values = Literal["stored", "number"]
Times = Literal["documented", "string", "number"]
LARGEST_EXACT = 2**53


class SeriesFormat(msgspec.Struct, forbid_unknown_fields=True):
    """`sensor` is the documented shape; `documented` times are text in a leaf and numbers among points."""

    shape: Shape = "sensor"
    values: Values = "stored"
    times: Times = "documented"


def read(sensor: Sensor, wanted: Range | None, how: SeriesFormat) -> dict[str, Any]:
    """The data of an answer. A sensor that never had a value has an empty series in each shape, and not none."""
    points = _points(sensor, wanted)
    if how.shape == "sensor":
        return stored_sensor(sensor) | {"series": embedded(sensor, wanted, how) or _empty()}
    latest = _latest(sensor, how)
    if how.shape == "pairs":
        pairs = {"_meta": {"count": len(points.pairs)}, "data": _flat(sensor, points, how)}
        return pairs if latest is None else pairs | {"latest": latest}
    pack = [
        {"value": _value(sensor, value, how), "time": str(time) if how.times == "string" else time}
        for value, time in points.pairs
    ]
    return (latest or empty_series_leaf(sensor)) | {"seriesPack": pack}


def embedded(sensor: Sensor, wanted: Range | None, how: SeriesFormat) -> dict[str, Any] | None:
    """The leaf with the latest value and, for a range, `data` and `_meta`; None where there is neither."""
    leaf = _latest(sensor, how)
    if wanted is None:
        return leaf
    points = _points(sensor, wanted)
    ranged = {"data": _flat(sensor, points, how), "_meta": _meta(points, wanted, how)}
    return (leaf or {}) | ranged


def _empty() -> dict[str, Any]:
    return {"data": [], "_meta": {"count": 0}}


def _points(sensor: Sensor, wanted: Range | None) -> Points:
    """Those of the range; without a range, the latest."""
    if wanted is None:
        return _last(sensor)
    if sensor.series is None:
        return Points([], wanted.end_ms, None)
    return points_in(sensor, sensor.series, wanted)


def _last(sensor: Sensor) -> Points:
    series = sensor.series
    pairs = [] if series is None else [(series.values[-1], series.times[-1])]
    return Points(pairs, END_OF_TIME_MS, None)


def _latest(sensor: Sensor, how: SeriesFormat) -> dict[str, Any] | None:
    if sensor.series is None:
        return None
    leaf = series_leaf(sensor.series, sensor, None)
    leaf["value"] = _value(sensor, leaf["value"], how)
    if how.times == "number":
        leaf["time"] = int(leaf["time"])
    return leaf


def _flat(sensor: Sensor, points: Points, how: SeriesFormat) -> list[Any]:
    flat: list[Any] = []
    for value, time in points.pairs:
        flat += (_value(sensor, value, how), str(time) if how.times == "string" else time)
    return flat


def _meta(points: Points, wanted: Range, how: SeriesFormat) -> dict[str, Any]:
    """`dataStart` and `dataEnd` are the range that was read, which is shorter than asked for where it was cut."""
    end_ms = points.end_ms
    if end_ms == END_OF_TIME_MS:
        end_ms = points.pairs[-1][1] + max(1, wanted.interval_ms) if points.pairs else 0
    ends = {"dataStart": wanted.start_ms, "dataEnd": max(wanted.start_ms, end_ms)}
    shown: dict[str, Any] = {"count": len(points.pairs)}
    shown |= {name: str(end) if how.times == "string" else end for name, end in ends.items()}
    if points.statistic is not None:
        shown["stat"] = points.statistic
    return shown | {"interval": wanted.interval}


def _value(sensor: Sensor, value: Any, how: SeriesFormat) -> Any:
    """A number where the sensor's type is one: 36.50 becomes 36.5, as in a cloud that stores numbers."""
    if how.values == "stored" or sensor.value_kind != "number" or not isinstance(value, str):
        return value
    number = float(value)
    if not math.isfinite(number):
        return value
    return int(number) if number.is_integer() and abs(number) <= LARGEST_EXACT else number
