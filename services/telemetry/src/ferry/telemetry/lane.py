"""A sensor's lane: what waits, in what order it leaves, and what was given back to the stream.

Nothing newer overtakes what was given back: that is remembered by stream sequence alone.
"""

from bisect import insort
from collections import deque
from dataclasses import dataclass, field

import msgspec

from ferry.contract.dead import Reason
from ferry.contract.subjects import Address
from ferry.telemetry.held import Held, Verdict
from ferry.telemetry.lanes.points import Point
from ferry.telemetry.lanes.values import same_json


class Dot(msgspec.Struct, eq=False):
    """One point on its way: `time` in Unix ms, `value` as JSON, element `index` of its message.

    `implicit`: it was published without a time. `equal` are the same point, published again.
    """

    time: int
    value: bytes
    held: Held
    index: int
    implicit: bool
    equal: "list[Dot] | None" = None

    @property
    def said_by(self) -> list[Held]:
        return [self.held, *(dot.held for dot in self.equal or ())]


NOBODY = Held(sequence=0, ack="", subject="", body=b"", published_ms=0, headers=None, size=0)
"""Whose point it is that was only seen at the cloud."""


@dataclass(slots=True)
class Standing:
    """How a lane fares with its cloud. `alone_s` is how long, in s, it has failed while others did not.

    `refused_at` is since when the cloud refuses its entity, in s of the monotonic clock.
    """

    gateway: str = ""
    sensor: str | None = None
    failing: bool = False
    condemned: bool = False
    """Past its budget: until it works again, one more failure is enough."""
    alone_s: float = 0.0
    refused_at: float | None = None


@dataclass(slots=True)
class Taken:
    """Points to send, and the messages of which nothing is left to send."""

    dots: list[Dot]
    done: list[Held]


@dataclass(slots=True)
class Lane:
    address: Address
    waiting: list[tuple[Held, list[Point]]] = field(default_factory=list)
    given_back: deque[int] = field(default_factory=deque)
    running: bool = False
    last: Dot | None = None
    """The newest point that the cloud is known to have."""
    standing: Standing = field(default_factory=Standing)
    max_points: int = 1_000_000
    """The most that the cloud has taken at once, where it refused more for their number or size."""
    halved: int = 0
    """Points of an array that was refused and in which no bad reading has been found yet."""
    absent: bool = False
    """The registry was asked and does not have the sensor."""

    def offer(self, held: Held, points: list[Point], room: int) -> bool:
        """Takes the message in hand, or remembers that it was given back."""
        if not self._is_next(held.sequence):
            return False
        if len(self.waiting) >= room:
            if not self.given_back or self.given_back[0] != held.sequence:
                self.given_back.appendleft(held.sequence)
            return False
        if self.given_back and self.given_back[0] == held.sequence:
            self.given_back.popleft()
        self.waiting.append((held, points))
        return True

    def _is_next(self, sequence: int) -> bool:
        parked = self.given_back
        if not parked or sequence <= parked[0]:
            return True
        if sequence > parked[-1]:
            parked.append(sequence)
        elif sequence not in parked:
            ordered = list(parked)
            insort(ordered, sequence)
            self.given_back = deque(ordered)
        return False

    def delivered(self, dots: list[Dot]) -> None:
        """The cloud has them. A refused array whose every part was taken was refused for its size."""
        self.last = dots[-1]
        if self.halved:
            self.halved -= len(dots)
            if self.halved <= 0:
                self.max_points, self.halved = max(1, len(dots)), 0

    def halve(self, dots: list[Dot], *, too_large: bool) -> list[list[Dot]]:
        """The halves of a refused array, the one to send first last. A size that was refused is remembered."""
        middle = len(dots) // 2
        if too_large:
            self.max_points = min(self.max_points, max(1, middle))
        elif not self.halved:
            self.halved = len(dots)
        return [dots[middle:], dots[:middle]]

    def found_bad(self) -> None:
        """A reading was refused alone: it, and not the size, may be why its array was."""
        self.halved = 0

    def restart(self, sequences: list[int]) -> None:
        """Nothing is in hand any more; these come again, and nothing newer may overtake them."""
        self.waiting = []
        self.given_back = deque(sorted({*sequences, *self.given_back}))

    def raise_last(self, newest_ms: int) -> None:
        """The cloud was seen to have a point at `newest_ms`."""
        if newest_ms >= 0 and (self.last is None or newest_ms > self.last.time):
            self.last = Dot(newest_ms, b"", NOBODY, 0, implicit=False)

    def forget(self, sequence: int) -> None:
        """It will not come again: nothing must wait behind it."""
        if sequence in self.given_back:
            self.given_back.remove(sequence)

    def shed(self, room: int) -> list[Held]:
        """What a failing lane has in hand beyond `room`, oldest first; the caller gives it back."""
        shed = [held for held, _ in self.waiting[room:]]
        del self.waiting[room:]
        self.given_back.extendleft(held.sequence for held in reversed(shed))
        return shed

    def take(self) -> Taken:
        """All that waits, sorted by time, a time only once. A second value for a time is doomed."""
        taken, self.waiting = self.waiting, []
        dots: list[Dot] = []
        newest, ordered = -1, True
        for held, points in taken:
            for point in points:
                dot = self._dot(held, point, newest)
                ordered = ordered and dot.time > newest
                newest = dot.time
                dots.append(dot)
        if ordered:  # the common case
            return Taken(dots, [])
        dots.sort(key=_by_time)
        return _unique(dots)

    def _dot(self, held: Held, point: Point, newest: int) -> Dot:
        """A reading without a time follows its predecessor by at least 1 ms, however long the burst."""
        if point.time is not None:
            return Dot(point.time, point.value, held, point.index, implicit=False)
        time = held.published_ms + point.index
        if held.replayed:  # its time was then; moved up, an old value would be shown as a new one
            return Dot(time, point.value, held, point.index, implicit=False)
        last = self.last
        before = max(newest, last.time if last is not None else -1)
        return Dot(max(time, before + 1), point.value, held, point.index, implicit=True)


def _by_time(dot: Dot) -> tuple[int, int]:
    return dot.time, dot.held.sequence


def _unique(dots: list[Dot]) -> Taken:
    taken = Taken([], [])
    for dot in dots:
        before = taken.dots[-1] if taken.dots else None
        if before is None or dot.time > before.time:
            taken.dots.append(dot)
        elif dot.implicit:
            dot.time = before.time + 1
            taken.dots.append(dot)
        elif same_json(dot.value, before.value):
            before.equal = [*(before.equal or ()), dot]
        else:
            detail = f"another value was published for time {dot.time}"
            taken.done += doom(dot, Verdict(Reason.OUT_OF_ORDER, detail))
    return taken


def doom(dot: Dot, verdict: Verdict) -> list[Held]:
    """The point cannot be delivered; the messages whose last open point it was."""
    for each in (dot, *(dot.equal or ())):
        fail(each.held, each.index, verdict)
    return close(dot)


def fail(held: Held, index: int, verdict: Verdict) -> None:
    """One element cannot be delivered; the others still may."""
    held.verdict = held.verdict or verdict
    held.failed = [*held.failed, index]


def close(dot: Dot) -> list[Held]:
    """The point's outcome is final; the messages whose last open point it was."""
    dot.held.open -= 1
    if dot.equal is None:
        return [] if dot.held.open else [dot.held]
    for equal in dot.equal:
        equal.held.open -= 1
    return [held for held in dict.fromkeys(dot.said_by) if not held.open]


def chunks(dots: list[Dot], max_points: int, max_bytes: int) -> list[list[Dot]]:
    """Arrays of at most so many points and bytes, in order; a larger single point goes alone."""
    if len(dots) <= max_points and sum([_size(dot) for dot in dots]) <= max_bytes:
        return [dots]
    cut: list[list[Dot]] = [[]]
    size = 0
    for dot in dots:
        if cut[-1] and (len(cut[-1]) >= max_points or size + _size(dot) > max_bytes):
            cut.append([])
            size = 0
        cut[-1].append(dot)
        size += _size(dot)
    return cut


def _size(dot: Dot) -> int:
    return len(dot.value) + 34


def body_of(dots: list[Dot]) -> bytes:
    """The guide's body, chapter 9: one object, or an array of them."""
    parts = [b'{"value":%b,"time":%d}' % (dot.value, dot.time) for dot in dots]
    return parts[0] if len(parts) == 1 else b"[" + b",".join(parts) + b"]"
