"""The publishers: good readings, and all that may come from a gateway with bad software."""

import asyncio
import json
from random import Random
from typing import Any, Protocol

from ferry.contract import subjects
from simulation.ledger import Message, PointRecord, StatusRecord
from simulation.plan import GatewayPlan, Plan, SensorPlan

RUBBISH: tuple[tuple[bytes, str], ...] = (
    (b"", "invalid_body"),
    (b"{", "invalid_body"),
    (b"[]", "invalid_body"),
    (b"null", "invalid_body"),
    (b'{"value":true}', "invalid_value"),
    (
        b'{"value":["a\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"]}',
        "invalid_value",
    ),
    (b'{"value":"\xff"}', "invalid_body"),
    (b'{"value":"1","time":"soon"}', "invalid_body"),
    (b'{"value":"1","time":1648731311}', "invalid_time"),
    (b'{"value":"1","time":1893456000000}', "future_time"),
    (b'{"value":"1","surprise":1}', "invalid_body"),
    (b"[" * 3000, "invalid_body"),
)
WRONG_ELEMENTS: tuple[tuple[bytes, str], ...] = (
    (b'{"value":null}', "invalid_value"),
    (b'{"value":"1","time":-5}', "invalid_time"),
    (b'{"value":"1","time":true}', "invalid_body"),
    (b"17", "invalid_body"),
)
ODD_SUBJECTS = (
    "ferry.v1.gateways.{}.sensors.*.series",
    "ferry.v1.gateways.{}",
    "ferry.v1.gateways.{}.sensors.a.b.series",
    "ferry.v1.gateways.{}.surprise",
    "ferry.v1.gateways.{}.sensors.s\\xff.series",
    "ferry.v1.gateways.>.status",
)


class World(Protocol):
    plan: Plan

    def publish(self, subject: str, body: bytes) -> Message: ...
    def record(self, message: Message) -> None: ...
    def now_ms(self) -> int: ...
    @property
    def passed_s(self) -> float: ...


class Traffic:
    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random
        self._number = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for gateway in self._world.plan.gateways:
                tasks.create_task(self._statuses(gateway, None, gateway.status_period_s))
                tasks.create_task(self._oddities(gateway))
                for sensor in gateway.sensors:
                    tasks.create_task(self._series(sensor))
                    tasks.create_task(self._statuses(gateway, sensor, sensor.status_period_s))

    def _goes_on(self) -> bool:
        return self._world.passed_s < self._world.plan.traffic_s

    async def _series(self, sensor: SensorPlan) -> None:
        random = self._random
        newest = 0
        await asyncio.sleep(random.uniform(0, min(sensor.period_s, 10)))
        while self._goes_on():
            count = random.randint(2, sensor.longest_burst) if random.random() < sensor.bursts else 1
            for _ in range(count):
                newest = self._publish_series(sensor, newest)
            if random.random() < sensor.clock_steps:
                sensor.clock_ms += random.choice((-60_000, 5_000, 60_000, 600_000))
                newest = 0
            await asyncio.sleep(sensor.period_s * random.uniform(0.5, 1.5))

    def _publish_series(self, sensor: SensorPlan, newest: int) -> int:
        """Returns the newest time that the sensor has used."""
        random, world = self._random, self._world
        subject = subjects.sensor_series(sensor.gateway, sensor.name)
        if random.random() < sensor.rubbish:
            body, reason = random.choice(RUBBISH)
            message = world.publish(subject, body)
            message.wrong = reason
            world.record(message)
            return newest
        count = random.randint(2, sensor.longest_array) if random.random() < sensor.array else 1
        timed = sensor.clocks == "timed" or (sensor.clocks == "mixed" and random.random() < 0.5)
        now_ms = world.now_ms() + sensor.clock_ms
        last = max(newest + count, now_ms)
        first = max(newest, last - 60_000)
        elements: list[bytes] = []
        points: list[PointRecord] = []
        for index in range(count):
            time = first + (last - first) * (index + 1) // count if timed else None
            if timed and newest and random.random() < sensor.same_time:
                time = newest
            point, element = self._element(sensor, index, time)
            newest = max(newest, time or 0)
            points.append(point)
            elements.append(element)
        body = elements[0] if count == 1 else b"[" + b",".join(elements) + b"]"
        message = world.publish(subject, body)
        message.points = points
        for point in points:
            if point.wrong is None and point.time is not None:
                late_ms = point.time - message.stored_ms
                point.wrong = "future_time" if late_ms > world.plan.settings.time_ahead_s * 1000 else None
        world.record(message)
        return newest

    def _element(self, sensor: SensorPlan, index: int, time: int | None) -> tuple[PointRecord, bytes]:
        random = self._random
        self._number += 1
        if random.random() < sensor.rubbish / 4:
            body, reason = random.choice(WRONG_ELEMENTS)
            return PointRecord(index, None, f"wrong {self._number}", wrong=reason), body
        bad = random.random() < sensor.bad_value
        form = random.randrange(4)
        value: Any = f"bad {self._number}" if bad else f"{self._number}.50"
        text = json.dumps(value)
        if not bad and form == 0:
            text = value  # a number: the cloud gets it as text, digits untouched
        elif not bad and form == 1:
            value = {"n": self._number}
            text = json.dumps(value)
        moment = "" if time is None else f',"time":{time}'
        return PointRecord(index, time, value, bad_value=bad), f'{{"value":{text}{moment}}}'.encode()

    async def _statuses(
        self, gateway: GatewayPlan, sensor: SensorPlan | None, period_s: float | None
    ) -> None:
        if period_s is None:
            return
        random, world = self._random, self._world
        name = sensor.name if sensor else None
        subject = (
            subjects.sensor_status(gateway.name, name) if name else subjects.gateway_status(gateway.name)
        )
        ends_ms = 0
        await asyncio.sleep(random.uniform(0, period_s))
        while self._goes_on():
            value = random.choice(("on", "on", "off", "err"))
            valid_s: int | None = random.choice((None, 10, 60, 300, 86_400))
            if sensor and random.random() < sensor.rubbish:
                message = world.publish(subject, b'{"value":"perhaps"}')
                message.wrong = "invalid_body"
            else:
                given = "" if valid_s is None else f',"validDuration":{valid_s}'
                message = world.publish(subject, f'{{"value":"{value}"{given}}}'.encode())
                lasts_ms = int(1.5 * gateway.interval_ms) if valid_s is None else valid_s * 1000
                ends_ms = message.stored_ms + lasts_ms
                message.status = StatusRecord(value, ends_ms)
            world.record(message)
            await asyncio.sleep(period_s * random.uniform(0.3, 1.5))

    async def _oddities(self, gateway: GatewayPlan) -> None:
        random, world = self._random, self._world
        while self._goes_on():
            await asyncio.sleep(random.uniform(20, 400))
            message = world.publish(random.choice(ODD_SUBJECTS).format(gateway.name), b'{"value":"1"}')
            message.wrong = "invalid_subject"
            world.record(message)
