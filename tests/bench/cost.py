"""Processor time of the telemetry service for 100,000 readings beside a prototype's: `python tests/bench/cost.py`.

Real nats-server, the whole service as a process, a cloud that costs nothing; the two take turns. Readings are published
before a start, so that they wait there; what start-up alone costs is measured and taken off.
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))

import httpx2
from container_engine import cpu_s
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


CONSUMERS: dict[Start, int] = {telemetry: topology.PARTITIONS + 1, prototype: 1}


@dataclass(frozen=True)
class Place:
    bus_url: str
    client: Client
    cloud: str
    folder: Path
    traced: bool = False


async def measure(place: Place, start: Start, per_put: int, readings: int) -> float:
    """Processor seconds from start to the last reading."""
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
        spent = cpu_s(running.child.pid)
    for consumer in await jetstream.consumers_info("FERRY_READINGS"):
        await jetstream.delete_consumer("FERRY_READINGS", consumer.name)
    assert (await jetstream.stream_info("FERRY_DEAD")).state.messages == 0
    puts = await puts_of(place.cloud) - before
    least = readings // per_put
    assert least <= puts <= 1.1 * least, f"{start.__name__} made {puts} PUTs for {least}"
    return spent


async def puts_of(cloud: str) -> int:
    async with httpx2.AsyncClient(
        transport=httpx2.AsyncHTTPTransport(retries=8)
    ) as client:  # it may still start
        return int((await client.get(cloud)).headers["Served"])


async def compare(place: Place, readings: int, runs: int) -> None:
    idle = {start: median([await measure(place, start, 1, 0) for _ in range(runs)]) for start in CONSUMERS}
    print(
        "start alone, taken off below: "
        + ", ".join(f"{start.__name__} {s:.2f} s" for start, s in idle.items())
    )
    for per_put in (10, 2, 1):
        spent: dict[Start, list[float]] = {start: [] for start in CONSUMERS}
        for _ in range(runs):
            for start in CONSUMERS:
                spent[start].append(await measure(place, start, per_put, readings) - idle[start])
        shown = (
            f"{start.__name__} {median(s):.2f} ({min(s):.2f}-{max(s):.2f})" for start, s in spent.items()
        )
        ratios = sorted(ours / bare for ours, bare in zip(spent[telemetry], spent[prototype], strict=True))
        print(
            f"{readings} readings, {per_put:2d} per PUT: processor s, median: {', '.join(shown)}; "
            f"ratio {median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        )


async def main(readings: int, runs: int) -> None:
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
                await compare(Place(running.url, client, base, folder), readings, runs)
            await client.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readings", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    asyncio.run(main(chosen.readings, chosen.runs))
