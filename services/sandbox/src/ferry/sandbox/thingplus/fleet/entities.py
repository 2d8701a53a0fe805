"""Gateways, devices, sensors and what is known of them, and how Thing+ prints each."""

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

NEVER = -1


@dataclass(slots=True)
class Status:
    id: str
    value: str
    time: int
    expire_at: int
    vtime: int
    mtime: int
    ctime: int


@dataclass(slots=True)
class Series:
    """Points in the order of their arrival, which is the order of their times too."""

    id: str
    ctime: int
    mtime: int
    times: "array[int]" = field(default_factory=lambda: array("q"))
    arrivals: "array[int]" = field(default_factory=lambda: array("q"))
    values: list[Any] = field(default_factory=list)

    @property
    def last_time(self) -> int:
        return self.times[-1]

    def has(self, time: int, value: Any) -> bool:
        index = bisect_left(self.times, time)
        return index < len(self.times) and (self.times[index], self.values[index]) == (time, value)


@dataclass(slots=True)
class Device:
    id: str
    owner: str
    name: str
    model: str
    time: int

    def shown(self, at: int | str) -> dict[str, Any]:
        return {
            "name": self.name,
            "model": self.model,
            "owner": self.owner,
            "mtime": at,
            "ctime": at,
            "id": self.id,
        }


@dataclass(slots=True)
class Sensor:
    id: str
    owner: str
    name: str
    type: str
    driver_name: str
    model: str
    category: str
    device_id: str
    ctime: int
    mtime: int
    value_kind: str = "number"
    status: Status | None = None
    series: Series | None = None

    def created(self) -> dict[str, Any]:
        return self._described() | {"mtime": self.mtime, "ctime": self.ctime, "id": self.id}

    def stored(self) -> dict[str, Any]:
        shown = self._described() | {"mtime": str(self.mtime), "ctime": str(self.ctime)}
        if self.status:
            shown["status"] = self.status.id
        if self.series:
            shown["series"] = self.series.id
        shown["id"] = self.id
        return shown

    def _described(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "driverName": self.driver_name,
            "model": self.model,
            "category": self.category,
            "deviceId": self.device_id,
            "owner": self.owner,
        }


@dataclass(slots=True)
class Gateway:
    id: str
    tenant: str
    name: str
    model: str
    site: str
    service: str
    report_interval: int | str
    ctime: int
    mtime: int
    devices: dict[str, Device] = field(default_factory=dict)
    sensors: dict[str, Sensor] = field(default_factory=dict)
    status: Status | None = None

    def created(self) -> dict[str, Any]:
        return self._described(self.report_interval, self.mtime, self.ctime)

    def stored(self) -> dict[str, Any]:
        shown = self._described(str(self.report_interval), str(self.mtime), str(self.ctime))
        if self.status:
            shown["status"] = self.status.id
        return shown

    def _described(self, interval: int | str, mtime: int | str, ctime: int | str) -> dict[str, Any]:
        return {
            "name": self.name,
            "model": self.model,
            "_site": self.site,
            "_service": self.service,
            "reportInterval": interval,
            "mtime": mtime,
            "ctime": ctime,
            "tree": self.id,
            "id": self.id,
        }


def status_leaf(status: Status, owner: Gateway | Sensor) -> dict[str, Any]:
    """Guide, chapter 8: in a leaf, `status` holds the id of what reports, `owner` its gateway's."""
    leaf: dict[str, Any] = {"type": "status", "value": status.value}
    if isinstance(owner, Sensor):
        leaf |= {"srcType": owner.type, "srcCategory": owner.category}
    kind = "sensor" if isinstance(owner, Sensor) else "gateway"
    return leaf | {
        "srcDbType": kind,
        "time": str(status.time),
        "expireAt": str(status.expire_at),
        "vtime": str(status.vtime),
        "status": owner.id,
        "owner": owner.owner if isinstance(owner, Sensor) else owner.id,
        kind: owner.id,
        "mtime": str(status.mtime),
        "ctime": str(status.ctime),
        "id": status.id,
    }


def series_leaf(series: Series, owner: Sensor, pack: list[dict[str, Any]] | None) -> dict[str, Any]:
    """Guide, chapter 9; `seriesPack` stands there for an array alone."""
    leaf: dict[str, Any] = {"type": "series", "srcType": owner.type}
    if pack is not None:
        leaf["seriesPack"] = pack
    return leaf | {
        "mtime": str(series.mtime),
        "ctime": str(series.ctime),
        "time": str(series.last_time),
        "value": series.values[-1],
        "owner": owner.owner,
        "series": owner.id,
        "sensor": owner.id,
        "srcCategory": owner.category,
        "srcDbType": "sensor",
        "id": series.id,
    }
