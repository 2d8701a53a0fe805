"""The store of a program without a spool: a caller waits for each entry, and removes it when it stops waiting."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from ferry.client.errors import FerryError, NotConfirmedError, NotConnectedError
from ferry.client.publishing.batches import together
from ferry.client.publishing.ports import Batch, Entry, Settled


@dataclass(slots=True)
class Waiting:
    settled: Settled
    deadline: float
    """Of the loop's clock."""
    error: FerryError | None = None
    maybe_stored: bool = False
    under_way: bool = False


class Memory:
    """An entry fails `timeout_s` after it was added, at the latest."""

    def __init__(self, wake: Callable[[str], None], timeout_s: float) -> None:
        self._wake = wake
        self._timeout_s = timeout_s
        self._waiting: dict[Entry, Waiting] = {}
        """All of them, in the order of their deadlines."""
        self._lanes: dict[str, dict[Entry, None]] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    def add(self, entry: Entry, settled: Settled) -> None:
        loop = asyncio.get_running_loop()
        waiting = Waiting(settled, loop.time() + self._timeout_s)
        self._waiting[entry] = waiting
        self._lanes.setdefault(entry.subject, {})[entry] = None
        if self._sweeping is None:
            self._sweeping = loop.call_at(waiting.deadline, self._sweep)
        self._wake(entry.subject)

    def withdraw(self, entry: Entry) -> None:
        if self._waiting.pop(entry, None) is None:
            return
        lane = self._lanes[entry.subject]
        del lane[entry]
        if not lane:
            del self._lanes[entry.subject]

    async def next(self, subjects: Sequence[str]) -> list[Batch | None]:
        return [self._next(subject) for subject in subjects]

    def confirmed(self, batch: Batch, sequence: int) -> None:
        for entry in batch.entries:
            self._settle(entry, sequence)

    def failed(self, batch: Batch, error: FerryError) -> bool:
        for entry in batch.entries:
            if (waiting := self._waiting.get(entry)) is None:
                continue
            waiting.under_way = False
            waiting.error = error
            waiting.maybe_stored |= error.maybe_stored
            if not error.transient:
                self._settle(entry, _own(error, maybe_stored=waiting.maybe_stored))
        return error.transient

    def _next(self, subject: str) -> Batch | None:
        batch = together(subject, self._lanes.get(subject, ()))
        for entry in batch.entries if batch else ():
            self._waiting[entry].under_way = True
        return batch

    def _settle(self, entry: Entry, result: int | FerryError) -> None:
        if waiting := self._waiting.get(entry):
            self.withdraw(entry)
            waiting.settled(result)

    def _sweep(self) -> None:
        """One clock for all."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for entry, waiting in list(takewhile(lambda item: item[1].deadline <= now, self._waiting.items())):
            self._settle(entry, _given_up(waiting, self._timeout_s))
        first = next(iter(self._waiting.values()), None)
        self._sweeping = loop.call_at(first.deadline, self._sweep) if first else None


def _own(error: FerryError, *, maybe_stored: bool) -> FerryError:
    """Each waiter its own: an exception collects the traces of all who raise it."""
    copy = type(error)(error.problem)
    copy.maybe_stored = maybe_stored
    return copy


def _given_up(waiting: Waiting, timeout_s: float) -> FerryError:
    last = waiting.error
    detail = str(last) if last else ""
    if waiting.maybe_stored or waiting.under_way:
        return NotConfirmedError.saying(
            f"no acknowledgement within {timeout_s:g} s",
            detail=detail,
            hint="it may have been stored nevertheless: publish it again",
        )
    if last is not None:
        return _own(last, maybe_stored=False)
    return NotConnectedError.saying(
        f"not published within {timeout_s:g} s: the bus is unreachable", hint="nothing was stored"
    )
