"""A fleet from an empty sandbox by `ferry apply`, how fast, and killed on the way: `python tests/bench/fleet_apply.py`.

Real nats-server, sandbox, auth and registry, each a process. First it is applied at a stretch and again without a
change; then, from empty, `ferry apply` (and with --kill-registry the registry too) is killed by SIGKILL each time
that another random number of entities has reached the sandbox, and run once more to the end.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))

from harness.bus import bus
from harness.fleets import Applying, pattern
from harness.sandbox import sandbox
from harness.services import suite

WRITES = {"method": "POST", "path": "^/(registerGateway|gateways/.*)$"}


async def at_a_stretch(folder: Path, chosen: argparse.Namespace) -> None:
    gateways, sensors = chosen.gateways, chosen.sensors
    async with bus(folder / "bus") as running, sandbox(folder / "sandbox") as cloud:
        await running.lay()
        async with suite(running, cloud, folder / "services") as services:
            await services.start("auth")
            await services.start("registry")
            if chosen.one_by_one:
                await Applying(services, pattern(folder, gateways, 1)).to_the_end()
            if chosen.latency_ms:
                await cloud.fault(match={"cloud": "thingplus"}, kind="latency", ms=chosen.latency_ms)
            if chosen.per_s:
                await cloud.fault(
                    match=WRITES, kind="status", status=429, retry_after="1", per_s=chosen.per_s
                )
            applying = Applying(services, pattern(folder, gateways, sensors), chosen.at_once)
            for run in ("first", "second"):
                begun = time.monotonic()
                said = await applying.to_the_end()
                took_s = time.monotonic() - begun
                entities = said["created"] or said["same"]
                print(json.dumps({"run": run, "took_s": round(took_s, 1), "per_s": round(entities / took_s),
                                  "said": said, "writes_so_far": await applying.writes()}))  # fmt: skip


async def killed(folder: Path, gateways: int, sensors: int, at_once: int, kills: int, seed: int) -> None:
    points = sorted(random.Random(seed).sample(range(1, gateways * (2 + sensors)), kills))
    async with bus(folder / "bus") as running, sandbox(folder / "sandbox") as cloud:
        await running.lay()
        async with suite(running, cloud, folder / "services") as services:
            await services.start("auth")
            await services.start("registry")
            applying = Applying(services, pattern(folder, gateways, sensors), at_once)
            for number, point in enumerate(points):
                await applying.killed_at(point, registry_too=number % 3 == 2)
            said = await applying.to_the_end()
            found = await applying.there()
            print(json.dumps({"killed_at": points, "said": said, "writes": await applying.writes(),
                              "at_the_cloud": len(found), "each_once": len(set(found)) == len(found)}))  # fmt: skip


async def main(chosen: argparse.Namespace) -> None:
    sizes = (chosen.gateways, chosen.sensors, chosen.at_once)
    with tempfile.TemporaryDirectory() as folder:
        await at_a_stretch(Path(folder), chosen)
    if chosen.kills:
        with tempfile.TemporaryDirectory() as folder:
            await killed(Path(folder), *sizes, chosen.kills, chosen.seed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateways", type=int, default=100)
    parser.add_argument("--sensors", type=int, default=50, help="of each gateway")
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--latency-ms", type=int, default=0, help="of every answer of the cloud")
    parser.add_argument("--per-s", type=int, help="registrations a second that the cloud takes; 429 beyond")
    parser.add_argument("--one-by-one", action="store_true", help="gateways and devices are there before")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=6)
    asyncio.run(main(parser.parse_args()))
