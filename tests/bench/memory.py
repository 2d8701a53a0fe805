"""Peak memory of telemetry with all the arrays in flight that its bounds allow: `python tests/bench/memory.py`.

A cloud that answers after 8 s, sensors that send arrays; `smallest` are of readings of the fewest bytes.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))

from container_engine import process_status

from ferry.contract import subjects
from harness.bus import bus
from harness.sandbox import sandbox
from harness.services import lay_fleet, suite

POINTS = 1000
BODIES = {
    "usual": lambda first: [{"value": "36.5", "time": first + 10 * point} for point in range(POINTS)],
    "smallest": lambda _: [{"value": 1}] * POINTS,
}


async def peak_mib(folder: Path, kind: str, in_flight_bytes: int) -> float:
    """Twice what is allowed in flight is published; then 10 s for it to be taken."""
    async with bus(folder / "bus") as running, sandbox(folder / "sandbox") as cloud:
        await running.lay()
        sensors = await lay_fleet(running, cloud, 20, 10)
        async with suite(running, cloud, folder / "services") as services:
            await services.start("auth")
            limit = {"FERRY_TELEMETRY__IN_FLIGHT_BYTES": str(in_flight_bytes)}
            telemetry = await services.start("telemetry", limit)
            await cloud.fault(match={"cloud": "thingplus"}, kind="latency", ms=8000)
            client = await running.connect()
            jetstream = client.jetstream(timeout=20)
            sent = number = 0
            while sent < 2 * in_flight_bytes:
                made = BODIES[kind](1_495_715_734_508 + number * POINTS * 10)
                body = json.dumps(made, separators=(",", ":")).encode()
                await jetstream.publish(subjects.sensor_series(*sensors[number % len(sensors)]), body)
                sent, number = sent + len(body), number + 1
            await client.close()
            await asyncio.sleep(10)
            status = process_status(telemetry.process.child.pid)
            return int(status["VmHWM"].split()[0]) / 1024


async def main(limits: list[int]) -> None:
    for limit in limits:
        for kind in BODIES:
            with tempfile.TemporaryDirectory() as folder:
                peak = await peak_mib(Path(folder), kind, limit * 1024 * 1024)
            print(json.dumps({"in_flight_mib": limit, "arrays": kind, "peak_mib": round(peak)}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, nargs="+", default=[8, 64])
    asyncio.run(main(parser.parse_args().mib))
