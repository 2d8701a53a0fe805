"""What each service logs while things go wrong: lines by event, for each trouble in turn.

`.venv/bin/python tests/bench/logs.py [SECONDS]`: for each trouble so long (30 unless said), then as long without one.
Logs are at their defaults (JSON, info).
"""

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))
from ferry.contract import subjects
from harness import bus as buses
from harness import console, sandbox, services
from harness.services import lay_fleet

SERVICES = ("auth", "registry", "telemetry", "otosense")
JSON_LOGS = {"FERRY_LOG__FORMAT": "json"}
SERIES = {"path": "*/series", "method": "PUT"}


class World:
    def __init__(self, bus, cloud, suite, page_of):
        self.bus, self.cloud, self.suite, self.console = bus, cloud, suite, page_of
        self.stop = asyncio.Event()
        self.read: dict[str, int] = {}

    async def flow(self, sensors):
        """Readings of every sensor each second, good and bad, while the bus takes them."""

        async def silent(_: Exception) -> None:
            """The services' logs are what is looked at."""

        client = await self.bus.as_publisher("plant", error_cb=silent)
        stream = client.jetstream(timeout=2)
        while not self.stop.is_set():
            for gateway, sensor in (*sensors, ("gateway-0", "nobody")):
                body = json.dumps({"value": "21.5", "time": int(time.time() * 1000)}).encode()
                with contextlib.suppress(Exception):
                    await stream.publish(subjects.sensor_series(gateway, sensor), body)
            await asyncio.sleep(0.5)
        await client.close()

    def new_lines(self):
        """Of each service, since the last call."""
        found = {}
        for running in self.suite.running:
            text = running.process.text()
            begun = self.read.get(running.process.name, 0)
            self.read[running.process.name] = len(text)
            found[running.process.name] = text[begun:].splitlines()
        return found


def shown(trouble, seconds, lines_by_service):
    for service, lines in lines_by_service.items():
        events: Counter[str] = Counter()
        odd: Counter[str] = Counter()
        traced = 0
        for line in lines:
            try:
                said = json.loads(line)
                events[said["event"]] += 1
                traced += "trace_id" in said
                if " " in said["event"]:
                    odd[said["event"][:60]] += 1
            except (ValueError, KeyError):
                odd[line[:60]] += 1
        if events or odd:
            print(
                f"{trouble:16} {service:12} {sum(events.values()) / seconds * 60:6.1f} lines/min, {traced} traced"
            )
            for event, count in events.most_common(8):
                print(f"{'':30}{count:5} {event[:90]}")
            for line, count in odd.most_common(4):
                print(f"{'':30}{count:5} NO EVENT: {line}")


@contextlib.asynccontextmanager
async def outage(world):
    await world.cloud.fault(match=SERIES, kind="status", status=503)
    yield
    await world.cloud.heal()


@contextlib.asynccontextmanager
async def html(world):
    await world.cloud.fault(
        match={"cloud": "thingplus"}, kind="status", status=200, content_type="text/html", text="<html>"
    )
    yield
    await world.cloud.heal()


@contextlib.asynccontextmanager
async def tokens_refused(world):
    await world.cloud.fault(
        match={"path": "*/oauth2/token"},
        kind="status",
        status=401,
        body={"name": "TokenError", "message": "no"},
    )
    await world.cloud.post("/admin/revoke")
    yield
    await world.cloud.heal()


@contextlib.asynccontextmanager
async def mass_refusal(world):
    await world.cloud.fault(match=SERIES, kind="status", status=400, code="SCHEMA_VALIDATE")
    yield
    await world.cloud.heal()


@contextlib.asynccontextmanager
async def no_nats(world):
    await world.bus.process.kill()
    yield
    await world.bus.restart()


@contextlib.asynccontextmanager
async def guessed_tokens(world):
    """Somebody guesses the console's tokens as fast as it answers."""
    async with world.console.visitor() as visitor:

        async def guess():
            while True:
                await visitor.post("/sign-in", data={"token": "x"})

        guessing = asyncio.create_task(guess())
        yield
        guessing.cancel()


TROUBLES = (outage, html, tokens_refused, mass_refusal, guessed_tokens, no_nats)


async def main(seconds):
    folder = Path(tempfile.mkdtemp())
    async with (
        buses.bus(folder / "bus") as bus,
        sandbox.sandbox(folder / "sandbox") as cloud,
        services.suite(bus, cloud, folder / "services") as suite,
    ):
        await bus.lay()
        sensors = await lay_fleet(bus, cloud, 4, 10)
        for name in SERVICES:
            await suite.start(name, JSON_LOGS)
        world = World(bus, cloud, suite, await console.start(suite, **JSON_LOGS))
        flowing = asyncio.create_task(world.flow(sensors))
        await asyncio.sleep(5)
        shown("start", 5, world.new_lines())
        for trouble in TROUBLES:
            async with trouble(world):
                await asyncio.sleep(seconds)
                shown(trouble.__name__, seconds, world.new_lines())
            await asyncio.sleep(seconds / 2)
            shown("after it", seconds / 2, world.new_lines())
        world.stop.set()
        await flowing


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1] if sys.argv[1:] else 30)))
