"""The store of an edge program: a bounded SQLite file that survives kill -9 and, fsynced, the loss of power.

SQLite is called in one thread; calls that come together are one transaction.
"""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from ferry.client.errors import FerryError, RefusedError, SpoolError, SpoolFullError
from ferry.client.publishing.batches import together
from ferry.client.publishing.ports import Batch, Entry, Settled
from ferry.client.publishing.spool_file import PAGE, Leaving, Spooled, SpoolFile, SpoolState

R = TypeVar("R")
SMALLEST = 64 * PAGE
NEARLY_FULL = 0.8
CLOSE_S = 5.0
AGAIN_S = 1.0
_log = logging.getLogger("ferry.client")


class Spool:
    """`wake` hears of each subject that has something to send, also of what an earlier run left."""

    def __init__(self, path: Path, max_bytes: int, wake: Callable[[str], None]) -> None:
        if max_bytes < SMALLEST:
            raise ValueError(f"a spool has at least {SMALLEST} bytes")
        self._file = SpoolFile(path, max_bytes)
        self._wake = wake
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ferry-spool")
        self._adding: list[tuple[Entry, Settled]] = []
        self._leaving: list[Leaving] = []
        self._writer: asyncio.Task[None] | None = None
        self._last: dict[str, int] = {}
        """The newest entry of each subject that is settled: also when its row could not be removed yet."""
        self._warned = False

    async def open(self) -> None:
        """Raises SpoolError when the file cannot be used."""
        for subject in await self._call(self._file.open):
            self._wake(subject)

    def add(self, entry: Entry, settled: Settled) -> None:
        """Its number, once it is on the disk; SpoolFullError, SpoolError."""
        self._adding.append((entry, settled))
        self._write_soon()

    def withdraw(self, entry: Entry) -> None:
        """It is written to disk and sent to the bus nevertheless."""

    async def next(self, subjects: Sequence[str]) -> list[Batch | None]:
        return await self._call(lambda: [self._next(subject) for subject in subjects])

    def confirmed(self, batch: Batch, sequence: int) -> None:
        del sequence
        self._settle(batch, None)

    def failed(self, batch: Batch, error: FerryError) -> bool:
        """What the stream will never take is set aside and counted, so that it does not hold up its sensor.

        A missing permission may be granted later: such readings wait, as they do while the bus is unreachable.
        """
        if not isinstance(error, RefusedError):
            return True
        _log.error("spooled readings of %s are refused: %s", batch.subject, error)
        self._settle(batch, str(error))
        return False

    async def state(self) -> SpoolState:
        return await self._call(self._file.state)

    async def close(self) -> None:
        if self._writer is not None and not self._writer.done():
            await asyncio.wait({self._writer}, timeout=CLOSE_S)
            self._writer.cancel()
        with contextlib.suppress(SpoolError):
            await self._call(self._file.close)
        self._thread.shutdown(wait=False)

    def _next(self, subject: str) -> Batch | None:
        return together(subject, self._file.waiting(subject, self._last.get(subject, 0)))

    def _settle(self, batch: Batch, refused: str | None) -> None:
        leaving = [Leaving(entry, refused) for entry in batch.entries if isinstance(entry, Spooled)]
        self._last[batch.subject] = leaving[-1].entry.id
        self._leaving += leaving
        self._write_soon()

    def _write_soon(self) -> None:
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._adding or self._leaving:
            adding, self._adding = self._adding, []
            leaving, self._leaving = self._leaving, []
            results, left = await self._written([entry for entry, _ in adding], leaving)
            for (entry, settled), result in zip(adding, results, strict=True):
                if isinstance(result, int):
                    self._wake(entry.subject)
                    settled(result)
                else:
                    settled(
                        type(result)(result.problem)
                    )  # each its own: it collects the traces of who raises it
            self._watch_fill(results)
            self._leaving += left
            if left and not self._adding:  # a full disk takes no removal either
                await asyncio.sleep(AGAIN_S)

    async def _written(
        self, adding: Sequence[Entry], leaving: Sequence[Leaving]
    ) -> tuple[Sequence[int | FerryError], Sequence[Leaving]]:
        try:
            return await self._call(lambda: self._file.write(adding, leaving))
        except SpoolError as error:
            return [error] * len(adding), leaving

    def _watch_fill(self, results: Sequence[int | FerryError]) -> None:
        fill = self._file.fill
        if any(isinstance(result, SpoolFullError) for result in results):
            fill = 1.0
        if fill >= NEARLY_FULL and not self._warned:
            _log.warning("the spool is %.0f %% full", 100 * fill)
        self._warned = fill >= NEARLY_FULL

    async def _call(self, work: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: _explained(work))


def _explained(work: Callable[[], R]) -> R:
    try:
        return work()
    except sqlite3.Error as error:
        raise SpoolError.saying("the spool cannot be used", detail=str(error)) from None
