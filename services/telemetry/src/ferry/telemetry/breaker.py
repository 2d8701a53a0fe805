"""A breaker per cloud: open when nobody gets through, then one request at a time probes."""

import random
from typing import Literal

State = Literal["closed", "open", "half_open"]
TRIP = 5
"""Failures in a row, of at least two lanes: one bad sensor is not an outage."""


class Breaker:
    """Times in s, on the caller's monotonic clock."""

    def __init__(self, open_s: float, open_max_s: float) -> None:
        self._open_s = open_s
        self._open_max_s = open_max_s
        self._row = 0
        self._lanes: set[str] = set()
        self._opened = 0
        self.opens = 0
        self.until = 0.0
        self.state: State = "closed"

    def allows(self, now: float) -> bool:
        if self.state == "closed":
            return now >= self.until
        if self.state == "open" and now >= self.until:
            self.state = "half_open"
            return True
        return False

    def pause(self, now: float, for_s: float) -> None:
        """The cloud asked for quiet (Retry-After)."""
        self.until = max(self.until, now + for_s)

    def good(self) -> None:
        self._row = 0
        self._opened = 0
        self._lanes.clear()
        self.state = "closed"

    def failed(self, lane: str, now: float) -> None:
        self._row += 1
        if len(self._lanes) < TRIP:
            self._lanes.add(lane)
        if self.state == "half_open" or (
            self._row >= TRIP and len(self._lanes) > 1 and self.state == "closed"
        ):
            self._open(now)

    def _open(self, now: float) -> None:
        self.state = "open"
        self.opens += 1
        self._opened = min(self._opened + 1, 16)
        longest = min(self._open_max_s, self._open_s * 2 ** (self._opened - 1))
        # full jitter would let some replicas probe at once; half of it keeps them apart
        self.until = max(self.until, now + random.uniform(longest / 2, longest))  # noqa: S311 - no secret
