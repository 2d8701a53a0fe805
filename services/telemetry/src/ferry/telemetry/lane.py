"""A sensor's lane: what waits, in what order it leaves, and what was given back to the stream.

Nothing newer overtakes what was given back: that is remembered by stream sequence alone.
"""

from bisect import insort
from collections import deque
from dataclasses import dataclass, field

import msgspec

from ferry.contract.dead import Reason
from ferry.contract.subjects import Address
from ferry.telemetry.decode import Point
from ferry.telemetry.held import Held, Verdict

SAME_BURST_MS = 1000
"""Readings without a time that the bus took in the same ms are moved up by ms, at most so far."""


class Dot(msgspec.Struct, eq=False):
    """One point on its way: `time` in Unix ms, `value` as JSON, and every message that said it."""

    time: int
    value: bytes
    said_by: list[Held]
    implicit: bool


@dataclass(slots=True)
class Standing:
    """How a lane fares with its cloud. `alone_s` is how long, in s, it has failed while others did not."""

    failing: bool = False
    condemned: bool = False
    """Past its budget: until it works again, one more failure is enough."""
    alone_s: float = 0.0


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
            for index, point in enumerate(points):
                dot = self._dot(held, point, index)
                ordered = ordered and dot.time > newest
                newest = dot.time
                dots.append(dot)
        if ordered:  # the common case
            return Taken(dots, [])
        dots.sort(key=_by_time)
        return _unique(dots)

    def _dot(self, held: Held, point: Point, index: int) -> Dot:
        if point.time is not None:
            return Dot(point.time, point.value, [held], implicit=False)
        time = held.published_ms + index
        last = self.last
        again = last is not None and (last.time, last.value) == (time, point.value)  # a replay, not a burst
        if last is not None and not again and time <= last.time < time + SAME_BURST_MS and last.implicit:
            time = last.time + 1
        return Dot(time, point.value, [held], implicit=True)


def _by_time(dot: Dot) -> tuple[int, int]:
    return dot.time, dot.said_by[0].sequence


def _unique(dots: list[Dot]) -> Taken:
    taken = Taken([], [])
    for dot in dots:
        before = taken.dots[-1] if taken.dots else None
        if before is None or dot.time > before.time:
            taken.dots.append(dot)
        elif dot.implicit:
            dot.time = before.time + 1
            taken.dots.append(dot)
        elif dot.value == before.value:
            before.said_by.extend(dot.said_by)
        else:
            detail = f"another value was published for time {dot.time}"
            taken.done += doom(dot, Verdict(Reason.OUT_OF_ORDER, detail))
    return taken


def doom(dot: Dot, verdict: Verdict) -> list[Held]:
    """Condemns the point; the messages whose last open point it was."""
    for held in dot.said_by:
        held.verdict = held.verdict or verdict
    return close(dot)


def close(dot: Dot) -> list[Held]:
    """The point's fate is known; the messages whose last open point it was."""
    done = []
    for held in dot.said_by:
        held.open -= 1
        if held.open == 0:
            done.append(held)
    return done


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
