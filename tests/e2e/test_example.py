"""examples/publish_weather.py, which the demo on Kubernetes runs, publishes."""

import sys
from pathlib import Path

from harness.processes import eventually, process

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "publish_weather.py"


async def test_the_weather_reaches_the_bus(bus, nats_client, tmp_path):
    sensors = len(list((EXAMPLE.parent / "weather").glob("*.csv")))
    async with process(
        "example", [sys.executable, str(EXAMPLE)], tmp_path, {"FERRY_NATS__URL": bus.url}
    ) as one:

        async def stored():
            assert one.running, one.text()
            return (await nats_client.jetstream().stream_info("FERRY_READINGS")).state.messages >= sensors

        await eventually(stored, within_s=40, what="a reading of each sensor")
