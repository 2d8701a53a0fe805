"""What the alarm on a full stream is fed with."""

import asyncio

from ferry.contract import subjects, topology
from ferry.telemetry.operators.fill import Fill
from harness.processes import eventually


async def test_it_says_how_much_of_its_bytes_a_stream_holds(bus, nats_client, publisher):
    await bus.lay(readings_max_bytes=topology.MAX_BODY)
    body = b"x" * (topology.MAX_BODY // 2)
    await publisher.jetstream().publish(subjects.sensor_series("gateway-0", "s"), body)
    fill = Fill(nats_client.jetstream())
    watching = asyncio.create_task(fill.watch())

    async def looked():
        return len(fill.ratios) == 2

    await eventually(looked, what="both streams looked at")
    watching.cancel()
    assert 0.5 < fill.ratios[topology.READINGS.name] < 0.51
    assert fill.ratios[topology.DEAD.name] == 0
