"""A scenario: readings are published while something breaks, then the oracle is asked.

CHAOS_ROUNDS makes scenarios longer (`make chaos`), CHAOS_OUTAGE_S the outage; CHAOS_SEED lets chance fall otherwise.
"""

import os
from asyncio import create_task
from collections.abc import Coroutine
from typing import Any

from chaos.arena import Arena
from chaos.ledger import Ledger

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "3"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
OUTAGE_S = float(os.environ.get("CHAOS_OUTAGE_S", "1.5"))
"""How long the cloud answers nothing but 503."""


async def publish_while(
    ring: Arena, breaking: Coroutine[Any, Any, None], per_sensor: int = 60, pause_s: float = 0.05
) -> Ledger:
    """Publishes while `breaking` does its work, then waits for every message's end and asks the oracle."""
    publishing = create_task(ring.publisher.run(per_sensor, pause_s))
    await breaking
    ring.publisher.stop()
    ledger = await publishing
    await ring.drained()
    found = await ring.judge(ledger)
    assert found.bad == [], "\n".join(found.bad)
    assert ledger.count > len(ring.sensors)
    return ledger
