"""Thing+ in memory: its state and its answers, from the guide and docs/get-started/sandbox.md.

It is strict where Thing+ is: times only go up, an array is written whole or not at all, unknown entities are refused.
"""

import json
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from ferry.telemetry.delivery.ports import Answer

JSON = "application/json; charset=utf-8"
BAD_VALUE = "bad"
"""A value that begins with it is refused, as one that does not fit its sensor's type."""
Shape = str
SHAPES: tuple[Shape, ...] = ("embedded", "leaf", "pack", "sensor")


def envelope(status: int, data: Any = None, code: str | None = None, words: str = "no") -> Answer:
    said: dict[str, Any] = {"statusCode": status, "message": "OK" if status < 300 else words, "data": data}
    if code:
        said["errors"] = [{"category": "REQUEST_ERROR", "code": code, "message": words}]
    return Answer(status, msgspec.json.encode(said), None, JSON)


@dataclass(slots=True)
class Sensor:
    """`points` by time in Unix ms; `times` has those in order."""

    points: dict[int, Any] = field(default_factory=dict)
    times: list[int] = field(default_factory=list)
    newest: int = -1


@dataclass(slots=True)
class StatusWrite:
    """Times in Unix ms."""

    at: int
    value: str
    expires: int


@dataclass
class ThingPlus:
    """`gateways` has the sensors of each; `numbers`: values are shown as numbers; `largest`: elements of an array."""

    now_ms: Callable[[], int]
    shape: Shape = "leaf"
    numbers: bool = False
    texts_as_times: bool = False
    largest: int = 1000
    largest_bytes: int = 1 << 20
    gateways: dict[str, set[str]] = field(default_factory=dict)
    series: dict[tuple[str, str], Sensor] = field(default_factory=dict)
    statuses: dict[tuple[str, str | None], list[StatusWrite]] = field(default_factory=dict)
    on_status: Callable[[str, str | None, StatusWrite], None] = lambda *_: None
    on_points: Callable[[str, str, list[tuple[int, Any]]], None] = lambda *_: None

    def put(self, path: str, body: bytes) -> Answer:
        """The body is looked at before its entity."""
        gateway, sensor, kind = split(path)
        if len(body) > self.largest_bytes:
            return Answer(413, b"<html>too large</html>", None, "text/html")
        try:
            said = json.loads(body)
        except ValueError:
            return envelope(400, code="JSON_PARSING")
        if kind == "status":
            return self._put_status(gateway, sensor, said)
        return self._put_series(gateway, str(sensor), said)

    def get(self, path: str, query: dict[str, str]) -> Answer:
        gateway, sensor, kind = split(path)
        if (refusal := self._missing(gateway, sensor)) is not None:
            return refusal
        if kind == "":
            return envelope(200, {"id": gateway, "sensors": sorted(self.gateways[gateway])})
        if kind == "status":
            return self._get_status(gateway, sensor)
        return self._get_series(gateway, str(sensor), query)

    def _missing(self, gateway: str, sensor: str | None) -> Answer | None:
        if gateway not in self.gateways or (sensor is not None and sensor not in self.gateways[gateway]):
            return envelope(404, code="NOT_FOUND")
        return None

    def _put_series(self, gateway: str, sensor: str, said: Any) -> Answer:
        points = said if isinstance(said, list) else [said]
        if not 1 <= len(points) <= self.largest or not all(_is_point(point) for point in points):
            return envelope(400, code="SCHEMA_VALIDATE")
        if (refusal := self._missing(gateway, sensor)) is not None:
            return refusal
        if any(str(point["value"]).startswith(BAD_VALUE) for point in points):
            return envelope(400, code="INVALID_INPUT", words="not proper to the sensor type")
        there = self.series.setdefault((gateway, sensor), Sensor())
        last = there.newest
        for point in points:
            if point["time"] <= last:
                return envelope(400, code="INVALID_INPUT", words="past time")
            last = point["time"]
        for point in points:
            there.points[point["time"]] = point["value"]
            there.times.append(point["time"])
        there.newest = last
        self.on_points(gateway, sensor, [(point["time"], point["value"]) for point in points])
        return envelope(200, {"id": f"series.{sensor}", "owner": gateway})

    def _put_status(self, gateway: str, sensor: str | None, said: Any) -> Answer:
        if not _is_status(said):
            return envelope(400, code="SCHEMA_VALIDATE")
        if (refusal := self._missing(gateway, sensor)) is not None:
            return refusal
        now = self.now_ms()
        write = StatusWrite(now, said["value"], now + said["validDuration"] * 1000)
        self.statuses.setdefault((gateway, sensor), []).append(write)
        self.on_status(gateway, sensor, write)
        return envelope(200, {"id": gateway})

    def _get_status(self, gateway: str, sensor: str | None) -> Answer:
        writes = self.statuses.get((gateway, sensor))
        if not writes:
            return envelope(200, {"id": sensor or gateway, "status": {"type": "status"}})
        leaf = {"value": writes[-1].value, "time": writes[-1].at, "expireAt": str(writes[-1].expires)}
        return envelope(200, {"id": sensor or gateway, "status": leaf})

    def _get_series(self, gateway: str, sensor: str, query: dict[str, str]) -> Answer:
        there = self.series.get((gateway, sensor), Sensor())
        latest = self._shown(there.newest, there.points[there.newest]) if there.points else None
        if "dataStart" not in query:
            series = {"type": "series", **(_named(latest) if latest else {})}
            return envelope(200, {"id": sensor, "deviceId": "d", "owner": gateway, "series": series})
        first, end = _ms(query["dataStart"]), _ms(query["dataEnd"])
        at = bisect_left(there.times, first)
        times = there.times[at : min(at + int(query["count"]), bisect_left(there.times, end))]
        found = [self._shown(time, there.points[time]) for time in times]
        return envelope(200, self._in_shape(gateway, sensor, found, latest))

    def _in_shape(self, gateway: str, sensor: str, found: list[Any], latest: Any) -> dict[str, Any]:
        pairs = [item for time, value in found for item in (value, time)]
        meta = {"count": len(found), "interval": 0}
        if self.shape == "pack":
            pack = [_named(one) for one in found]
            return {"type": "series", "seriesPack": pack, "_meta": meta, **(_named(latest) if latest else {})}
        if self.shape == "leaf":
            return {"_meta": meta, "data": pairs, "latest": _named(latest) if latest else None}
        leaf: dict[str, Any] = {"_meta": meta, "data": pairs}
        if self.shape == "embedded" and latest:
            leaf |= _named(latest)
        return {"id": sensor, "deviceId": "d", "owner": gateway, "series": leaf}

    def _shown(self, time: int, value: Any) -> tuple[Any, Any]:
        shown = value
        if self.numbers and isinstance(value, str):
            try:
                shown = float(value)
            except ValueError:
                shown = value
        return (str(time) if self.texts_as_times else time), shown


def split(path: str) -> tuple[str, str | None, str]:
    """Gateway, sensor and kind of a path: "series", "status" or "" for the entity itself."""
    parts = path.strip("/").split("/")
    sensor = parts[3] if len(parts) > 3 else None
    return parts[1], sensor, parts[-1] if parts[-1] in ("series", "status") else ""


def _named(point: tuple[Any, Any]) -> dict[str, Any]:
    return {"time": point[0], "value": point[1]}


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def _is_point(point: Any) -> bool:
    if not isinstance(point, dict) or set(point) - {"value", "time"}:
        return False
    return isinstance(point.get("value"), dict | str) and _is_whole(point.get("time")) and point["time"] >= 0


def _is_status(said: Any) -> bool:
    if not isinstance(said, dict) or set(said) != {"value", "validDuration"}:
        return False
    valid_s = said["validDuration"]
    return said["value"] in ("on", "off", "err") and _is_whole(valid_s) and valid_s > 0


def _is_whole(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)
