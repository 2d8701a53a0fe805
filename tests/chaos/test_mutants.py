"""Is the oracle worth anything? Each mutant breaks one promise, and must be caught."""

import asyncio
import sys
from pathlib import Path

import pytest

from chaos.arena import Arena, arena

SLOW = {"kind": "latency", "ms": 150}


async def kill_one(ring: Arena) -> None:
    await ring.kill_replica(ring.replicas[0])


async def stop_one(ring: Arena) -> None:
    await ring.stop_replica(ring.replicas[0])


async def fail_a_while(ring: Arena) -> None:
    await ring.sandbox.fault(
        match={"path": "*/series", "method": "PUT"}, kind="status", status=503, rate=0.3, seed=1
    )


async def nothing(_: Arena) -> None:
    return


@pytest.mark.parametrize(
    ("mutant", "breaking", "complaint"),
    [
        ("ack_before_put", kill_one, "lost"),
        ("ack_on_5xx", fail_a_while, "lost"),
        ("drop_on_shutdown", stop_one, "lost"),
        ("two_owners", nothing, "reordered"),
    ],
)
async def test_the_oracle_catches(tmp_path, mutant, breaking, complaint):
    command = [sys.executable, str(Path(__file__).with_name("mutant.py")), mutant]
    async with arena(tmp_path, seed=1, replicas=2, command=command) as ring:
        await ring.sandbox.fault(match={"path": "*/series", "method": "PUT"}, **SLOW)
        publishing = asyncio.create_task(ring.publisher.run(100, 0.02))
        await asyncio.sleep(1)
        await breaking(ring)
        ledger = await publishing
        await ring.drained()
        found = await ring.judge(ledger)
        assert getattr(found, complaint), found
