"""Processor time and memory of telemetry beside a prototype and the obvious program: `python tests/bench/cost.py`.

Real nats-server, the whole service as a process, a cloud that costs nothing; all take turns. Readings are published
before a start, so that they wait there; what start-up alone costs is measured and taken off.
"""

import argparse
import asyncio
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))

import httpx2
from container_engine import cpu_s
from cost_table import row, write  # type: ignore[import-not-found] # beside this script
from nats.aio.client import Client
from nats.aio.msg import Msg

from ferry.contract import registry, subjects, topology
from harness.bus import bus
from harness.processes import eventually, free_port, process, python
from harness.services import gateway_record, record, sensor_record

Start = Callable[[str, str, int], tuple[list[str], dict[str, str]]]
"""The command and environment for a bus, a cloud and so many points a PUT."""

GATEWAYS = 20


async def lay(client: Client, per_put: int, readings: int, *, traced: bool = False) -> None:
    """Each sensor gets `per_put` readings as messages of one: a lane's waiting ones become one PUT.

    `traced`: each has a publisher's trace, one in a hundred of them sampled.
    """
    bucket = await client.jetstream().key_value(topology.REGISTRY.name)
    sensors = readings // per_put
    for number in range(GATEWAYS):
        await bucket.put(registry.gateway_key(f"g{number}"), record(gateway_record(f"g{number}")))
    jetstream = client.jetstream(publish_async_max_pending=4000)
    for index in range(sensors):
        gateway, sensor = f"g{index % GATEWAYS}", f"s{index % (GATEWAYS * 50)}"
        if index < GATEWAYS * 50:
            await bucket.put(registry.sensor_key(gateway, sensor), record(sensor_record(gateway, sensor)))
        subject = subjects.sensor_series(gateway, sensor)
        for point in range(per_put):
            moment = 1_700_000_000_000 + index * 1000 + point
            trace = f"00-{moment:032x}-00000000000000ff-0{int(index % 100 == 0)}"
            headers = {"traceparent": trace} if traced else None
            body = b'{"value":"36.5","time":%d}' % moment
            await jetstream.publish_async(subject, body, headers=headers)
    await jetstream.publish_async_completed()


async def answer_tokens(client: Client) -> None:
    async def answer(message: Msg) -> None:
        body = '{"access_token":"%s","token_type":"Bearer","expires_at":%d,"generation":1,"expires_in":86400}'
        await message.respond((body % ("x" * 180, int(time.time() * 1000) + 86_400_000)).encode())

    await client.subscribe(subjects.AUTH_THINGPLUS_TOKEN_GET, cb=answer)


def telemetry(bus_url: str, cloud: str, per_put: int) -> tuple[list[str], dict[str, str]]:
    return python("ferry.telemetry"), {
        "FERRY_NATS__URL": bus_url,
        "FERRY_HEALTH__PORT": str(free_port()),
        "FERRY_THINGPLUS__URL": cloud,
        "FERRY_TELEMETRY__PUT_MAX_POINTS": str(per_put),
        "FERRY_TELEMETRY__IMPLY_STATUS": "false",
        "FERRY_TELEMETRY__LANE_MESSAGES": "256",
    }


def prototype(bus_url: str, cloud: str, per_put: int) -> tuple[list[str], dict[str, str]]:
    return [sys.executable, str(Path(__file__).with_name("prototype.py")), bus_url, cloud, str(per_put)], {}


def obvious(bus_url: str, cloud: str, _: int) -> tuple[list[str], dict[str, str]]:
    return [sys.executable, str(Path(__file__).with_name("obvious.py")), bus_url, cloud], {}


CONSUMERS: dict[Start, int] = {telemetry: topology.PARTITIONS + 1, prototype: 1, obvious: 1}
FEWER: dict[Start, int] = {telemetry: 1, prototype: 1, obvious: 20}
"""What takes long is measured with this part of the readings."""


class Spent(NamedTuple):
    """Processor time in s and the most memory in MiB, from start to the last reading."""

    cpu_s: float
    peak_mib: int


@dataclass(frozen=True)
class Place:
    bus_url: str
    client: Client
    cloud: str
    folder: Path
    traced: bool = False


async def measure(place: Place, start: Start, per_put: int, readings: int) -> Spent:
    jetstream = place.client.jetstream()
    await lay(place.client, per_put, readings, traced=place.traced)
    before = await puts_of(place.cloud)
    command, env = start(place.bus_url, place.cloud, per_put)
    async with process(start.__name__, command, place.folder, env) as running:

        async def consumers() -> int:
            return len(await jetstream.consumers_info("FERRY_READINGS"))

        async def owned() -> bool:
            return await consumers() == CONSUMERS[start]

        async def done() -> bool:
            return (await jetstream.stream_info("FERRY_READINGS")).state.messages == 0

        await eventually(owned, within_s=30, what=f"every consumer of {start.__name__}")
        await eventually(done, within_s=120, what="everything delivered")
        spent = Spent(cpu_s(running.child.pid), peak_mib(running.child.pid))
    for consumer in await jetstream.consumers_info("FERRY_READINGS"):
        await jetstream.delete_consumer("FERRY_READINGS", consumer.name)
    assert (await jetstream.stream_info("FERRY_DEAD")).state.messages == 0
    puts = await puts_of(place.cloud) - before
    least = readings if start is obvious else readings // per_put
    assert least <= puts <= 1.1 * least, f"{start.__name__} made {puts} PUTs for {least}"
    return spent


def peak_mib(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) // 1024 if found else 0


async def puts_of(cloud: str) -> int:
    async with httpx2.AsyncClient(
        transport=httpx2.AsyncHTTPTransport(retries=8)
    ) as client:  # it may still start
        return int((await client.get(cloud)).headers["Served"])


async def compare(place: Place, readings: int, runs: int) -> list[str]:
    """Rows of a table. All take turns: what else the machine does disturbs them alike."""
    idle = {
        start: median([(await measure(place, start, 1, 0)).cpu_s for _ in range(runs)]) for start in CONSUMERS
    }
    rows = []
    for per_put in (10, 2, 1):
        spent: dict[Start, list[Spent]] = {start: [] for start in CONSUMERS}
        for _ in range(runs):
            for start in CONSUMERS:
                some = readings // FEWER[start]
                cpu, mib = await measure(place, start, per_put, some)
                spent[start].append(Spent((cpu - idle[start]) * 100_000 / some, mib))
        for start, all_of_it in spent.items():
            ratios = [ours.cpu_s / bare.cpu_s for ours, bare in zip(all_of_it, spent[prototype], strict=True)]
            most = max(one.peak_mib for one in all_of_it)
            rows.append(row(per_put, start.__name__, [one.cpu_s for one in all_of_it], ratios, most))
            print(rows[-1], flush=True)
    return rows


async def main(readings: int, runs: int) -> list[str]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with bus(folder / "bus") as running:
            await running.lay()
            client = await running.connect()
            await answer_tokens(client)
            port = free_port()
            command = [sys.executable, str(Path(__file__).with_name("cloud.py")), str(port)]
            async with process("cloud", command, folder):
                base = f"http://127.0.0.1:{port}/v2"
                rows = await compare(Place(running.url, client, base, folder), readings, runs)
            await client.close()
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readings", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="put the table into docs/evidence/cost.md")
    chosen = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    found = asyncio.run(main(chosen.readings, chosen.runs))
    if chosen.write:
        write(found, f"cost.py --write --runs {chosen.runs} --readings {chosen.readings}")
