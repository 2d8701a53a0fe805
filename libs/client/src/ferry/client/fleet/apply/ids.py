"""Ids for what has none: made by the registry, and kept there under the entities' places (decision 0022).

They are asked for before anything is registered, so that whatever is repeated, after a time-out or a kill, has the
same id again.
"""

import asyncio
from collections.abc import Sequence

from ferry.client.fleet.apply.asking import PASSES, Asking
from ferry.client.fleet.wanted import Wanted
from ferry.contract import subjects
from ferry.contract.problems import ProblemError
from ferry.contract.registry import ReservedIds, ReserveIds

BATCH = 500
"""Names may be long, and a request must fit into one message."""


async def reserve(asking: Asking, wanted: Sequence[Wanted]) -> list[tuple[Wanted, ProblemError]]:
    """Sets the ids of those without one, whose parents have theirs; those that got none, and why."""
    missing = [one for one in wanted if one.id is None]
    batches = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)]
    failed = await asyncio.gather(*(_reserve(asking, batch) for batch in batches))
    return [one for batch in failed for one in batch]


async def _reserve(asking: Asking, batch: Sequence[Wanted]) -> list[tuple[Wanted, ProblemError]]:
    asked = ReserveIds(places=[one.place for one in batch])
    try:
        answer = await asking.until_done(subjects.REGISTRY_IDS_RESERVE, asked, ReservedIds)
    except ProblemError as error:
        if len(batch) == 1 or error.problem.status in PASSES:
            return [(one, error) for one in batch]
        middle = len(batch) // 2  # one bad place fails only its own batch
        return [*await _reserve(asking, batch[:middle]), *await _reserve(asking, batch[middle:])]
    for one, made in zip(batch, answer.ids, strict=True):
        one.id = made
    return []
