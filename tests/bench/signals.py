"""What watching costs: telemetry's processor time with every signal on, beside the same with all of them off.

`.venv/bin/python tests/bench/signals.py [--readings N] [--runs N]`. On: metrics (scraped each 5 s, and by OTLP), traces
at a ratio of 0.01 to a collector, logs at info, and a console that somebody looks at. Off: OTEL_SDK_DISABLED, logs of
errors alone. Both take turns in one run, on real nats-server with a cloud that costs nothing; start-up is taken off.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import httpx2

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))
from bench.cost import CONSUMERS, Place, answer_tokens, measure, telemetry  # type: ignore[import-not-found]

from ferry.contract import topology
from harness.bus import bus
from harness.collector import Collector, collector
from harness.console import TOKEN
from harness.processes import eventually, free_port, process, python

RATIO = "0.01"
SCRAPE_S = 5.0


class Signals:
    """Starts telemetry either way; `port` is where it serves its metrics."""

    def __init__(self, collected: Collector) -> None:
        self._collected = collected
        self.port = free_port()

    def on(self, bus_url: str, cloud: str, per_put: int) -> tuple[list[str], dict[str, str]]:
        command, env = telemetry(bus_url, cloud, per_put)
        seen = {"FERRY_OTLP__ENDPOINT": self._collected.url, "FERRY_OTLP__SAMPLE_RATIO": RATIO}
        return command, {**env, **seen, "FERRY_HEALTH__PORT": str(self.port)}

    def off(self, bus_url: str, cloud: str, per_put: int) -> tuple[list[str], dict[str, str]]:
        command, env = telemetry(bus_url, cloud, per_put)
        return command, {**env, "OTEL_SDK_DISABLED": "true", "FERRY_LOG__LEVEL": "error"}


@contextlib.asynccontextmanager
async def looked_at(place: Place, port: int) -> AsyncIterator[None]:
    """A console with a browser at its live page, and a Prometheus."""
    page = free_port()
    env = {
        "FERRY_NATS__URL": place.bus_url,
        "FERRY_HEALTH__PORT": str(free_port()),
        "FERRY_CONSOLE__TOKENS__ANNA": TOKEN,
        "FERRY_CONSOLE__PORT": str(page),
    }
    url = f"http://127.0.0.1:{page}"
    async with (
        process("console", python("ferry.console"), place.folder, env),
        httpx2.AsyncClient(base_url=url, headers={"Origin": url}, timeout=None) as browser,
    ):

        async def signed_in() -> bool:
            with contextlib.suppress(httpx2.TransportError):
                return (await browser.post("/sign-in", data={"token": TOKEN})).status_code == 303
            return False

        async def look() -> None:
            async with browser.stream("GET", "/live") as events:
                async for _ in events.aiter_lines():
                    pass

        async def scrape() -> None:
            while True:
                with contextlib.suppress(httpx2.TransportError):
                    await browser.get(f"http://127.0.0.1:{port}/metrics")
                await asyncio.sleep(SCRAPE_S)

        await eventually(signed_in, within_s=30, what="the console")
        watching = [asyncio.create_task(look()), asyncio.create_task(scrape())]
        yield
        for task in watching:
            task.cancel()


async def compare(place: Place, signals: Signals, readings: int, runs: int) -> None:
    async def started() -> float:
        async with looked_at(place, signals.port):
            return float((await measure(place, signals.on, 1, 0)).cpu_s)

    idle_on = median([await started() for _ in range(runs)])
    idle_off = median([(await measure(place, signals.off, 1, 0)).cpu_s for _ in range(runs)])
    print(f"start alone, taken off below: on {idle_on:.2f} s, off {idle_off:.2f} s")
    for per_put, traced in ((10, False), (1, False), (1, True)):
        where = replace(place, traced=traced)
        ratios, spent = [], []
        count = readings * (3 if per_put > 1 else 1)  # else its start would weigh more than they do
        for _ in range(runs):
            off = (await measure(where, signals.off, per_put, readings)).cpu_s - idle_off
            async with looked_at(where, signals.port):
                on = (await measure(where, signals.on, per_put, readings)).cpu_s - idle_on
            ratios.append(off / on)
            spent.append((on, off))
        on_s, off_s = median(on for on, _ in spent), median(off for _, off in spent)
        publishers = "traced publishers" if traced else "publishers without traces"
        print(
            f"{count} readings, {per_put} per PUT, {publishers}: {count / on_s:,.0f} readings per CPU s on, "
            f"{count / off_s:,.0f} off; ratio {median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        )


async def main(readings: int, runs: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with bus(folder / "bus") as running, collector() as collected:
            signals = Signals(collected)
            CONSUMERS[signals.on] = CONSUMERS[signals.off] = topology.PARTITIONS + 1
            await running.lay()
            client = await running.connect()
            await answer_tokens(client)
            port = free_port()
            command = [sys.executable, str(Path(__file__).with_name("cloud.py")), str(port)]
            async with process("cloud", command, folder):
                place = Place(running.url, client, f"http://127.0.0.1:{port}/v2", folder)
                await compare(place, signals, readings, runs)
            await client.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readings", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    asyncio.run(main(chosen.readings, chosen.runs))
