"""Repeats requests until they succeed, or nothing has succeeded for too long."""

import asyncio
import random
from typing import TypeVar

from pydantic import BaseModel

from ferry.client.bus import Bus
from ferry.client.fleet.apply.pace import Pace
from ferry.contract.problems import ProblemError

FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 5.0
PATIENCE_S = 60.0
PASSES = range(500, 600)
"""Statuses that are worth a retry."""
Answer = TypeVar("Answer", bound=BaseModel)


class Asking:
    def __init__(self, bus: Bus, at_once: int, patience_s: float = PATIENCE_S) -> None:
        self._bus = bus
        self._pace = Pace(at_once)
        self._patience_s = patience_s

    async def until_done(self, subject: str, asked: BaseModel, answer: type[Answer]) -> Answer:
        """For requests that are safe to repeat. Raises ProblemError if a retry is pointless or time is up."""
        wait_s = FIRST_WAIT_S
        while True:
            async with self._pace.turn():
                try:
                    found = await self._bus.ask(subject, asked, answer)
                except ProblemError as error:
                    if error.problem.status not in PASSES:
                        raise
                    self._pace.slower(error.problem.retry_after)
                    if self._pace.quiet_s > self._patience_s:
                        raise
                else:
                    self._pace.well()
                    return found
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            wait_s = min(LONGEST_WAIT_S, wait_s * 2)
