"""Imports what the portal registered, step by step; an interrupted import resumes."""

import asyncio
import time
from collections.abc import Callable

from ferry.client.bus import Bus
from ferry.client.fleet.apply.asking import PATIENCE_S, Asking
from ferry.contract import subjects
from ferry.contract.problems import ProblemError
from ferry.contract.registry import Imported, ImportRequest

STEPS_AT_ONCE = 1
"""A step asks the cloud for several gateways at once, as many as the cloud bears; the next begins where it ended."""
MOST_LINES = 10_000
SHORTEST_PAUSE_S = 0.2
"""Before a step that came no further is asked for again."""
LONGEST_PAUSE_S = 120.0
"""Whatever the cloud asks for."""


async def import_all(
    bus: Bus,
    progress: Callable[[Imported], None],
    *,
    gateway: str | None = None,
    restart: bool = False,
    patience_s: float = PATIENCE_S,
) -> Imported:
    """Everything found by this import, without the one that it resumes. `progress` is called with the sum so far.

    Raises ProblemError when nothing went well for `patience_s`.
    """
    asking = Asking(bus, STEPS_AT_ONCE, patience_s)
    asked = ImportRequest(gateway=gateway, restart=restart)
    total = Imported()
    moved_at = time.monotonic()
    while True:
        part = await asking.until_done(subjects.REGISTRY_CLOUD_IMPORT, asked, Imported)
        total = _sum(total, part)
        progress(total)
        if part.next is None:
            return total
        pause_s = min(part.retry_after or 0.0, LONGEST_PAUSE_S)
        if part.next != asked.after:
            moved_at = time.monotonic()
        elif time.monotonic() - moved_at > max(patience_s, 3 * pause_s):
            raise _stuck(patience_s)
        else:
            pause_s = max(pause_s, SHORTEST_PAUSE_S)
        asked = ImportRequest(gateway=gateway, after=part.next)
        await asyncio.sleep(pause_s)


def _stuck(patience_s: float) -> ProblemError:
    return ProblemError.of(
        "import-stuck",
        503,
        f"the import has made no progress for {patience_s:g} s",
        detail="Thing+ does not answer, or asks for pauses",
        hint="run the same command again to continue",
    )


def _sum(total: Imported, part: Imported) -> Imported:
    return Imported(
        gateways=total.gateways + part.gateways,
        devices=total.devices + part.devices,
        sensors=total.sensors + part.sensors,
        unreadable=[*total.unreadable, *part.unreadable][:MOST_LINES],
        deleted=[*total.deleted, *part.deleted][:MOST_LINES],
        next=part.next,
        resumed=total.resumed or part.resumed,
        retry_after=part.retry_after,
    )
