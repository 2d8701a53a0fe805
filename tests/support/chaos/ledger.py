"""Who published what, and the oracle: what must be true of it after any run, whatever was killed meanwhile."""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import nats.errors
import nats.js.errors
from nats.aio.client import Client

from ferry.contract import subjects

Sensor = tuple[str, str]
START_MS = 1_700_000_000_000
NO_NUMBER = "no number"
"""A value that no cloud takes. After a crash it may stand behind newer ones, and be called out of order as well."""


@dataclass
class Ledger:
    """Every reading that the bus acknowledged, and every one that was sent at all (a time-out is ambiguous)."""

    acknowledged: dict[Sensor, dict[int, str]] = field(default_factory=dict)
    sent: dict[Sensor, dict[int, str]] = field(default_factory=dict)
    repeated: int = 0
    """Publishes of a reading that had been sent before: nothing was heard of it, or a late copy came through."""

    @property
    def count(self) -> int:
        return sum(map(len, self.acknowledged.values()))


class Publisher:
    """Publishes each sensor's readings in the order of their times, and repeats what was not acknowledged."""

    refused_share = 0.0
    """How many of its readings no cloud takes: their value is no number."""
    late_share = 0.0
    """How often a copy of an earlier reading comes late, as a publish does that timed out and went out all the same."""

    def __init__(self, client: Client, sensors: list[Sensor], seed: int, timeout_s: float = 2.0) -> None:
        self.ledger = Ledger()
        self.jetstream = client.jetstream(timeout=timeout_s)
        self._sensors = sensors
        self._random = random.Random(seed)
        self._next = dict.fromkeys(sensors, START_MS)
        self._stop = asyncio.Event()
        self.retired: set[Sensor] = set()
        """Sensors that fall silent while the others go on."""

    async def run(self, per_sensor: int, pause_s: float) -> Ledger:
        """At most `per_sensor` readings of each, with about `pause_s` between two of a sensor."""
        await asyncio.gather(*(self._sensor(sensor, per_sensor, pause_s) for sensor in self._sensors))
        return self.ledger

    def stop(self) -> None:
        self._stop.set()

    async def _sensor(self, sensor: Sensor, count: int, pause_s: float) -> None:
        for _ in range(count):
            if self._stop.is_set() or sensor in self.retired:
                return
            moment = self._next[sensor] = self._next[sensor] + self._random.randint(1, 1000)
            refused = self._random.random() < self.refused_share
            await self.publish(sensor, moment, NO_NUMBER if refused else f"{self._random.random():.6f}")
            if self._random.random() < self.late_share:
                await self._late_copy(sensor)
            await asyncio.sleep(self._random.uniform(0, 2 * pause_s))

    async def publish(self, sensor: Sensor, moment: int, value: str) -> None:
        self.ledger.sent.setdefault(sensor, {})[moment] = value
        while True:
            try:
                await self.jetstream.publish(subjects.sensor_series(*sensor), body_of(moment, value))
            except (TimeoutError, nats.errors.Error, nats.js.errors.Error):
                if self._stop.is_set():
                    return
                self.ledger.repeated += 1
                await asyncio.sleep(0.1)
            else:
                self.ledger.acknowledged.setdefault(sensor, {})[moment] = value
                return

    async def _late_copy(self, sensor: Sensor) -> None:
        earlier = list(self.ledger.acknowledged.get(sensor, {}).items())[-20:]
        if earlier:
            await self.publish(sensor, *self._random.choice(earlier))
            self.ledger.repeated += 1


def body_of(moment: int, value: str) -> bytes:
    return b'{"value":"%b","time":%d}' % (value.encode(), moment)


@dataclass
class Found:
    """What the oracle has against a run; all empty is well."""

    lost: list[str] = field(default_factory=list)
    reordered: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    reasonless: list[str] = field(default_factory=list)

    @property
    def bad(self) -> list[str]:
        return [*self.lost, *self.reordered, *self.invented, *self.reasonless]

    def __str__(self) -> str:
        return f"{len(self.lost)} lost, {len(self.reordered)} reordered"


def judge(
    ledger: Ledger, cloud: dict[Sensor, list[dict[str, Any]]], dead: Iterable[tuple[str, str | None, bytes]]
) -> Found:
    """`cloud` holds each sensor's points in the order of their first arrival, `dead` subject, reason and body."""
    found = Found()
    letters = list(dead)
    for subject, reason, body in letters:
        if not reason:
            found.reasonless.append(subject)
        if reason == "out_of_order" and NO_NUMBER.encode() not in body:
            # every sensor was published in order: whoever reordered it, it was us
            found.reordered.append(f"{subject}: a dead letter for being out of order")
    _judge_lost(found, ledger, cloud, {(subject, body) for subject, _, body in letters})
    _judge_cloud(found, ledger, cloud)
    return found


def _judge_lost(
    found: Found,
    ledger: Ledger,
    cloud: dict[Sensor, list[dict[str, Any]]],
    buried: set[tuple[str, bytes]],
) -> None:
    for sensor, readings in ledger.acknowledged.items():
        there = {int(point["time"]): point["value"] for point in cloud.get(sensor, [])}
        subject = subjects.sensor_series(*sensor)
        for moment, value in readings.items():
            if there.get(moment) != value and (subject, body_of(moment, value)) not in buried:
                found.lost.append(f"{sensor[1]} at {moment}: acknowledged, and nowhere")


def _judge_cloud(found: Found, ledger: Ledger, cloud: dict[Sensor, list[dict[str, Any]]]) -> None:
    for sensor, points in cloud.items():
        times = [int(point["time"]) for point in points]
        if times != sorted(times):
            found.reordered.append(f"{sensor[1]}: first arrivals out of order")
        for point in points:
            if ledger.sent.get(sensor, {}).get(int(point["time"])) != point["value"]:
                found.invented.append(f"{sensor[1]} at {point['time']}: nobody sent this")
