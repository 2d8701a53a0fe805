"""How long the registry's `get` and `list` take, by the size of the fleet: `python tests/bench/fleet_reads.py`.

Real nats-server, the registry as a process, no cloud: reads ask none. Times in ms, over one connection, one
request after another, so that a time is a caller's wait.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))

import httpx2
from nats.aio.client import Client
from pydantic import BaseModel

from ferry.contract import registry, subjects, topology
from ferry.contract.registry import ListRequest, OwnedId, Sensor, SensorList
from ferry.runtime.requests import ask
from harness.bus import bus
from harness.processes import eventually, free_port, process, python
from harness.services import record, sensor_record

PER_GATEWAY = 50
SEED = 6
IN_FLIGHT = 4000


async def lay(client: Client, sensors: int) -> list[tuple[str, str]]:
    """Sensors of all gateways in turn, which spreads a gateway's over the whole bucket."""
    owners = [f"gateway-{number}" for number in range(max(1, sensors // PER_GATEWAY))]
    jetstream = client.jetstream(publish_async_max_pending=IN_FLIGHT)
    laid = []
    for number in range(sensors):
        owner, sensor = owners[number % len(owners)], f"sensor-{number // len(owners)}"
        key = registry.sensor_key(owner, sensor)
        await jetstream.publish_async(
            f"$KV.{topology.REGISTRY.name}.{key}", record(sensor_record(owner, sensor))
        )
        laid.append((owner, sensor))
    await jetstream.publish_async_completed()
    return laid


async def timed(times: int, call: Callable[[], Awaitable[BaseModel]]) -> list[float]:
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        await call()
        found.append((time.perf_counter() - begun) * 1000)
    return found


async def measure(client: Client, laid: list[tuple[str, str]], times: int) -> dict[str, list[float]]:
    pick = random.Random(SEED)

    async def get() -> BaseModel:
        owner, sensor = pick.choice(laid)
        return await ask(client, subjects.REGISTRY_SENSORS_GET, OwnedId(owner=owner, id=sensor), Sensor)

    async def page(after: str = "", owner: str | None = None, limit: int = 50) -> SensorList:
        asked = ListRequest(owner=owner, after=after, limit=limit)
        return await ask(client, subjects.REGISTRY_SENSORS_LIST, asked, SensorList)

    await page()  # the first list waits until the registry has read its bucket
    middle = ".".join(sorted(laid)[len(laid) // 2 - 1])
    return {
        "get": await timed(times * 10, get),
        "list, first 50": await timed(times, page),
        "list, 50 from the middle": await timed(times, lambda: page(after=middle)),
        "list, one gateway's 50": await timed(times, lambda: page(owner=pick.choice(laid)[0])),
        "list, first 1000": await timed(times, lambda: page(limit=1000)),
        "list, all by 1000": await timed(1, lambda: walk(page)),
    }


async def walk(page: Callable[..., Awaitable[SensorList]]) -> SensorList:
    found = await page(limit=1000)
    while found.next is not None:
        found = await page(after=found.next, limit=1000)
    return found


async def round_of(folder: Path, sensors: int, times: int) -> dict[str, list[float]]:
    async with bus(folder / "bus") as running:
        await running.lay()
        client = await running.connect()
        laid = await lay(client, sensors)
        port = free_port()
        env = {
            "FERRY_NATS__URL": running.url,
            "FERRY_HEALTH__HOST": "127.0.0.1",
            "FERRY_HEALTH__PORT": str(port),
            "FERRY_THINGPLUS__URL": "http://127.0.0.1:9/v2",
        }
        async with process("registry", python("ferry.registry"), folder, env), httpx2.AsyncClient() as http:

            async def ready() -> bool:
                try:
                    return (await http.get(f"http://127.0.0.1:{port}/readyz")).is_success
                except httpx2.TransportError:
                    return False

            await eventually(ready, within_s=30, what="the registry")
            found = await measure(client, laid, times)
        await client.close()
        return found


async def main(sizes: list[int], times: int) -> None:
    for sensors in sizes:
        with tempfile.TemporaryDirectory() as folder:
            found = await round_of(Path(folder), sensors, times)
        for what, ms in found.items():
            p99 = quantiles(ms, n=100)[98] if len(ms) > 1 else ms[0]
            print(json.dumps({"sensors": sensors, "what": what, "n": len(ms),
                              "median_ms": round(median(ms), 2), "p99_ms": round(p99, 2)}))  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 10_000, 100_000])
    parser.add_argument("--times", type=int, default=30)
    chosen = parser.parse_args()
    asyncio.run(main(chosen.sizes, chosen.times))
