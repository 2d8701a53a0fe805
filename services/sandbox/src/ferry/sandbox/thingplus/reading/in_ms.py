"""Series by Unix ms, as clients asked before the documented query was found. Thing+ does not document it."""

from bisect import bisect_left, bisect_right
from typing import Any

from ferry.sandbox.thingplus.envelope import bad_schema, not_found
from ferry.sandbox.thingplus.fleet.entities import Sensor
from ferry.sandbox.thingplus.fleet.shown import series_leaf

OPTIONS = frozenset({"dataStart", "dataEnd", "count", "page"})
MOST = 4000
LONGEST = 16


def asks_in_ms(arguments: list[tuple[str, str]]) -> bool:
    return any(name in {"dataStart", "dataEnd"} and value.isdigit() for name, value in arguments)


def read_in_ms(sensor: Sensor, arguments: list[tuple[str, str]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The leaf with a page of the points from dataStart to dataEnd, both included, in `seriesPack`."""
    given: dict[str, int] = {}
    for name, value in arguments:
        if name not in OPTIONS or not (value.isascii() and value.isdigit()) or len(value) > LONGEST:
            raise bad_schema(f"{name[:64]!r} is no option of a range in ms, or no whole number")
        given[name] = int(value)
    series = sensor.series
    if series is None:
        raise not_found("series of sensor", sensor.id)
    count = min(max(1, given.get("count", 100)), MOST)
    low = bisect_left(series.times, given.get("dataStart", 0))
    high = bisect_right(series.times, given.get("dataEnd", 2**53))
    start = low + given.get("page", 0) * count
    pack = [
        {"value": series.values[index], "time": series.times[index]}
        for index in range(start, min(high, start + count))
    ]
    return series_leaf(series, sensor, pack), {"count": max(0, high - low)}
