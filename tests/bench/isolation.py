"""What failing sensors, an outage and a backlog cost the others: `python tests/bench/isolation.py --runs 3`.

Real nats-server, sandbox, auth and telemetry at their default settings. Times are from a reading's own `time`, set at
its publish, to the moment that the sandbox stored it. Figures of one machine in one run: compare them with each other.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))

from nats.aio.client import Client

from ferry.contract import subjects
from harness.bus import Bus
from harness.bus import bus as a_bus
from harness.processes import eventually
from harness.sandbox import Sandbox
from harness.sandbox import sandbox as a_sandbox
from harness.services import lay_fleet, suite

Sensor = tuple[str, str]
WAYS: list[dict[str, Any]] = [
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503, "retry_after": 10},
    {"kind": "status", "status": 404, "text": "<html>not here</html>", "content_type": "text/html"},
    {"kind": "blackhole"},
    {"kind": "status", "status": 400, "code": "SCHEMA_VALIDATE"},
]


@dataclass
class Bench:
    bus: Bus
    sandbox: Sandbox
    client: Client
    sensors: list[Sensor]

    async def publish(self, sensor: Sensor, value: str = "36.5") -> None:
        body = json.dumps({"value": value, "time": time.time_ns() // 1_000_000})
        await self.client.publish(subjects.sensor_series(*sensor), body.encode())

    async def report(self, sensors: list[Sensor], seconds: float, every_s: float) -> None:
        """Each sensor once in `every_s`, spread evenly."""
        ends, step = time.monotonic() + seconds, every_s / len(sensors)
        due = time.monotonic()
        while time.monotonic() < ends:
            for sensor in sensors:
                await self.publish(sensor)
                due += step
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def delays_ms(self, sensors: list[Sensor], since_ms: float) -> list[float]:
        found: list[float] = []
        for sensor in sensors:
            points = await self.sandbox.series(*sensor)
            found += [point["at"] - point["time"] for point in points if point["time"] >= since_ms]
        return found


@asynccontextmanager
async def bench(gateways: int, sensors: int) -> AsyncIterator[Bench]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with (
            a_bus(folder / "bus") as bus,
            a_sandbox(folder / "sandbox") as sandbox,
            suite(bus, sandbox, folder / "services") as services,
        ):
            await bus.lay()
            laid = await lay_fleet(bus, sandbox, gateways, sensors)
            await asyncio.gather(services.start("auth"), services.start("telemetry"))
            client = await bus.connect()
            yield Bench(bus, sandbox, client, laid)
            await client.close()


def p99(values: list[float]) -> float:
    return quantiles(values, n=100)[98]


async def isolation(seconds: float) -> tuple[float, float]:
    """p99 in ms of 90 sensors while all work, and while 10 others fail in five ways."""
    async with bench(gateways=10, sensors=10) as run:
        bad, good = run.sensors[::10], [one for index, one in enumerate(run.sensors) if index % 10]
        await run.report(run.sensors, 3, 1.0)
        begun = time.time() * 1000
        await run.report(run.sensors, seconds, 1.0)
        quiet = p99(await run.delays_ms(good, begun))
        for number, sensor in enumerate(bad):
            path = f"*/gateways/{sensor[0]}/sensors/{sensor[1]}/series"
            await run.sandbox.fault(
                match={"path": path, "method": "PUT"}, duration_s=3600, **WAYS[number % 5]
            )
        await run.report(run.sensors, 5, 1.0)
        begun = time.time() * 1000
        await run.report(run.sensors, seconds, 1.0)
        await asyncio.sleep(2)
        return quiet, p99(await run.delays_ms(good, begun))


async def recovery(outage_s: float) -> tuple[float, float]:
    """PUTs a second before an outage of 503, and from 10 to 20 s after it: 60 sensors at 2/s, a cloud of 100 ms."""
    async with bench(gateways=6, sensors=10) as run:
        await run.sandbox.fault(kind="latency", match={"path": "*/series"}, ms=100)
        reporting = asyncio.create_task(run.report(run.sensors, 30 + outage_s + 25, 0.5))

        async def rate(seconds: float) -> float:
            before, begun = await run.sandbox.points(), time.monotonic()
            await asyncio.sleep(seconds)
            return (await run.sandbox.points() - before) / (time.monotonic() - begun)

        await asyncio.sleep(5)
        before = await rate(10)
        await run.sandbox.fault(kind="status", status=503, match={"path": "*/series"}, for_s=outage_s)
        await asyncio.sleep(outage_s + 10)
        after = await rate(10)
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
        return before, after


async def drain(readings: int) -> tuple[float, float, float]:
    """Seconds for so many waiting readings of one sensor through a cloud of 50 ms, and its neighbours' p99 in ms
    before and meanwhile."""
    async with bench(gateways=2, sensors=5) as run:
        await run.sandbox.fault(kind="latency", match={"path": "*/series"}, ms=50)
        one, others = run.sensors[0], run.sensors[1:]
        await run.report(others, 3, 0.5)
        begun = time.time() * 1000
        await run.report(others, 6, 0.5)
        quiet = p99(await run.delays_ms(others, begun))
        fault = {
            "kind": "status",
            "status": 503,
            "match": {"path": f"*/sensors/{one[1]}/series", "method": "PUT"},
        }
        await run.sandbox.fault(**fault)
        subject, jetstream = (
            subjects.sensor_series(*one),
            run.client.jetstream(publish_async_max_pending=2000),
        )
        first = time.time_ns() // 1_000_000 - readings
        for number in range(readings):
            await jetstream.publish_async(subject, b'{"value":"1","time":%d}' % (first + number))
        await jetstream.publish_async_completed()
        await run.sandbox.heal()
        await run.sandbox.fault(kind="latency", match={"path": "*/series"}, ms=50)
        begun, began = time.time() * 1000, time.monotonic()
        reporting = asyncio.create_task(run.report(others, 600, 0.5))

        async def drained() -> bool:
            return len(await run.sandbox.series(*one)) >= readings

        await eventually(drained, within_s=120, what="the backlog delivered")
        took = time.monotonic() - began
        await asyncio.sleep(1)
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
        return took, quiet, p99(await run.delays_ms(others, begun))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--outage", type=float, default=60)
    parser.add_argument("--readings", type=int, default=10_000)
    parser.add_argument("--only", choices=["isolation", "recovery", "drain"])
    given = parser.parse_args()
    if given.only in (None, "isolation"):
        pairs = [await isolation(given.seconds) for _ in range(given.runs)]
        print("isolation: p99 quiet and beside 10 failing, ms:", [tuple(map(round, pair)) for pair in pairs])
        print(f"isolation: median ratio {median(failing / quiet for quiet, failing in pairs):.2f}")
    if given.only in (None, "recovery"):
        before, after = await recovery(given.outage)
        print(f"recovery: {before:.0f} points/s before, {after:.0f} after: {after / before:.0%}")
    if given.only in (None, "drain"):
        took, quiet, meanwhile = await drain(given.readings)
        print(
            f"drain: {given.readings} in {took:.1f} s; neighbours' p99 {quiet:.0f} ms, meanwhile {meanwhile:.0f} ms"
        )


if __name__ == "__main__":
    asyncio.run(main())
