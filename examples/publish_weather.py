"""Publishes the weather in this folder as three sensors, one reading a second each, over and over.

An example of a publisher that uses Ferry's library: the bus and the user come from FERRY_NATS__URL,
FERRY_NATS__NKEY_SEED and the like, as variables or as files in FERRY_SECRETS_DIR. A reading counts as published when
the bus has acknowledged it; until then it is tried again.
"""

import asyncio
import csv
import itertools
import sys
from pathlib import Path

from ferry.client import Ferry, FerryError

FOLDER = Path(__file__).resolve().parent / "weather"
EVERY_S = 1.0
AGAIN_S = 2.0


async def publish(ferry: Ferry, file: Path) -> None:
    gateway, sensor = file.stem.split(".")
    with file.open(encoding="utf-8") as lines:
        values = [row["value"] for row in csv.DictReader(lines)]
    for value in itertools.cycle(values):
        while True:
            try:
                await ferry.series(gateway, sensor, value)
                break
            except FerryError as error:
                print(f"{sensor}: not published yet: {error}", file=sys.stderr, flush=True)
                await asyncio.sleep(AGAIN_S)
        await asyncio.sleep(EVERY_S)


async def main() -> None:
    async with Ferry() as ferry, asyncio.TaskGroup() as tasks:
        for file in sorted(FOLDER.glob("*.csv")):
            tasks.create_task(publish(ferry, file))
        print("publishing", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
