"""A sensor's lane: what waits, in what order it leaves, and what is parked in the stream. Pure."""

from dataclasses import dataclass, field

from ferry.contract.dead import Reason
from ferry.contract.subjects import Address
from ferry.telemetry.lanes.backlog import Backlog
from ferry.telemetry.lanes.health import LaneHealth
from ferry.telemetry.lanes.queued import QueuedPoint
from ferry.telemetry.lanes.values import same_json
from ferry.telemetry.stream.delivery import Cause, Delivery

FAILING_MESSAGES = 16
"""The most that a failing lane keeps in memory."""
NO_LIMIT = 1_000_000


@dataclass(slots=True)
class Taken:
    """Points to send, and the deliveries of which nothing is left to send."""

    points: list[QueuedPoint]
    done: list[Delivery]


@dataclass(slots=True)
class SeriesLane:
    address: Address
    health: LaneHealth
    waiting: list[tuple[Delivery, list[QueuedPoint]]] = field(default_factory=list)
    sending: list[Delivery] = field(default_factory=list)
    """What was last taken: some of it may not be settled yet."""
    backlog: Backlog = field(default_factory=Backlog)
    last_ms: int = -1
    """The newest time that the cloud is known to have, in Unix ms."""
    max_points: int = NO_LIMIT
    """The most that the cloud has taken at once, where it refused more for their number or size."""
    halved: int = 0
    """Points of an array that was refused and in which no bad reading has been found yet."""
    absent: bool = False
    """The registry was asked and does not have the sensor."""
    unregistered: bool = False
    """The registry has not confirmed the sensor: what arrives is parked."""
    idle_since: float = 0.0
    """When it last had nothing to do, in s of the monotonic clock."""
    counted_absent: int = 0
    """Its messages that count against its gateway's bound of unknown ones."""

    @property
    def has_work(self) -> bool:
        return bool(self.waiting or self.backlog)

    @property
    def first_parked(self) -> int | None:
        return self.backlog.first if self.backlog else None

    @property
    def messages(self) -> int:
        return len(self.waiting) + len(self.backlog)

    def has_room(self, sequence: int, most: int) -> bool:
        """Whether it may wait in memory: nothing newer overtakes what is parked."""
        if self.unregistered or len(self.waiting) >= self.most_in_memory(most):
            return False
        return sequence < self.backlog.first

    def most_in_memory(self, most: int) -> int:
        """A failing lane keeps only what it is retrying: the rest of the memory is for its neighbours."""
        return min(most, FAILING_MESSAGES) if self.health.failing else most

    @property
    def is_plain(self) -> bool:
        """Whether its newest time is all that is worth remembering."""
        health = self.health
        return not (self.has_work or health.failing or health.over_budget or self.learnt_a_size)

    @property
    def learnt_a_size(self) -> bool:
        return self.max_points < NO_LIMIT

    def delivered(self, points: list[QueuedPoint]) -> None:
        """The cloud has them. A refused array whose every part was taken was refused for its size."""
        self.last_ms = points[-1].time
        if self.halved:
            self.halved -= len(points)
            if self.halved <= 0:
                self.max_points, self.halved = max(1, len(points)), 0

    def halve(self, points: list[QueuedPoint], *, too_large: bool) -> list[list[QueuedPoint]]:
        """The halves of a refused array, the one to send first last. A size that was refused is remembered."""
        middle = len(points) // 2
        if too_large:
            self.max_points = min(self.max_points, max(1, middle))
        elif not self.halved:
            self.halved = len(points)
        return [points[middle:], points[:middle]]

    def found_bad(self) -> None:
        """A reading was refused alone: it, and not the size, may be why its array was."""
        self.halved = 0

    def raise_last(self, newest_ms: int) -> None:
        """The cloud was seen to have a point at `newest_ms`."""
        self.last_ms = max(self.last_ms, newest_ms)

    def give_up(self) -> list[Delivery]:
        """All that it has in memory, settled or not."""
        given_up = [*self.sending, *(delivery for delivery, _ in self.waiting)]
        self.sending, self.waiting = [], []
        return given_up

    def take(self) -> Taken:
        """All that waits, sorted by time, a time only once. A second value for a time cannot be delivered."""
        taken, self.waiting = self.waiting, []
        self.sending = [delivery for delivery, _ in taken]
        points: list[QueuedPoint] = []
        newest, ordered = -1, True
        for _, decoded in taken:
            for point in decoded:
                if point.implicit:  # it follows its predecessor by at least 1 ms, however long the burst
                    point.time = max(point.time, max(newest, self.last_ms) + 1)
                ordered = ordered and point.time > newest
                newest = point.time
            points += decoded
        if ordered:  # the common case
            return Taken(points, [])
        points.sort(key=_by_time)
        return _unique(points)


def _by_time(point: QueuedPoint) -> tuple[int, int]:
    return point.time, point.delivery.sequence


def _unique(points: list[QueuedPoint]) -> Taken:
    taken = Taken([], [])
    for point in points:
        before = taken.points[-1] if taken.points else None
        if before is None or point.time > before.time:
            taken.points.append(point)
        elif point.implicit:
            point.time = before.time + 1
            taken.points.append(point)
        elif same_json(point.value, before.value):
            before.equal = [*(before.equal or ()), point]
        elif before.implicit and not before.equal:  # its time was made up, the other one's was not
            before.time = point.time + 1
            taken.points[-1:] = [point, before]
        else:
            detail = f"another value was published for time {point.time}"
            taken.done += point.fail(Cause(Reason.OUT_OF_ORDER, detail))
    return taken
