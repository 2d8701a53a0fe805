"""What a lane needs: a stream that confirms, and a store that keeps what is not confirmed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ferry.client.errors import FerryError

Headers = Mapping[str, str]
NO_HEADERS: Headers = {}


@dataclass(slots=True)
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
    """Consecutive entries of one subject that travel as one message."""

    subject: str
    entries: Sequence[Entry]

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
        """With `fail_fast` it raises FerryError when the first connection cannot be made; else it goes on trying."""

    async def close(self) -> None: ...

    async def connected(self) -> None:
        """Returns when a publish can be tried."""

    async def publish(self, subject: str, body: bytes, headers: Headers) -> int:
        """The stream's sequence. Raises one of `errors` that is about a publish."""
        ...


class Store(Protocol):
    """Where entries wait, in order, for their confirmation."""

    async def next(self, subject: str) -> Batch | None:
        """The oldest entries of this subject that are not settled yet; None when there are none."""
        ...

    async def confirmed(self, batch: Batch, sequence: int) -> None: ...

    async def failed(self, batch: Batch, error: FerryError) -> bool:
        """Not this time; whether `next` gives it again."""
        ...
