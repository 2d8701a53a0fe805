"""Which points of a series a query asks for: the latest, a range of raw points, or one value per interval."""

import math
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from typing import Any, Literal

from ferry.sandbox.thingplus.envelope import bad_input, bad_schema
from ferry.sandbox.thingplus.fleet.entities import Sensor, Series

MOST = 10_080
END_OF_TIME_MS = 2**53
OPTIONS = frozenset({"dataStart", "dataEnd", "interval", "intervalFunc", "count"})
UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
Function = Literal["average", "sum", "count"]
FUNCTIONS: tuple[Function, ...] = ("average", "sum", "count")
_INTERVAL = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_ZONE = re.compile(r"(Z|[+-][0-9]{2}:?[0-9]{2})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Range:
    """From `start_ms`, included, to `end_ms`, excluded; `interval_ms` 0 is raw points, `count` of them at most."""

    start_ms: int
    end_ms: int
    interval: str
    interval_ms: int
    function: Function
    count: int


@dataclass(frozen=True, slots=True)
class Points:
    """What a range holds; `end_ms` is earlier than asked for where points were left out."""

    pairs: list[tuple[Any, int]]
    end_ms: int
    statistic: str | None


def range_of(arguments: list[tuple[str, str]]) -> Range | None:
    """None without any argument: the latest value. Raises ThingPlusError for an argument that is no documented one."""
    given: dict[str, str] = {}
    for name, value in arguments:
        if name not in OPTIONS:
            raise bad_schema(f"{name[:64]!r} is not an option of a series")
        if name in given:
            raise bad_schema(f"{name} is given twice")
        given[name] = value
    if not given:
        return None
    if "dataStart" not in given:
        raise bad_schema("dataStart is required for a range")
    interval = given.get("interval", "1m")
    return Range(
        start_ms=_moment_ms("dataStart", given["dataStart"]),
        end_ms=_moment_ms("dataEnd", given["dataEnd"]) if "dataEnd" in given else END_OF_TIME_MS,
        interval=interval,
        interval_ms=_interval_ms(interval),
        function=_function(given.get("intervalFunc", "average")),
        count=_count(given["count"]) if "count" in given else MOST,
    )


def _moment_ms(name: str, text: str) -> int:
    """ISO 8601 with a time zone; a part of a millisecond counts as the next one, so that both ends stay exact."""
    refused = bad_input(
        f"{name} is an ISO 8601 time with a zone, such as 2015-08-12T01:19:08.315Z (+ is %2B)"
    )
    text = text.upper()
    clock = text.partition("T")[2]
    if not clock or _ZONE.search(clock) is None:
        raise refused
    try:
        since = datetime.fromisoformat(text) - _EPOCH
    except (ValueError, OverflowError):
        raise refused from None
    return -(-since // timedelta(milliseconds=1))


def _interval_ms(text: str) -> int:
    if text == "0":
        return 0
    found = _INTERVAL.fullmatch(text)
    if found is None:
        raise bad_input("interval is 0 for raw data, or minutes, hours or days: 1m, 6h, 1d")
    return int(found[1]) * UNITS_MS[found[2]]


def _function(text: str) -> Function:
    for function in FUNCTIONS:
        if text == function:
            return function
    raise bad_input(f"intervalFunc is one of {', '.join(FUNCTIONS)}")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise bad_schema("count is a whole number")
    if len(text) > len(str(MOST)) or not 1 <= int(text) <= MOST:
        raise bad_input(f"count is from 1 to {MOST}")
    return int(text)


def points_in(sensor: Sensor, series: Series, wanted: Range) -> Points:
    low = bisect_left(series.times, wanted.start_ms)
    high = bisect_left(series.times, wanted.end_ms)
    stored = ((series.values[index], series.times[index]) for index in range(low, high))
    if wanted.interval_ms == 0:
        return _cut(list(islice(stored, wanted.count + 1)), wanted.count, wanted.end_ms, None)
    numeric = sensor.value_kind == "number"
    statistic = wanted.function if numeric or wanted.function == "count" else "last"
    return _cut(
        list(islice(_per_interval(stored, wanted.interval_ms, statistic), MOST + 1)),
        MOST,
        wanted.end_ms,
        statistic,
    )


def _cut(pairs: list[tuple[Any, int]], most: int, end_ms: int, statistic: str | None) -> Points:
    if len(pairs) <= most:
        return Points(pairs, end_ms, statistic)
    return Points(pairs[:most], pairs[most][1], statistic)


def _per_interval(
    stored: Iterator[tuple[Any, int]], interval_ms: int, statistic: str
) -> Iterator[tuple[Any, int]]:
    for start, group in groupby(stored, key=lambda pair: pair[1] // interval_ms * interval_ms):
        yield _reduced([value for value, _ in group], statistic), start


def _reduced(values: list[Any], statistic: str) -> Any:
    if statistic == "count":
        return len(values)
    if statistic == "last":
        return values[-1]
    total = math.fsum(float(value) for value in values)
    result = total if statistic == "sum" else total / len(values)
    return result if math.isfinite(result) else values[-1]
