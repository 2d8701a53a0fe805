"""Measures the delay of the event loop: what blocks it delays every request and reading."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable

from opentelemetry.metrics import CallbackOptions, Meter, Observation

EVERY_S = 0.5
WINDOW_S = 60.0


class LoopLag:
    """`ferry.event_loop.lag` is the longest of the last minute, so that no scrape misses it."""

    def __init__(self, meter: Meter) -> None:
        self._late: deque[tuple[float, float]] = deque(maxlen=int(WINDOW_S / EVERY_S))
        meter.create_observable_gauge(
            "ferry.event_loop.lag",
            [self._longest],
            unit="s",
            description="longest delay of the event loop within the last minute",
        )

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            due = time.monotonic() + EVERY_S
            await asyncio.sleep(EVERY_S)
            now = time.monotonic()
            self._late.append((now, max(0.0, now - due)))

    def _longest(self, _: CallbackOptions) -> Iterable[Observation]:
        since = time.monotonic() - WINDOW_S
        late = [lag for at, lag in list(self._late) if at >= since]  # another thread reads it
        return [Observation(max(late, default=0.0))]
