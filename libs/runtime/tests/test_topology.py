"""A service that is there before its topology waits for it."""

import asyncio

from ferry.contract import topology
from ferry.runtime.topology import until_laid
from harness.bus import bus as a_bus


async def test_a_service_waits_for_the_job(tmp_path):
    async with a_bus(tmp_path) as bus:
        client = await bus.connect()
        waiting = asyncio.create_task(until_laid(client.jetstream(), topology.READINGS.name))
        done, _ = await asyncio.wait({waiting}, timeout=0.2)
        assert not done
        await bus.lay()
        assert (await asyncio.wait_for(waiting, 5)).config.name == topology.READINGS.name
        await client.close()
