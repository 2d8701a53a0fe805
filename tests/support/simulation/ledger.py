"""What was published, and what became of it. Times in s of the loop, unless they are called `_ms`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from memory.services import DeadLetter


@dataclass(slots=True)
class PointRecord:
    """`value` as the cloud gets it; `wrong` is the reason for which it can never be sent, `in_order` that no earlier

    reading of its sensor has its time or a later one.
    """

    index: int
    time: int | None
    value: Any
    wrong: str | None = None
    bad_value: bool = False
    in_order: bool = True
    delivered_at: float | None = None
    times_delivered: int = 0


@dataclass(slots=True)
class StatusRecord:
    value: str
    expires_ms: int
    sent_at: float | None = None


@dataclass(slots=True)
class Message:
    """`wrong` is the reason for which it can never be sent as a whole."""

    sequence: int
    subject: str
    gateway: str
    sensor: str | None
    at: float
    stored_ms: int
    body: bytes
    points: list[PointRecord] = field(default_factory=list)
    status: StatusRecord | None = None
    wrong: str | None = None
    letters: list[DeadLetter] = field(default_factory=list)
    ended_at: float | None = None
    ended_by: str = ""
    ack_was_lost: bool = False
    redelivered: bool = False

    @property
    def failed_indexes(self) -> set[int]:
        found: set[int] = set()
        for letter in self.letters:
            found |= set(letter.indexes) or {point.index for point in self.points}
        return found

    @property
    def outcome_at(self) -> float | None:
        """When the last of its points was at the cloud or in the dead letters; None: not yet."""
        first_letter = min((letter.at for letter in self.letters), default=None)
        if self.status is not None or not self.points:
            return self.ended_at if first_letter is None else first_letter
        failed, latest = self.failed_indexes, 0.0
        for point in self.points:
            at = first_letter if point.index in failed else point.delivered_at
            if at is None:
                return None
            latest = max(latest, at)
        return latest


def canonical(value: Any) -> bytes:
    return msgspec.json.encode(value, order="sorted")


class Ledger:
    def __init__(self) -> None:
        self.messages: dict[int, Message] = {}
        self._by_value: dict[tuple[str, str, bytes], list[tuple[Message, PointRecord]]] = {}
        self._newest: dict[tuple[str, str], int] = {}
        self.statuses: dict[tuple[str, str | None], list[Message]] = {}

    def add(self, message: Message) -> None:
        self.messages[message.sequence] = message
        if message.status is not None:
            self.statuses.setdefault((message.gateway, message.sensor), []).append(message)
            return
        if message.sensor is None:
            return
        lane = (message.gateway, message.sensor)
        slack = 0
        for point in message.points:
            self._by_value.setdefault((*lane, canonical(point.value)), []).append((message, point))
            if point.wrong is not None:
                continue
            newest = self._newest.get(lane, -1)
            if point.time is None:
                time = max(newest + 1, message.stored_ms + point.index)
                slack = 5000  # it may be moved up again by a replica that knows less of its predecessors
            else:
                time, point.in_order = point.time, point.time > newest
            self._newest[lane] = max(newest, time + slack)

    def at_cloud(self, gateway: str, sensor: str, value: Any) -> Iterator[tuple[Message, PointRecord]]:
        yield from self._by_value.get((gateway, sensor, canonical(value)), ())
