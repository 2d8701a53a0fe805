"""Gateways, devices and sensors, and what they have reported."""

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
    """Points in the order of their arrival, which is the order of their times too. Times are in Unix ms."""

    id: str
    ctime: int
    mtime: int
    forgotten: int = 0
    times: "array[int]" = field(default_factory=lambda: array("q"))
    arrivals: "array[int]" = field(default_factory=lambda: array("q"))
    values: list[Any] = field(default_factory=list)

    @property
    def last_time(self) -> int:
        return self.times[-1]

    @property
    def count(self) -> int:
        """How many points arrived, also of those that were forgotten since."""
        return self.forgotten + len(self.times)

    def has(self, time: int, value: Any) -> bool:
        index = bisect_left(self.times, time)
        return index < len(self.times) and (self.times[index], self.values[index]) == (time, value)

    def forget_older_half(self) -> int:
        """Answers how many points went; the newest one stays."""
        gone = len(self.times) // 2
        del self.times[:gone], self.arrivals[:gone], self.values[:gone]
        self.forgotten += gone
        return gone


@dataclass(slots=True)
class Device:
    """`details` are optional fields as they were sent, under their own names."""

    id: str
    owner: str
    name: str
    model: str
    ctime: int
    mtime: int
    details: dict[str, Any] = field(default_factory=dict)


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
    details: dict[str, Any] = field(default_factory=dict)
    status: Status | None = None
    series: Series | None = None


@dataclass(slots=True)
class Gateway:
    """`device_models` are the declared ones, `{"model", "id"?}`; those of registered devices come from the devices."""

    id: str
    tenant: str
    name: str
    model: str
    site: str
    service: str
    report_interval: int | str
    ctime: int
    mtime: int
    details: dict[str, Any] = field(default_factory=dict)
    device_models: list[dict[str, str]] = field(default_factory=list)
    devices: dict[str, Device] = field(default_factory=dict)
    sensors: dict[str, Sensor] = field(default_factory=dict)
    status: Status | None = None
