"""A sensor's series, asked for and read back in every shape that public sources show. Pure.

The documented query (Daliworks' REST pages) takes ISO 8601 moments, the end exclusive, and `interval=0` for raw points.
An answer is read whole or not at all: where one point cannot be read, all of it is unknown.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

MOST_POINTS = 10_080
"""The most that one answer carries."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - moments are written in UTC by hand
_LAST_MS = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z."""
_POINTS = frozenset({"time", "value", "data", "seriesPack", "latest"})
"""Fields of a leaf that show a point, or would."""
_DIGITS = re.compile(r"[0-9]{1,16}", re.ASCII)

Value = str | int | float | dict[str, Any]
Point = tuple[int, Value]
"""A time in Unix ms, and the value as the cloud shows it."""


@dataclass(frozen=True, slots=True)
class Series:
    """`points` by time in Unix ms, `latest` among them. `count` is how many the cloud says it shows, `total` it has.

    `latest` is the sensor's newest point where the answer names it: in a range, the last of `points` need not be it.
    """

    points: dict[int, Value]
    latest: Point | None = None
    count: int | None = None
    total: int | None = None


class _UnknownShapeError(Exception):
    """The answer is in none of the public shapes, or a part of it cannot be read."""


def series_query(first_ms: int, last_ms: int, *, count: int = MOST_POINTS) -> dict[str, str]:
    """The query for every raw point from `first_ms` to `last_ms`, both included, in Unix ms."""
    return {
        "dataStart": _iso(first_ms),
        "dataEnd": _iso(last_ms + 1),
        "interval": "0",
        "count": str(min(max(count, 1), MOST_POINTS)),
    }


def read_series(body: bytes, status: int = 200) -> Series | None:
    """The points of an answer of HTTP status `status`; None, which means unknown, for all else. Never raises."""
    try:
        return _read(msgspec.json.decode(body), status)
    except (_UnknownShapeError, ValueError, RecursionError):
        return None


def read_latest(body: bytes, status: int = 200) -> Series | None:
    """The same of an answer to the query without a range, where a series leaf without a point says that there is none.

    In a range it would be no proof: a leaf may be shown without the points that were asked for.
    """
    found = read_series(body, status)
    if found is not None:
        return found
    try:
        data = _object(_data(msgspec.json.decode(body), status))
        leaf = data.get("series", data)
        return Series({}) if leaf.get("type") == "series" and not leaf.keys() & _POINTS else None
    except (_UnknownShapeError, ValueError, RecursionError, AttributeError):
        return None


def _data(said: Any, status: int) -> Any:
    """Of an envelope of a success. Raises _UnknownShapeError."""
    envelope = _object(said)
    if status // 100 != 2 or str(envelope.get("statusCode", status)) != str(status):  # noqa: PLR2004 - HTTP's class
        raise _UnknownShapeError("not an envelope of a success")
    return envelope.get("data")


def _read(said: Any, status: int) -> Series:
    """Raises _UnknownShapeError."""
    envelope, data = _object(said), _data(said, status)
    if data == []:
        return _leaf({"data": data, "_meta": envelope.get("_meta")})
    data = _object(data)
    embedded = data.get("series")
    return _leaf(embedded) if isinstance(embedded, dict) else _leaf(data, bare=True)


def _leaf(leaf: dict[str, Any], *, bare: bool = False) -> Series:
    """`bare`: nothing but its own fields says that it is a series."""
    kind = leaf.get("type")
    if kind not in (None, "series"):
        raise _UnknownShapeError("another entity than a series")
    meta = _object(leaf.get("_meta") or {})
    count, total = _count(meta.get("count")), _count(meta.get("total"))
    flat, pack = leaf.get("data"), leaf.get("seriesPack")
    pairs = [*_flat(flat), *_pack(pack)]
    points = _by_time(pairs)
    latest = _latest(leaf)
    listed = flat is not None or pack is not None
    if listed and not pairs:
        said_empty = count == 0 or (pack == [] and (latest is not None or kind == "series"))
        if not said_empty:
            raise _UnknownShapeError("a list without points, and nothing that says so")
    if pairs and count not in (None, len(pairs), 2 * len(pairs)):
        raise _UnknownShapeError("another number of points than it says")
    if not listed and (latest is None or (bare and kind is None and "latest" not in leaf)):
        raise _UnknownShapeError("no points")
    if latest is not None:
        points.setdefault(*latest)
    return Series(points, latest, count, total)


def _flat(found: Any) -> Iterator[Point]:
    """`[value, ms, value, ms, …]`."""
    items = _list(found)
    if len(items) % 2:
        raise _UnknownShapeError("half a pair")
    for value, moment in zip(items[::2], items[1::2], strict=True):
        yield _ms(moment), _value(value)


def _pack(found: Any) -> Iterator[Point]:
    """`[{"value": …, "time": …}, …]`."""
    for item in _list(found):
        point = _object(item)
        yield _ms(point.get("time")), _value(point.get("value"))


def _latest(leaf: dict[str, Any]) -> Point | None:
    """Its own field in one shape, the leaf's time and value in the others."""
    found = _object(leaf["latest"]) if leaf.get("latest") else leaf
    if found.get("time") is None and found.get("value") is None:
        return None
    return _ms(found.get("time")), _value(found.get("value"))


def _by_time(pairs: Iterable[Point]) -> dict[int, Value]:
    points: dict[int, Value] = {}
    for moment, value in pairs:
        if points.setdefault(moment, value) != value:
            raise _UnknownShapeError("two values at one time")
    return points


def _ms(found: Any) -> int:
    if isinstance(found, str) and _DIGITS.fullmatch(found):
        found = int(found)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= _LAST_MS:
        raise _UnknownShapeError("not a time in Unix ms")
    return found


def _value(found: Any) -> Value:
    if isinstance(found, bool) or not isinstance(found, str | int | float | dict):
        raise _UnknownShapeError("not a value")
    return found


def _count(found: Any) -> int | None:
    return None if found is None else _ms(found)


def _list(found: Any) -> list[Any]:
    if found is None:
        return []
    if not isinstance(found, list):
        raise _UnknownShapeError("not a list")
    return found


def _object(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise _UnknownShapeError("not an object")
    return found


def _iso(ms: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=min(max(ms, 0), _LAST_MS))
    return f"{moment.isoformat(timespec='milliseconds')}Z"
