"""A message in hand: taken from the stream, not yet acked."""

from dataclasses import dataclass

import msgspec

from ferry.contract.dead import Reason


@dataclass(slots=True)
class Verdict:
    """Why a message goes to the dead letters. `http_status` is the cloud's, when it said anything."""

    reason: Reason
    detail: str
    http_status: int | None = None
    attempts: int = 0


class Held(msgspec.Struct, eq=False):
    """`sequence` is the stream's, `published_ms` when the server stored it; `ack` is where its fate is told.

    `open` counts the points whose fate is not yet known; the message is settled with the last of them.
    A msgspec.Struct is made in C: there is one for every message.
    """

    sequence: int
    ack: str
    subject: str
    body: bytes
    published_ms: int
    headers: dict[str, str] | None
    size: int
    open: int = 1
    verdict: Verdict | None = None
    settled: bool = False
    replayed: bool = False
    """A dead letter that was published again: its times are those of then."""
    failed: list[int] = []
    """Indexes of the elements that cannot be delivered, where the body is an array."""
    among: dict[int, "Held"] = {}
    """All that its partition has in hand, by sequence; emptied when the partition is lost."""
