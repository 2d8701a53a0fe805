"""What the console's first page and `ferry status` say of three troubles, and how soon.

`.venv/bin/python tests/bench/diagnosis.py [TROUBLE …]`: outage, "mass refusal", and "wrong clock", of publishers an
hour ahead; all three unless said.
"""

import asyncio
import contextlib
import json
import re
import sys
import tempfile
import time
from html import unescape
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))
from ferry.contract import subjects
from harness import bus as buses
from harness import console, sandbox, services
from harness.services import lay_fleet

SERIES = {"path": "*/series", "method": "PUT"}
WORDS = {"outage": "stopped sending", "mass refusal": "refused", "wrong clock": "future_time"}
STATUS = {"outage": "breaker is not closed", "mass refusal": "refused ", "wrong clock": "future_time "}


class Publishers:
    def __init__(self, bus, sensors):
        self.bus, self.sensors = bus, sensors
        self.ahead_ms = 0

    async def run(self):
        client = await self.bus.as_publisher("plant")
        try:
            await self._publish(client.jetstream())
        finally:
            await client.close()

    async def _publish(self, jetstream):
        while True:
            for number, (gateway, sensor) in enumerate(self.sensors):
                ahead_ms = self.ahead_ms if number % 4 == 0 else 0
                body = {"value": "21.5", "time": int(time.time() * 1000) + ahead_ms}
                await jetstream.publish(subjects.sensor_series(gateway, sensor), json.dumps(body).encode())
            await asyncio.sleep(1)


def troubles(page):
    found = re.findall(r'<li class="trouble (\w+)">.*?<p>(.*?)</p>(.*?)</li>', page, re.DOTALL)
    return [f"{level}: {unescape(what)} | {unescape(re.sub('<[^>]+>', ' ', rest)).split(chr(10))[1].strip()}"
            for level, what, rest in found]  # fmt: skip


async def diagnosed(name, suite, browser):
    begun = time.monotonic()
    while True:
        found = troubles((await browser.get("/")).text)
        if any(WORDS[name] in one for one in found):
            break
        await asyncio.sleep(0.5)
    print(f"{name}: on the console after {time.monotonic() - begun:.1f} s")
    for one in found:
        print(f"    {one}")
    while True:
        code, said = await suite.ferry("status")
        if STATUS[name] in said:
            break
    print(f"{name}: in `ferry status` (exit code {code}) after {time.monotonic() - begun:.1f} s")
    for line in said.splitlines():
        if any(word in line for word in ("breaker is", "reason", "fail", "waiting:", "503", "400")):
            print(f"    {line.strip()[:180]}")


async def well_again(browser):
    begun = time.monotonic()
    while found := troubles((await browser.get("/")).text):
        if time.monotonic() - begun > 180:
            print(f"    still: {found}")
            return
        await asyncio.sleep(1)
    print(f"    nothing is wrong {time.monotonic() - begun:.0f} s after it ended")


async def main(chosen):
    folder = Path(tempfile.mkdtemp())
    async with (
        buses.bus(folder / "bus") as bus,
        sandbox.sandbox(folder / "sandbox") as cloud,
        services.suite(bus, cloud, folder / "services") as suite,
    ):
        await bus.lay()
        publishers = Publishers(bus, await lay_fleet(bus, cloud, 4, 10))
        for name in ("auth", "registry", "telemetry", "otosense"):
            await suite.start(name)
        page_of = await console.start(suite)
        publishing = asyncio.create_task(publishers.run())
        async with page_of.anna() as browser, cancelled_at_the_end(publishing):
            await asyncio.sleep(15)
            print("before:", troubles((await browser.get("/")).text))
            for name in chosen or tuple(WORDS):
                async with trouble(name, cloud, publishers):
                    await diagnosed(name, suite, browser)
                await well_again(browser)


@contextlib.asynccontextmanager
async def trouble(name, cloud, publishers):
    if name == "outage":
        await cloud.fault(match=SERIES, kind="status", status=503)
    elif name == "mass refusal":
        await cloud.fault(match=SERIES, kind="status", status=400, code="SCHEMA_VALIDATE")
    else:
        publishers.ahead_ms = 3_600_000
    yield
    await cloud.heal()
    publishers.ahead_ms = 0


@contextlib.asynccontextmanager
async def cancelled_at_the_end(task):
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
