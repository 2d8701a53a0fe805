"""Publishes readings and statuses of every form, each sensor's in the order of their times."""

import asyncio
import random
import time

import nats.errors
import nats.js.errors
from nats.aio.client import Client

from chaos.ledger import NO_NUMBER, START_MS, Ledger, Sensor, Status, Untimed, array_of, body_of
from ferry.contract import subjects

ARRAY_MAX = 5
BURST = 5
STATUS_EVERY = 5
"""Readings of a sensor for one status of its gateway."""
VALID_STEP_S = 60


class Publisher:
    """Repeats what was not acknowledged, before it publishes anything newer of the same sensor or entity."""

    refused_share = 0.0
    """How many of its readings the cloud refuses because their value is not a number."""
    late_share = 0.0
    """How often a copy of an earlier reading comes late, as a publish does that timed out and went out all the same."""
    array_share = 0.1
    """How many publishes are an array, of up to ARRAY_MAX readings."""

    def __init__(self, client: Client, sensors: list[Sensor], seed: int, timeout_s: float = 2.0) -> None:
        self.ledger = Ledger()
        self.jetstream = client.jetstream(timeout=timeout_s)
        self._sensors = sensors
        self._random = random.Random(seed)
        self._next = dict.fromkeys(sensors, START_MS)
        self._stop = asyncio.Event()
        self.retired: set[Sensor] = set()
        """Sensors that fall silent while the others go on."""
        self.untimed = set(sensors[5::8])
        """Sensors that publish without `time`, now and then several at once."""

    async def run(self, per_sensor: int, pause_s: float) -> Ledger:
        """At most `per_sensor` readings of each, with about `pause_s` between two of a sensor."""
        first_of = {gateway: (gateway, sensor) for gateway, sensor in reversed(self._sensors)}
        await asyncio.gather(
            *(self._sensor(sensor, per_sensor, pause_s) for sensor in self._sensors),
            *(self._statuses(first, per_sensor // STATUS_EVERY, pause_s) for first in first_of.values()),
        )
        return self.ledger

    def stop(self) -> None:
        self._stop.set()

    async def _sensor(self, sensor: Sensor, count: int, pause_s: float) -> None:
        left = count
        while left and not self._stop.is_set() and sensor not in self.retired:
            if sensor in self.untimed:
                left -= await self._untimed(sensor, left)
            else:
                left -= await self._timed(sensor, left)
            await asyncio.sleep(self._random.uniform(0, 2 * pause_s))

    async def _timed(self, sensor: Sensor, most: int) -> int:
        """One publish; how many readings it had."""
        chance = self._random
        number = chance.randint(2, ARRAY_MAX) if chance.random() < self.array_share else 1
        readings: dict[int, str] = {}
        for _ in range(min(number, most)):
            moment = self._next[sensor] = self._next[sensor] + chance.randint(1, 1000)
            refused = chance.random() < self.refused_share
            readings[moment] = NO_NUMBER if refused else f"{chance.random():.6f}"
        if len(readings) > 1:
            await self.publish_array(sensor, readings)
        else:
            await self.publish(sensor, moment, readings[moment])
        if chance.random() < self.late_share:
            await self._late_copy(sensor)
        return len(readings)

    async def _untimed(self, sensor: Sensor, most: int) -> int:
        """One publish, or a burst of them; how many readings they had."""
        number = min(most, BURST if self._random.random() < self.array_share else 1)
        for _ in range(number):
            values = self.ledger.sent_untimed.setdefault(sensor, set())
            value, sent_ms = f"{len(values)}.5", _now_ms()
            values.add(value)
            body = b'{"value":"%b"}' % value.encode()
            if await self._until_acknowledged(subjects.sensor_series(*sensor), body):
                self.ledger.messages += 1
                reading = Untimed(value, sent_ms, _now_ms())
                self.ledger.untimed.setdefault(sensor, []).append(reading)
        return number

    async def publish(self, sensor: Sensor, moment: int, value: str) -> None:
        await self._readings(sensor, {moment: value}, body_of(moment, value))

    async def publish_array(self, sensor: Sensor, readings: dict[int, str]) -> None:
        """One message; its readings by time, in Unix ms."""
        body = array_of(readings)
        self.ledger.arrays.setdefault(sensor, {}).update(dict.fromkeys(readings, body))
        await self._readings(sensor, readings, body)

    async def _readings(self, sensor: Sensor, readings: dict[int, str], body: bytes) -> None:
        self.ledger.sent.setdefault(sensor, {}).update(readings)
        if await self._until_acknowledged(subjects.sensor_series(*sensor), body):
            self.ledger.messages += 1
            self.ledger.acknowledged.setdefault(sensor, {}).update(readings)

    async def _until_acknowledged(self, subject: str, body: bytes) -> bool:
        """False when it was stopped before it heard anything."""
        self.ledger.published.add((subject, body))
        while True:
            try:
                await self.jetstream.publish(subject, body)
            except (TimeoutError, nats.errors.Error, nats.js.errors.Error):
                if self._stop.is_set():
                    return False
                self.ledger.repeated += 1
                await asyncio.sleep(0.1)
            else:
                return True

    async def _late_copy(self, sensor: Sensor) -> None:
        earlier = list(self.ledger.acknowledged.get(sensor, {}).items())[-20:]
        if earlier:
            moment, value = self._random.choice(earlier)
            body = self.ledger.body(sensor, moment, value)
            await self._until_acknowledged(subjects.sensor_series(*sensor), body)
            self.ledger.repeated += 1

    async def _statuses(self, first: Sensor, count: int, pause_s: float) -> None:
        """Of a gateway and of its first sensor in turns."""
        gateway, sensor = first
        for number in range(count):
            if self._stop.is_set():
                return
            value = self._random.choice(("on", "off", "err"))
            await self.status(gateway, sensor if number % 2 else None, value, 3600 + VALID_STEP_S * number)
            await asyncio.sleep(self._random.uniform(0, 2 * STATUS_EVERY * pause_s))

    async def status(self, gateway: str, sensor: str | None, value: str, valid_s: int) -> None:
        subject = subjects.sensor_status(gateway, sensor) if sensor else subjects.gateway_status(gateway)
        sent_ms = _now_ms()
        body = b'{"value":"%b","validDuration":%d}' % (value.encode(), valid_s)
        acknowledged = await self._until_acknowledged(subject, body)
        self.ledger.status_messages += acknowledged
        status = Status(value, valid_s, sent_ms, _now_ms())
        if acknowledged:
            self.ledger.statuses[gateway, sensor] = [status]
        elif (gateway, sensor) in self.ledger.statuses:
            self.ledger.statuses[gateway, sensor].append(status)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
