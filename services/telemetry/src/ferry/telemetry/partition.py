"""A partition that this replica owns: its lanes, and what is in hand. Dropped whole when the lease is lost."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ferry.telemetry.held import Held
from ferry.telemetry.lane import Lane
from ferry.telemetry.sender import Fenced
from ferry.telemetry.status_lane import StatusLane


@dataclass(slots=True, eq=False)
class Partition:
    """`fresh` says whether this replica has been awake: a paused one must not go on as if nothing had been."""

    number: int
    consumer: str
    fresh: Callable[[], bool]
    lanes: dict[str, Lane] = field(default_factory=dict)
    statuses: dict[str, StatusLane] = field(default_factory=dict)
    in_hand: dict[int, Held] = field(default_factory=dict)
    lost: bool = False
    draining: bool = False
    broken: bool = False
    """A delivery was lost on its way, or a lane failed by a mistake of ours: all unacked must come again."""
    next_delivery: int = 1
    """The consumer's next delivery number. A higher one says that something was lost before it, a lower one that
    the consumer was made anew or has gone back, and nobody knows what was lost of it."""

    @property
    def pulls(self) -> bool:
        return not (self.draining or self.lost or self.broken)

    @property
    def busy(self) -> bool:
        running = any(lane.running for lane in self.lanes.values())
        return running or any(lane.running for lane in self.statuses.values())

    def takes(self, delivery: int) -> bool:
        """False once a delivery is missing: what comes after it would overtake it."""
        if delivery != self.next_delivery:
            self.broken = True
        self.next_delivery = delivery + 1
        return self.pulls

    def heard_of(self, delivery: int) -> None:
        """The consumer's last delivery, as its server tells it while there is nothing to deliver."""
        if delivery >= self.next_delivery:
            self.broken = True

    def fence(self) -> None:
        """Raises Fenced when what is in hand may be another replica's by now."""
        if self.lost or not self.fresh():
            raise Fenced

    def fence_new(self) -> None:
        """The same before new work: a draining partition starts none."""
        if self.draining:
            raise Fenced
        self.fence()
