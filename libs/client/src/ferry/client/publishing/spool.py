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
from ferry.client.publishing.ports import Batch, Entry
from ferry.client.publishing.spool_file import PAGE, Spooled, SpoolFile, SpoolState

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
        self._adding: list[tuple[Entry, asyncio.Future[int]]] = []
        self._settled: list[int] = []
        self._writer: asyncio.Task[None] | None = None
        self._last: dict[str, int] = {}
        """The newest entry of each subject that is settled: also when its row could not be removed yet."""
        self._warned = False

    async def open(self) -> None:
        """Raises SpoolError when the file cannot be used."""
        for subject in await self._call(self._file.open):
            self._wake(subject)

    async def put(self, entry: Entry) -> int:
        """The entry's number, once it is on the disk. Raises SpoolFullError, SpoolError."""
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._adding.append((entry, done))
        self._write_soon()
        return await asyncio.shield(done)

    async def next(self, subject: str) -> Batch | None:
        entries = await self._call(lambda: together(self._file.waiting(subject, self._last.get(subject, 0))))
        return Batch(subject, entries) if entries else None

    async def confirmed(self, batch: Batch, sequence: int) -> None:
        del sequence
        self._settle(batch)

    async def failed(self, batch: Batch, error: FerryError) -> bool:
        """What the stream will never take is set aside and counted, so that it does not hold up its sensor.

        A right that lacks may be granted: such readings wait, as they do while the bus is away.
        """
        if not isinstance(error, RefusedError):
            return True
        _log.error("spooled readings of %s are refused: %s", batch.subject, error)
        entries = [entry for entry in batch.entries if isinstance(entry, Spooled)]
        await self._call(lambda: self._file.set_aside(entries, str(error)))
        self._last[batch.subject] = entries[-1].id
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

    def _settle(self, batch: Batch) -> None:
        ids = [entry.id for entry in batch.entries if isinstance(entry, Spooled)]
        self._last[batch.subject] = ids[-1]
        self._settled += ids
        self._write_soon()

    def _write_soon(self) -> None:
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._adding or self._settled:
            adding, self._adding = self._adding, []
            settled, self._settled = self._settled, []
            results, left = await self._written([entry for entry, _ in adding], settled)
            for (entry, done), result in zip(adding, results, strict=True):
                if isinstance(result, FerryError):
                    done.set_exception(type(result)(result.problem))
                else:
                    done.set_result(result)
                    self._wake(entry.subject)
            self._watch_fill(results)
            self._settled += left
            if left and not self._adding:  # a full disk takes no removal either
                await asyncio.sleep(AGAIN_S)

    async def _written(
        self, adding: Sequence[Entry], settled: Sequence[int]
    ) -> tuple[Sequence[int | FerryError], Sequence[int]]:
        try:
            return await self._call(lambda: self._file.write(adding, settled))
        except SpoolError as error:
            return [error] * len(adding), settled

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
