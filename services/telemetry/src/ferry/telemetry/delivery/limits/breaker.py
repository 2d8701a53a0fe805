"""A circuit breaker per cloud. It judges by distinct lanes, so that a few bad sensors are not an outage. Pure."""

import random
from typing import Literal

State = Literal["closed", "open", "half_open"]
TRIP = 5
"""Failures without a success between them, of at least two lanes that worked before."""
TRIP_ACCOUNT = 2
"""Refusals of the account that do the same."""
QUIET_LANES = 3
"""This many lanes with `Retry-After` count as the whole cloud."""


class Breaker:
    """Times in s, on the caller's monotonic clock. `cause` says why it is open."""

    def __init__(self, open_s: float, open_max_s: float, pause_max_s: float) -> None:
        self._open_s = open_s
        self._open_max_s = open_max_s
        self._pause_max_s = pause_max_s
        self._failures = 0
        self._account_refusals = 0
        self._newly_failing: set[str] = set()
        self._told_to_wait: set[str] = set()
        self._opened = 0
        self._paused_until = 0.0
        self._probe_at = 0.0
        self._probe_is_healthy = False
        self.opens = 0
        self.until = 0.0
        self.cause = ""
        self.state: State = "closed"

    def allows(self, now: float, *, healthy: bool) -> bool:
        """Whether a request may leave. While open, one at a time probes: a healthy lane need not wait for `until`."""
        if self.state == "closed":
            return True
        # a failing lane's probe may wait for its time-out: a healthy one need not wait for that
        probing = self.state == "half_open" and not (healthy and not self._probe_is_healthy)
        if probing or now < (self._probe_at if healthy else self.until):
            return False
        self.state = "half_open"
        self._probe_is_healthy = healthy
        return True

    @property
    def waits_for_a_failing_lane(self) -> bool:
        """Its probe may take until its time-out."""
        return self.state == "half_open" and not self._probe_is_healthy

    @property
    def next_probe(self) -> float:
        return min(self._probe_at, self.until)

    def pause(self, now: float, for_s: float, cause: str) -> None:
        """The cloud asked for quiet: nothing leaves before its time, then one request probes."""
        self._paused_until = max(self._paused_until, now + min(for_s, self._pause_max_s))
        self._open(now, cause)

    def good(self) -> None:
        self._failures = self._account_refusals = self._opened = 0
        self._newly_failing.clear()
        self._told_to_wait.clear()
        self._paused_until = 0.0
        self.state = "closed"
        self.cause = ""

    def abandoned(self) -> None:
        """The probe was not sent: it must not keep the breaker half open."""
        if self.state == "half_open":
            self.state = "open"

    def failed(
        self, lane: str, now: float, cause: str, *, newly: bool, account: bool, retry_after_s: float | None
    ) -> None:
        """`newly`: the lane worked before. One that has been failing for long says nothing of the cloud."""
        if newly:
            self._newly_failing.add(lane)
        if newly or self._newly_failing:
            self._failures += 1
        self._account_refusals += account
        if retry_after_s is not None:
            self._told_to_wait.add(lane)
            if len(self._told_to_wait) >= QUIET_LANES:
                self.pause(now, retry_after_s, cause)
                return
        enough = self._failures >= TRIP and len(self._newly_failing) > 1
        if self.state == "half_open" or enough or self._account_refusals >= TRIP_ACCOUNT:
            self._open(now, cause)

    def _open(self, now: float, cause: str) -> None:
        if self.state == "closed":
            self.opens += 1
        self.state = "open"
        self.cause = cause
        self._opened = min(self._opened + 1, 16)
        longest = min(self._open_max_s, self._open_s * 2 ** (self._opened - 1))
        # full jitter would let some replicas probe at once; half of it keeps them apart
        self.until = max(self._paused_until, now + random.uniform(longest / 2, longest))  # noqa: S311 - no secret
        self._probe_at = max(self._paused_until, now + min(self._open_s, longest))
