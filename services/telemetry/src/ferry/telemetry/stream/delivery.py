"""A delivery: a message received from the stream, until it is acked."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from ferry.contract.dead import PUBLISHED_AT, Reason

OVERHEAD_BYTES = 600
"""Memory of the smallest delivery, besides its body and subject."""
POINT_BYTES = 150
"""Memory of each decoded point, besides its value."""
MOST_DIGITS = 18
"""Of a time in a header: what is longer is none."""


@dataclass(slots=True)
class Cause:
    """Why a message becomes a dead letter. `http_status` is the cloud's, where it answered."""

    reason: Reason
    detail: str
    http_status: int | None = None
    attempts: int = 0


class Delivery(msgspec.Struct, eq=False):
    """`sequence` is the stream's, `published_ms` when the server stored it, in Unix ms; `subject` as published.

    `open` counts the points whose outcome is not final; the delivery is settled with the last of them.
    A msgspec.Struct is made in C: there is one for every message.
    """

    sequence: int
    subject: str
    body: bytes
    published_ms: int
    headers: dict[str, str] | None = None
    replayed: bool = False
    """A dead letter that was published again: its times are those of its first publication."""
    open: int = 1
    cause: Cause | None = None
    failed_indexes: list[int] = []
    """Elements that cannot be delivered, where the body is an array."""
    settled: bool = False
    gateway: str = ""
    """Whose share of the memory it takes."""
    weight: int = 0
    """Bytes that it keeps in memory, its decoded points included."""

    def fail(self, index: int, cause: Cause) -> None:
        """One element cannot be delivered; the others still may."""
        self.cause = self.cause or cause
        self.failed_indexes = [*self.failed_indexes, index]

    def weigh(self, points: int) -> int:
        """Its bytes in memory, with so many decoded points."""
        self.weight = len(self.body) + len(self.subject) + OVERHEAD_BYTES + POINT_BYTES * (points - 1)
        return self.weight


def published_ms_of(headers: Mapping[str, str] | None, stored_ms: int) -> int:
    """A replayed publication carries when the bus first took it, in Unix ms: that only moves it back in time."""
    said = headers.get(PUBLISHED_AT, "") if headers else ""
    if said.isascii() and said.isdecimal() and len(said) <= MOST_DIGITS:
        return min(stored_ms, int(said))
    return stored_ms
