"""One replica at its default settings, over ports in memory and under a virtual clock, for tests of a few lines."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from contextvars import copy_context

from ferry.contract import subjects, topology
from ferry.telemetry.replica import Ports, Replica
from ferry.telemetry.settings import TelemetrySettings
from memory.cloud import MemoryCloud, Mishap
from memory.link import Link, MemoryAcks, MemoryConsumers, MemoryPulls, MemoryStoredMessages, Troubles
from memory.loop import VirtualLoop, run_virtually
from memory.services import MemoryAuth, MemoryDeadLetters, MemoryRegistry, MemoryTokens
from memory.stream import MemoryStream
from memory.thingplus import ThingPlus

NOW_MS = 1_790_000_000_000
Sensor = tuple[str, str]


class World:
    """One replica at its default settings, on a stream, a cloud and a registry in memory."""

    def __init__(self, loop: VirtualLoop, registry: MemoryRegistry | None = None, **settings: object) -> None:
        self.loop = loop
        self.stream = MemoryStream(topology.PARTITIONS, 600.0, self.now_ms)
        self.thingplus = ThingPlus(self.now_ms, on_points=self._arrived)
        self.auth = MemoryAuth()
        self.cloud = MemoryCloud(self.thingplus, lambda: self.latency_s, accepts=self.auth.accepts)
        self.registry = registry or MemoryRegistry()
        self.letters = MemoryDeadLetters()
        self.latency_s = 0.02
        self.delays_s: dict[Sensor, list[float]] = {}
        link = Link(self.stream, "one", copy_context(), Troubles())
        ports = Ports(
            consumers=MemoryConsumers(link),
            pulls=MemoryPulls(link),
            acks=MemoryAcks(link),
            stored=MemoryStoredMessages(link),
            dead_letters=self.letters,
            cloud=self.cloud,
            tokens=MemoryTokens(self.auth),
            registry=self.registry,
            announce=self._announce,
            now_ms=self.now_ms,
        )
        chosen = TelemetrySettings.model_validate({"imply_status": False, **settings})
        self.replica = Replica("one", ports, chosen, lambda _: nullcontext())
        self._running = loop.create_task(self.replica.run([*range(topology.PARTITIONS), topology.OUTSIDE]))

    async def _announce(self, presence: object) -> None:
        return

    def now_ms(self) -> int:
        return NOW_MS + round(self.loop.time() * 1000)

    def _arrived(self, gateway: str, sensor: str, points: list[tuple[int, object]]) -> None:
        delays = self.delays_s.setdefault((gateway, sensor), [])
        delays += [(self.now_ms() - time) / 1000 for time, _ in points]

    def add(self, *sensors: Sensor) -> None:
        for gateway, sensor in sensors:
            self.thingplus.gateways.setdefault(gateway, set()).add(sensor)
            self.registry.sensors[gateway, sensor] = "registered"
            self.registry.intervals[gateway] = 60_000

    def publish(self, sensor: Sensor, value: object = "1", time: int | None = None) -> int:
        body = json.dumps({"value": value, "time": self.now_ms() if time is None else time}).encode()
        return self.stream.publish(subjects.sensor_series(*sensor), body).sequence

    async def report(self, sensors: list[Sensor], every_s: float, for_s: float) -> None:
        ends = self.loop.time() + for_s
        while self.loop.time() < ends:
            for sensor in sensors:
                self.publish(sensor)
                await asyncio.sleep(every_s / len(sensors))

    def fail(self, *sensors: Sensor, kind: str = "500", retry_after_s: float | None = None) -> None:
        failing = set(sensors)
        self.cloud.mishap = lambda request: (
            Mishap(kind, retry_after_s)
            if request.kind == "series" and (request.gateway, request.sensor) in failing
            else None
        )

    async def until(self, holds: Callable[[], bool], within_s: float) -> float:
        """How long it took, in s."""
        begun = self.loop.time()
        while not holds():
            assert self.loop.time() - begun < within_s, f"not within {within_s} s"
            await asyncio.sleep(0.01)
        return self.loop.time() - begun

    def points(self, sensor: Sensor) -> int:
        return len(self.delays_s.get(sensor, ()))

    @property
    def reasons(self) -> set[str]:
        return {letter.reason for letter in self.letters.stored}

    async def end(self) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self.replica.stop()


Check = Callable[[World], Awaitable[None]]


def run(check: Check, registry: MemoryRegistry | None = None, **settings: object) -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop, registry, **settings)
        await asyncio.sleep(2)
        try:
            await check(world)
        finally:
            await world.end()

    run_virtually(main)


def sensors_of(gateways: int, each: int) -> list[Sensor]:
    return [(f"g{number}", f"s{index}") for number in range(gateways) for index in range(each)]
