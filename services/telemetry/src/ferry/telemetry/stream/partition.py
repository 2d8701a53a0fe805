"""A partition that this replica owns: its lanes, and what is in flight. Dropped as one when the lease is lost."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ferry.telemetry.lanes.implied import ImpliedMemory
from ferry.telemetry.lanes.series_lane import SeriesLane
from ferry.telemetry.lanes.status_lane import StatusLane
from ferry.telemetry.stream.delivery import Cause, Delivery
from ferry.telemetry.stream.ports import LeaseLost

MAX_UNSTORED = 10_000
"""Beyond these a message whose dead letter cannot be stored is forgotten, and delivered again after ack_wait."""


class Unstored(NamedTuple):
    """Of a message whose dead letter is not stored yet, and which is not in memory."""

    subject: str
    cause: Cause
    failed_indexes: list[int]


@dataclass(slots=True, eq=False)
class Partition:
    """`is_awake`: a replica that was paused must not continue as if nothing had happened."""

    number: int
    consumer: str
    is_awake: Callable[[], bool]
    lanes: dict[str, SeriesLane] = field(default_factory=dict)
    statuses: dict[str, StatusLane] = field(default_factory=dict)
    running: dict[str, SeriesLane] = field(default_factory=dict)
    running_statuses: dict[str, StatusLane] = field(default_factory=dict)
    """Lanes with work, by their subject."""
    newest_ms: dict[str, int] = field(default_factory=dict)
    """The newest time that the cloud has of sensors that are silent, by their subject."""
    implied: ImpliedMemory = field(default_factory=ImpliedMemory)
    in_flight: dict[int, Delivery] = field(default_factory=dict)
    unstored: dict[int, Unstored] = field(default_factory=dict)
    """By sequence."""
    crowded_out: int = 0
    """Messages that were parked because their gateway had no room."""
    lost: bool = False
    draining: bool = False
    broken: bool = False
    """A delivery was lost on its way: all that is unacked must be delivered again, by a new consumer."""
    next_number: int = 1
    """The consumer's next delivery. A higher one says that something was lost before it, a lower one that
    the consumer was recreated or has gone back, so that losses are unknown."""

    @property
    def pulls(self) -> bool:
        return not (self.draining or self.lost or self.broken)

    @property
    def busy(self) -> bool:
        return bool(self.running or self.running_statuses)

    def takes(self, number: int) -> bool:
        """False once a delivery is missing: what comes after it would overtake it."""
        if number != self.next_number:
            self.broken = True
        self.next_number = number + 1
        return self.pulls

    def is_up_to_date(self, last_number: int) -> bool:
        """False where the consumer has delivered what did not arrive."""
        if last_number >= self.next_number:
            self.broken = True
        return self.pulls

    def forget_silent(self, before: float) -> None:
        """Of sensors that are idle since `before`, in s of the monotonic clock, only the newest time is kept."""
        silent = [
            key
            for key, lane in self.lanes.items()
            if key not in self.running and lane.is_plain and lane.idle_since < before
        ]
        for key in silent:
            self.newest_ms[key] = self.lanes.pop(key).last_ms
        self.implied.forget_silent(before)

    def keep_unstored(self, delivery: Delivery, cause: Cause) -> None:
        if len(self.unstored) < MAX_UNSTORED:
            self.unstored[delivery.sequence] = Unstored(delivery.subject, cause, delivery.failed_indexes)

    def check_lease(self) -> None:
        """Raises LeaseLost when what is in flight may be another replica's by now."""
        if self.lost or not self.is_awake():
            raise LeaseLost

    def check_new_work(self) -> None:
        """The same before new work: a draining partition starts none."""
        if self.draining:
            raise LeaseLost
        self.check_lease()
