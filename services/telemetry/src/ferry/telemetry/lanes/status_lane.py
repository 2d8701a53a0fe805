"""The status of a gateway or sensor: the latest wins, and an older one is never sent after a newer one."""

import math
from dataclasses import dataclass

from ferry.contract.subjects import Address
from ferry.telemetry.lanes.health import LaneHealth
from ferry.telemetry.stream.delivery import Delivery

VALID_INTERVALS = 1.5
"""Guide, chapter 8: a status is valid for one and a half report intervals."""


@dataclass(slots=True)
class Waiting:
    """`valid_s` is as published, or None for what the gateway's reportInterval makes of it."""

    delivery: Delivery
    value: str
    valid_s: int | None


@dataclass(slots=True)
class StatusLane:
    address: Address
    health: LaneHealth
    waiting: Waiting | None = None
    parked: int = 0
    """The sequence of the latest where it is not in memory; 0 for none."""
    heard: float = 0.0
    """When its owner last sent a status itself, in s of the monotonic clock."""
    latest: int = 0
    """The highest stream sequence that was offered: what is older comes too late, also once that was sent."""
    not_on_until_ms: float = 0.0
    """Until when an `off` or `err` that was sent is valid, in Unix ms."""
    finished: int = 0
    """The highest stream sequence whose outcome is final."""
    absent: bool = False
    """The registry was asked and does not have the entity."""
    counted_absent: int = 0
    """1 where its message counts against its gateway's bound of unknown ones."""

    @property
    def has_work(self) -> bool:
        return self.waiting is not None or self.parked > 0

    @property
    def first_parked(self) -> int | None:
        return self.parked

    @property
    def messages(self) -> int:
        return int(self.has_work)

    def offer(self, waiting: Waiting) -> Delivery | None:
        """Takes the newer of two; the other one is superseded and returned."""
        sequence = waiting.delivery.sequence
        if sequence <= self.finished or sequence < self.latest:
            return waiting.delivery
        before = self.waiting
        self.latest = sequence
        self.waiting = waiting
        return before.delivery if before else None

    @property
    def waiting_sequence(self) -> int:
        return self.waiting.delivery.sequence if self.waiting else 0

    def park(self, sequence: int) -> int:
        """Remembers the newer of two by its sequence alone; returns the other one, or 0."""
        older, newer = sorted((self.parked, sequence))
        self.latest = max(self.latest, newer)
        self.parked = newer
        return older if older != newer else 0


def left_s(waiting: Waiting, interval_ms: int, now_ms: int) -> int:
    """The validity that is left, in whole s; 0 when it is over."""
    valid_s = waiting.valid_s or VALID_INTERVALS * interval_ms / 1000
    return max(0, math.ceil(valid_s - max(0, now_ms - waiting.delivery.published_ms) / 1000))
