"""The ports of a lane: a stream that confirms, and a store that keeps what is not confirmed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ferry.client.errors import FerryError

Headers = Mapping[str, str]
NO_HEADERS: Headers = {}
Settled = Callable[[int | FerryError], None]
"""Called once; a future for each message would cost as much as the message."""


@dataclass(slots=True, eq=False)
class Entry:
    """One call's share of a message: `parts` are JSON objects, all of one subject; several make an array."""

    subject: str
    parts: Sequence[bytes]
    headers: Headers = field(default_factory=dict)

    @property
    def size(self) -> int:
        return sum(map(len, self.parts)) + len(self.parts)


@dataclass(slots=True)
class Batch:
    """Consecutive entries of one subject that travel as one message; `more` when others wait behind them."""

    subject: str
    entries: Sequence[Entry]
    more: bool

    @property
    def headers(self) -> Headers:
        return self.entries[0].headers

    @property
    def body(self) -> bytes:
        parts = [part for entry in self.entries for part in entry.parts]
        return parts[0] if len(parts) == 1 else b"[" + b",".join(parts) + b"]"


class Stream(Protocol):
    """The bus's stream, as a publisher sees it."""

    @property
    def is_connected(self) -> bool: ...

    @property
    def trouble(self) -> FerryError | None:
        """Why there is no connection; None while there is one."""
        ...

    async def start(self, *, fail_fast: bool) -> None:
        """With `fail_fast` it raises FerryError if the first connection fails; otherwise it keeps trying."""

    async def close(self) -> None: ...

    async def connected(self) -> None:
        """Returns when a publish can be tried."""

    async def publish(self, subject: str, body: bytes, headers: Headers, settled: Settled) -> None:
        """Returns when it is on its way. `settled` gets the stream's sequence, or one of `errors`; it may do so before.

        It raises nothing.
        """


class Store(Protocol):
    """Where entries wait, in order, for their confirmation. It wakes the lane of each entry that is added."""

    def add(self, entry: Entry, settled: Settled) -> None:
        """`settled` gets the number under which the entry is safe, or why it is not."""

    def withdraw(self, entry: Entry) -> None:
        """The caller no longer waits for it, and `settled` is not called. What is on disk is sent nevertheless."""

    async def next(self, subjects: Sequence[str]) -> Sequence[Batch | None]:
        """For each subject its oldest entries that are not settled yet; None when there are none.

        Raises FerryError when they cannot be read at the moment.
        """
        ...

    def confirmed(self, batch: Batch, sequence: int) -> None: ...

    def failed(self, batch: Batch, error: FerryError) -> bool:
        """Not this time; whether `next` gives it again."""
        ...
