"""The status of a gateway or sensor: the latest wins, and an old one is not sent as if it were new."""

import math
from dataclasses import dataclass, field

from ferry.contract.subjects import Address
from ferry.telemetry.held import Held
from ferry.telemetry.lane import Standing

VALID_INTERVALS = 1.5
"""Guide, chapter 8: a status is valid for one and a half report intervals."""


@dataclass(slots=True)
class Waiting:
    """`valid_s` is as published, or None for what the gateway's reportInterval makes of it."""

    held: Held
    value: str
    valid_s: int | None


@dataclass(slots=True)
class StatusLane:
    address: Address
    waiting: Waiting | None = None
    running: bool = False
    standing: Standing = field(default_factory=Standing)
    heard: float = 0.0
    """When its owner last sent a status itself, in s of the monotonic clock."""
    latest: int = 0
    """The highest stream sequence that was offered: what is older comes too late, also once that was sent."""
    not_on_until_ms: float = 0.0
    """Until when an `off` or `err` that was sent is valid, in Unix ms."""

    def offer(self, waiting: Waiting) -> Held | None:
        """Takes the newer of two; the other one is superseded and returned."""
        if waiting.held.sequence <= self.latest:
            return waiting.held
        before = self.waiting
        self.latest = waiting.held.sequence
        self.waiting = waiting
        return before.held if before else None


def left_s(waiting: Waiting, interval_ms: int, now_ms: int) -> int:
    """The validity that is left, in whole s; 0 when it is over."""
    valid_s = waiting.valid_s or VALID_INTERVALS * interval_ms / 1000
    return max(0, math.ceil(valid_s - max(0, now_ms - waiting.held.published_ms) / 1000))
