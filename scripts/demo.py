"""The demo's traffic: an example fleet, an OtoSense sensor, real weather, and what of it arrived.

What was delivered is counted by the sandbox, not by Ferry.
"""

import asyncio
import csv
import json
import os
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ready import console, until_ready

from ferry.client import contexts
from ferry.client.bus import Bus, connect
from ferry.client.ferry import Ferry
from ferry.client.settings import NatsSettings
from ferry.contract import subjects
from ferry.contract.problems import ProblemError
from ferry.contract.readings import Reading
from ferry.contract.telemetry import State, StateRequest

ROOT = Path(__file__).resolve().parent.parent
FERRY = str(Path(sys.executable).parent / "ferry")
PER_SECOND = float(os.environ.get("DEMO_PER_SECOND") or 20)
"""Readings of each sensor."""
SETTLE_S = 30
NEXT = (
    "demo: to look around, `make run` starts all of it again and stays: "
    "its console shows the flow, and what is wrong and why"
)


@dataclass
class Track:
    """One sensor's measurements, replayed in order."""

    gateway: str
    sensor: str
    readings: list[Reading]
    sent: int = 0


def tracks() -> list[Track]:
    found = []
    for path in sorted((ROOT / "examples" / "weather").glob("*.csv")):
        gateway, sensor = path.stem.split(".")
        with path.open() as lines:
            rows = [Reading(value=row["value"], time=int(row["time"])) for row in csv.DictReader(lines)]
        found.append(Track(gateway, sensor, rows))
    return found


def ferry(*arguments: str) -> str:
    done = subprocess.run([FERRY, *arguments], capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"ferry {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def sandbox(path: str) -> Any:
    with urllib.request.urlopen(os.environ["SANDBOX_URL"] + path, timeout=10) as answer:  # noqa: S310 - ours
        return json.load(answer)


def claim_motor_sensor(folder: Path) -> None:
    certificate = folder / "motor.pem"
    script = ROOT / "scripts" / "make_certificate.py"
    subprocess.run([sys.executable, str(script), "0000S111A", str(certificate)], check=True)
    sensor = json.loads(ferry("otosense", "provision", str(certificate), "--json"))[0]["sensor"]
    print(f"OtoSense sensor {sensor['sensorId']}: {sensor['nextStep']}", flush=True)


async def publish(track: Track, publisher: Ferry, stop: asyncio.Event) -> None:
    while not stop.is_set() and track.sent < len(track.readings):
        try:
            await publisher.series(track.gateway, track.sensor, track.readings[track.sent])
        except ProblemError as error:
            print(f"not published: {error}", flush=True)
            await asyncio.sleep(0.5)
            continue
        track.sent += 1
        await asyncio.sleep(1 / PER_SECOND)


async def show(all_tracks: list[Track], stop: asyncio.Event) -> None:
    while not stop.is_set():
        await asyncio.sleep(1)
        points = await asyncio.to_thread(sandbox, "/admin/points")
        published = sum(track.sent for track in all_tracks)
        latest = "  ".join(
            f"{track.sensor} {track.readings[track.sent - 1].value}" for track in all_tracks if track.sent
        )
        print(f"published {published:5d}  at Thing+ {points['total']:5d}  {latest}", flush=True)


async def dead_letters(bus: Bus) -> int:
    return (await bus.ask(subjects.TELEMETRY_STATE_GET, StateRequest(), State)).dead


async def settled(bus: Bus, published: int) -> tuple[int, int]:
    """Delivered and dead, once they add up, or after half a minute."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        delivered = int((await asyncio.to_thread(sandbox, "/admin/points"))["total"])
        dead = await dead_letters(bus)
        if delivered + dead >= published or time.monotonic() > deadline:
            return delivered, dead
        await asyncio.sleep(0.1)


async def play(folder: Path, publisher: NatsSettings | None = None) -> tuple[int, int, int]:
    """All of the demo once the services are ready: published, delivered, dead.

    The environment says who asks; `publisher` who publishes, where that may not be the same.
    """
    print(f"the sandbox's page: {os.environ['SANDBOX_URL']}/", flush=True)
    print(ferry("apply", "examples/fleet.yaml", "--yes").strip(), flush=True)
    claim_motor_sensor(folder)
    seconds = float(os.environ.get("DEMO_SECONDS") or "inf")
    all_tracks = tracks()
    stop = asyncio.Event()
    async with connect(contexts.chosen()) as bus, Ferry(publisher) as ferry_publisher:
        shower = asyncio.create_task(show(all_tracks, stop))
        publishing = [asyncio.create_task(publish(track, ferry_publisher, stop)) for track in all_tracks]
        await asyncio.wait(publishing, timeout=None if seconds == float("inf") else seconds)
        stop.set()
        await asyncio.gather(*publishing, shower)
        published = sum(track.sent for track in all_tracks)
        return published, *await settled(bus, published)


def summary(published: int, delivered: int, dead: int) -> str:
    lost = published - delivered - dead
    return f"demo: {published} published, {delivered} delivered, {dead} dead, {lost} lost"


async def main(result: Path) -> int:
    await until_ready()
    print(console(), flush=True)
    published, delivered, dead = await play(result.parent)
    await asyncio.to_thread(result.write_text, f"{NEXT}\n{summary(published, delivered, dead)}\n")
    return 1 if delivered + dead < published else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))
