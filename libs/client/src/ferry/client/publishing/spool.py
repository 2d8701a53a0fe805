"""The store of an edge program: a bounded SQLite file that survives kill -9 and, fsynced, the loss of power.

SQLite is called in one thread; calls that come together are one transaction.
"""

import asyncio
import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ferry.client.errors import FerryError, RefusedError, SpoolError, SpoolFullError
from ferry.client.publishing.batches import together
from ferry.client.publishing.ports import Batch, Entry

R = TypeVar("R")
PAGE = 4096
SMALLEST = 64 * PAGE
NEARLY_FULL = 0.8
CLOSE_S = 5.0
AGAIN_S = 1.0
APPLICATION_ID = 0x46455252
"""`FERR` in the file's header: another program's database is not written to."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS entries(id INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL,
    parts BLOB NOT NULL, lengths TEXT NOT NULL, headers TEXT NOT NULL, at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS by_subject ON entries(subject, id);
CREATE TABLE IF NOT EXISTS refused(id INTEGER PRIMARY KEY, subject TEXT NOT NULL, parts BLOB NOT NULL,
    why TEXT NOT NULL, at INTEGER NOT NULL);
"""
_log = logging.getLogger("ferry.client")


@dataclass(frozen=True, slots=True)
class SpoolState:
    """`waiting` and `refused` count entries, one a call; `oldest_at` in Unix ms."""

    waiting: int
    refused: int
    used_bytes: int
    max_bytes: int
    oldest_at: int | None


@dataclass(slots=True)
class Spooled(Entry):
    id: int = 0


class Spool:
    """`wake` hears of each subject that has something to send, also of what an earlier run left."""

    def __init__(self, path: Path, max_bytes: int, wake: Callable[[str], None]) -> None:
        if max_bytes < SMALLEST:
            raise ValueError(f"a spool has at least {SMALLEST} bytes")
        self._file = _File(path, max_bytes)
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


class _File:
    """The SQLite side. Every method runs in the spool's one thread."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_pages = max_bytes // PAGE
        self._opened: sqlite3.Connection | None = None
        self.fill = 0.0

    def open(self) -> list[str]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self._path, isolation_level=None, timeout=1, check_same_thread=False)
            self._opened = db
            self._check()
            for pragma in (
                *("locking_mode=EXCLUSIVE", f"page_size={PAGE}", "journal_mode=WAL", "synchronous=FULL"),
                *(f"application_id={APPLICATION_ID}", f"max_page_count={self._max_pages}"),
                *("wal_autocheckpoint=256", f"journal_size_limit={256 * PAGE}"),
            ):
                db.execute(f"PRAGMA {pragma}")
            db.executescript(SCHEMA)
            return [subject for (subject,) in db.execute("SELECT DISTINCT subject FROM entries")]
        except OSError as error:
            raise SpoolError.saying(f"the spool {self._path} cannot be made", detail=str(error)) from None
        except sqlite3.OperationalError as error:
            hint = "each program has a spool of its own" if "locked" in str(error) else None
            raise SpoolError.saying(
                f"the spool {self._path} cannot be opened", detail=str(error), hint=hint
            ) from None
        except sqlite3.DatabaseError as error:
            raise SpoolError.saying(
                f"{self._path} is no spool",
                detail=str(error),
                hint="name another file; this one is left as it is",
            ) from None

    def _check(self) -> None:
        (found,) = self._db.execute("PRAGMA application_id").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if found != APPLICATION_ID and tables:
            raise sqlite3.DatabaseError("another program's database")

    def write(
        self, adding: Sequence[Entry], settled: Sequence[int]
    ) -> tuple[list[int | FerryError], Sequence[int]]:
        """For each entry its id or why it is not there; and what of `settled` could not be removed."""
        left = self._removed(settled)
        try:
            with self._transaction():
                return [self._insert(entry) for entry in adding], left
        except sqlite3.OperationalError:
            return [self._insert_alone(entry) for entry in adding], left

    def _removed(self, settled: Sequence[int]) -> Sequence[int]:
        try:
            with self._transaction():
                self._db.executemany("DELETE FROM entries WHERE id = ?", ((number,) for number in settled))
        except sqlite3.OperationalError:
            return settled
        return ()

    def _insert_alone(self, entry: Entry) -> int | FerryError:
        try:
            with self._transaction():
                return self._insert(entry)
        except sqlite3.OperationalError as error:
            return SpoolFullError.saying(
                "the spool is full",
                detail=f"{self._path}: {error}",
                hint="the bus has been away for too long, or the disk is full",
            )

    def _insert(self, entry: Entry) -> int:
        row = (
            entry.subject,
            b"".join(entry.parts),
            json.dumps([len(part) for part in entry.parts]),
            json.dumps(dict(entry.headers)),
            time.time_ns() // 1_000_000,
        )
        made = self._db.execute(
            "INSERT INTO entries(subject, parts, lengths, headers, at) VALUES (?, ?, ?, ?, ?)", row
        )
        return int(made.lastrowid or 0)

    def waiting(self, subject: str, after: int) -> Iterator[Spooled]:
        """Oldest first; read from the disk only as far as they are looked at."""
        rows = self._db.execute(
            "SELECT id, parts, lengths, headers FROM entries WHERE subject = ? AND id > ? ORDER BY id",
            (subject, after),
        )
        for number, parts, lengths, headers in rows:
            yield Spooled(subject, _cut(parts, json.loads(lengths)), json.loads(headers), id=number)

    def set_aside(self, entries: Sequence[Spooled], why: str) -> None:
        now = time.time_ns() // 1_000_000
        with self._transaction():
            for entry in entries:
                row = (entry.id, entry.subject, b"".join(entry.parts), why, now)
                self._db.execute("INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?, ?)", row)
                self._db.execute("DELETE FROM entries WHERE id = ?", (entry.id,))

    def state(self) -> SpoolState:
        waiting, oldest = self._db.execute("SELECT count(*), min(at) FROM entries").fetchone()
        (refused,) = self._db.execute("SELECT count(*) FROM refused").fetchone()
        return SpoolState(waiting, refused, self._used_pages() * PAGE, self._max_pages * PAGE, oldest)

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()

    @property
    def _db(self) -> sqlite3.Connection:
        assert self._opened is not None  # noqa: S101 - `open` comes first
        return self._opened

    def _used_pages(self) -> int:
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        return int(pages) - int(free)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self.fill = self._used_pages() / self._max_pages


def _cut(parts: bytes, lengths: Sequence[int]) -> list[bytes]:
    cut, start = [], 0
    for length in lengths:
        cut.append(parts[start : start + length])
        start += length
    return cut
