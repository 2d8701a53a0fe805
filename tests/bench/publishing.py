"""Readings a second with confirmation, each way to publish in turns: `.venv/bin/python tests/bench/publishing.py 5`."""

import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from publishing_rates import middle, rates

from harness.bus import bus as a_bus


async def main(turns: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with a_bus(Path(folder)) as bus:
            await bus.lay()
            found = await rates(bus, turns)
    beside = middle(found["nats_py"])
    print(f"median of {turns} turns; lowest and highest in brackets")
    for name, turned in found.items():
        one, speeds = middle(turned), [rate.per_s for rate in turned]
        print(
            f"{name:<21}{one.per_s:>9,.0f}/s ({min(speeds):,.0f} to {max(speeds):,.0f})  {one.cpu_us:6.1f} µs  "
            f"{one.per_s / beside.per_s:5.1f} times nats-py; by processor time {beside.cpu_us / one.cpu_us:5.1f}"
        )


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
