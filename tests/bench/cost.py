"""Processor time of the telemetry service for 100,000 readings, per PUT size: `python tests/bench/cost.py`.

Real nats-server, the whole service as a process, a cloud that costs nothing. Readings are published before the
service starts, so that it finds them waiting; what start-up alone costs is measured and taken off.
"""

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

from nats.aio.client import Client
from nats.aio.msg import Msg

from ferry.contract import registry, subjects, topology
from harness.bus import Bus, bus
from harness.processes import eventually, free_port, process, python
from harness.services import gateway_record, record, sensor_record

GATEWAYS = 20
TICK = os.sysconf("SC_CLK_TCK")


async def lay(client: Client, per_put: int, readings: int) -> None:
    """Each sensor gets `per_put` readings as messages of one: a lane's waiting ones become one PUT."""
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
            await jetstream.publish_async(subject, b'{"value":"36.5","time":%d}' % moment)
    await jetstream.publish_async_completed()


async def answer_tokens(client: Client) -> None:
    async def answer(message: Msg) -> None:
        body = '{"access_token":"%s","token_type":"Bearer","expires_at":%d,"generation":1,"expires_in":86400}'
        await message.respond((body % ("x" * 180, int(time.time() * 1000) + 86_400_000)).encode())

    await client.subscribe(subjects.AUTH_TOKEN_GET, cb=answer)


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


async def measure(
    running: Bus, client: Client, cloud: str, per_put: int, readings: int, folder: Path
) -> tuple[float, float, int]:
    """Processor and wall seconds from start to the last reading, and the PUTs that were made."""
    env = {
        "FERRY_NATS__URL": running.url,
        "FERRY_HEALTH__PORT": str(free_port()),
        "FERRY_THINGPLUS__URL": cloud,
        "FERRY_TELEMETRY__PUT_MAX_POINTS": str(per_put),
        "FERRY_TELEMETRY__IMPLY_STATUS": "false",
        "FERRY_TELEMETRY__LANE_MESSAGES": "256",
    }
    jetstream = client.jetstream()
    await lay(client, per_put, readings)
    started = time.perf_counter()
    async with process("telemetry", python("ferry.telemetry"), folder, env) as telemetry:

        async def done() -> bool:
            return (await jetstream.stream_info("FERRY_READINGS")).state.messages == 0

        async def owned() -> bool:
            return len(await jetstream.consumers_info("FERRY_READINGS")) == topology.PARTITIONS

        await eventually(owned, within_s=30, what="all partitions owned")
        await eventually(done, within_s=120, what="everything delivered")
        spent = cpu_s(telemetry.child.pid), time.perf_counter() - started
        assert (await jetstream.stream_info("FERRY_DEAD")).state.messages == 0
        puts = await puts_of(client) if readings else 0
        await telemetry.stop()
    return (*spent, puts)


async def puts_of(client: Client) -> int:
    state = await client.request(subjects.TELEMETRY_STATE_GET, b"{}", timeout=10)
    return int(json.loads(state.data)["replicas"][0]["puts"])


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
                starts = [(await measure(running, client, base, 1, 0, folder))[0] for _ in range(runs)]
                print(f"start alone: cpu s median {median(starts):.2f}, taken off below")
                for per_put in (10, 2, 1):
                    spent = [
                        await measure(running, client, base, per_put, readings, folder) for _ in range(runs)
                    ]
                    cpus = [cpu - median(starts) for cpu, _, _ in spent]
                    print(
                        f"{readings} readings, {per_put:2d} per PUT: "
                        f"cpu s median {median(cpus):.2f} ({min(cpus):.2f}-{max(cpus):.2f}), "
                        f"wall s median {median(wall for _, wall, _ in spent):.2f}, "
                        f"PUTs {median(puts for _, _, puts in spent)}"
                    )
            await client.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readings", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    asyncio.run(main(chosen.readings, chosen.runs))
