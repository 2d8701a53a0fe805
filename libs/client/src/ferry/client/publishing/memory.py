"""The store of a program without a spool: somebody waits for each entry, and takes it along when the wait is over."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from ferry.client.errors import FerryError, NotConfirmedError, NotConnectedError
from ferry.client.publishing.batches import together
from ferry.client.publishing.ports import Batch, Entry


@dataclass(slots=True, eq=False)
class Waiting:
    entry: Entry
    done: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    error: FerryError | None = None
    maybe_stored: bool = False
    under_way: bool = False


class Memory:
    def __init__(self, wake: Callable[[str], None]) -> None:
        self._wake = wake
        self._lanes: dict[str, dict[int, Waiting]] = {}
        self._under_way: dict[str, list[Waiting]] = {}

    async def put(self, entry: Entry, timeout_s: float) -> int:
        """The stream's sequence, once it has confirmed. Raises FerryError, at the latest after `timeout_s`."""
        waiting = Waiting(entry)
        self._lanes.setdefault(entry.subject, {})[id(waiting)] = waiting
        self._wake(entry.subject)
        try:
            async with asyncio.timeout(timeout_s):
                return await waiting.done
        except TimeoutError:
            raise _given_up(waiting, timeout_s) from None
        finally:
            lane = self._lanes[entry.subject]
            del lane[id(waiting)]
            if not lane:
                del self._lanes[entry.subject]

    async def next(self, subject: str) -> Batch | None:
        lane = [waiting for waiting in self._lanes.get(subject, {}).values() if not waiting.done.done()]
        entries = together(waiting.entry for waiting in lane)
        self._under_way[subject] = lane[: len(entries)]
        for waiting in self._under_way[subject]:
            waiting.under_way = True
        return Batch(subject, entries) if entries else None

    async def confirmed(self, batch: Batch, sequence: int) -> None:
        for waiting in self._under_way.pop(batch.subject):
            if not waiting.done.done():
                waiting.done.set_result(sequence)

    async def failed(self, batch: Batch, error: FerryError) -> bool:
        for waiting in self._under_way.pop(batch.subject):
            waiting.under_way = False
            waiting.error = error
            waiting.maybe_stored |= error.maybe_stored
            if not error.transient and not waiting.done.done():
                waiting.done.set_exception(_own(error, maybe_stored=waiting.maybe_stored))
        return error.transient


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
            hint="it may have been stored all the same: publish it again",
        )
    if last is not None:
        return _own(last, maybe_stored=False)
    return NotConnectedError.saying(
        f"not published within {timeout_s:g} s: the bus is away", hint="nothing was stored"
    )
