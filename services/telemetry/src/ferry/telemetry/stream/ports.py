"""What telemetry needs of the stream of readings. `stream/nats` has it from nats-server, tests from memory.

A partition is named by its number, and OUTSIDE is what the stream's transform put into none.
"""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from ferry.telemetry.stream.delivery import Delivery


class PullEnd(Enum):
    """How a pull ended: the next one may follow, or the consumer may be gone."""

    OVER = "over"
    SUSPECT = "suspect"


class Holder(NamedTuple):
    """Who has a partition's consumer, and how many messages were not yet delivered to it."""

    replica: str
    undelivered: int


class Receiver(Protocol):
    """What a pull hands its messages to. Both return False where the pull must end."""

    def receive(self, delivery: Delivery, number: int) -> bool:
        """`number` is the consumer's count of its deliveries, from 1."""

    def idle(self, last_number: int) -> bool:
        """There was nothing to deliver; `last_number` is the consumer's last delivery."""


class Consumers(Protocol):
    """A partition's consumer is its lease. Every method raises StreamUnavailable."""

    async def partitions(self) -> list[int]: ...
    async def take(self, partition: int) -> str | None:
        """The consumer's name, also where we have it already; None where another replica has the partition."""

    async def drop(self, consumer: str) -> None: ...
    def name_of(self, partition: int, replica: str) -> str: ...
    async def holders(self) -> dict[int, Holder]: ...


class Pulls(Protocol):
    async def pull(self, partition: int, consumer: str, receiver: Receiver) -> PullEnd:
        """One bounded request for messages; returns when it is over."""


class Acks(Protocol):
    """By stream sequence; nothing waits for the server."""

    def ack(self, consumer: str, sequence: int) -> None: ...
    def in_progress(self, consumer: str, sequence: int) -> None: ...
    def terminate(self, consumer: str, sequence: int, reason: str) -> None: ...
    async def flush(self) -> None:
        """Returns when the server has them all. Raises StreamUnavailable."""


class StoredMessages(Protocol):
    """Messages read from the stream again, without a delivery. Every method raises StreamUnavailable."""

    async def read(self, partition: int, subject: str, first: int, most: int) -> Sequence[Delivery]:
        """Those of one subject that are still stored, from sequence `first` on, in order: `most` at most.

        May miss some, or all: only the leader's word proves that a message is gone.
        """

    async def next_sequence(self, partition: int, subject: str, first: int) -> int | None:
        """Of the first message of this subject from `first` on, by the stream's leader; None: there is none."""

    async def read_one(self, sequence: int) -> Delivery | None:
        """By the stream's leader; None: it is gone."""


class StreamUnavailable(Exception):  # noqa: N818 - a state of the bus
    """The stream did not answer: try again."""


class LeaseLost(Exception):  # noqa: N818 - a state, not a bug
    """The replica no longer owns the partition: its deliveries belong to another."""
