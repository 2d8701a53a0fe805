"""The spool's SQLite file: bounded in pages, fsynced, and not touched if it belongs to another program."""

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ferry.client.errors import FerryError, SpoolError, SpoolFullError
from ferry.client.publishing.ports import Entry

PAGE = 4096
APPLICATION_ID = 0x46455252
"""`FERR` in the file's header: another program's database is not written to."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS entries(id INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL,
    parts BLOB NOT NULL, lengths TEXT NOT NULL, headers TEXT NOT NULL, at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS by_subject ON entries(subject, id);
CREATE TABLE IF NOT EXISTS refused(id INTEGER PRIMARY KEY, subject TEXT NOT NULL, parts BLOB NOT NULL,
    why TEXT NOT NULL, at INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class SpoolState:
    """`waiting` and `refused` count entries, one a call; `oldest_at` in Unix ms."""

    waiting: int
    refused: int
    used_bytes: int
    max_bytes: int
    oldest_at: int | None


@dataclass(slots=True, eq=False)
class Spooled(Entry):
    id: int = 0


@dataclass(frozen=True, slots=True)
class Leaving:
    """An entry that leaves the queue; `refused` says why the stream will never take it."""

    entry: Spooled
    refused: str | None


class SpoolFile:
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
        self, adding: Sequence[Entry], leaving: Sequence[Leaving]
    ) -> tuple[list[int | FerryError], Sequence[Leaving]]:
        """For each entry its id or why it is not there; and what of `leaving` could not be removed."""
        left = self._removed(leaving)
        try:
            with self._transaction():
                return [self._insert(entry) for entry in adding], left
        except sqlite3.OperationalError:
            return [self._insert_alone(entry) for entry in adding], left

    def _removed(self, leaving: Sequence[Leaving]) -> Sequence[Leaving]:
        now = time.time_ns() // 1_000_000
        ids = [(one.entry.id,) for one in leaving]
        refused = [
            (one.entry.id, one.entry.subject, b"".join(one.entry.parts), one.refused, now)
            for one in leaving
            if one.refused is not None
        ]
        try:
            with self._transaction():  # first the removals: a full file has no page for what is set aside
                self._db.executemany("DELETE FROM entries WHERE id = ?", ids)
                self._db.executemany("INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?, ?)", refused)
        except sqlite3.OperationalError:
            return leaving
        return ()

    def _insert_alone(self, entry: Entry) -> int | FerryError:
        try:
            with self._transaction():
                return self._insert(entry)
        except sqlite3.OperationalError as error:
            return SpoolFullError.saying(
                "the spool is full",
                detail=f"{self._path}: {error}",
                hint="the bus has been unreachable for too long, or the disk is full",
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
        """Oldest first; read from disk lazily."""
        rows = self._db.execute(
            "SELECT id, parts, lengths, headers FROM entries WHERE subject = ? AND id > ? ORDER BY id",
            (subject, after),
        )
        for number, parts, lengths, headers in rows:
            yield Spooled(subject, _cut(parts, json.loads(lengths)), json.loads(headers), id=number)

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
