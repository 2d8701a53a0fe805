"""Adapts the number of concurrent requests: more while all succeed, half when the cloud asks to slow down."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

FIRST = 16
EASING_S = 1.0
"""What refuses one request refuses its neighbours: within this, it is one sign and not many."""


class Pace:
    """An adaptive limit (additive increase, multiplicative decrease) that never exceeds `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(min(FIRST, most))
        self._running = 0
        self._not_before = 0.0
        self._eased = 0.0
        self._went_well = time.monotonic()
        self._changed = asyncio.Condition()

    @property
    def limit(self) -> int:
        return int(self._limit)

    @property
    def quiet_s(self) -> float:
        """Seconds since anything went well, not counting a pause that the cloud asked for."""
        return time.monotonic() - max(self._went_well, self._not_before)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: self._running < self.limit)
            self._running += 1
        try:
            while (wait_s := self._not_before - time.monotonic()) > 0:
                await asyncio.sleep(wait_s)
            yield
        finally:
            async with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def well(self) -> None:
        self._went_well = time.monotonic()
        self._limit = min(float(self._most), self._limit + 1 / self._limit)

    def slower(self, retry_after_s: float | None) -> None:
        """Nobody begins before `retry_after_s` have passed, when it was said."""
        now = time.monotonic()
        if retry_after_s:
            self._not_before = max(self._not_before, now + retry_after_s)
        if now - self._eased > EASING_S:
            self._eased = now
            self._limit = max(1.0, self._limit / 2)
