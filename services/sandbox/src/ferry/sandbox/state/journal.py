"""State on disk: each change is appended to a file before it is answered, and read at the next start.

The file is rewritten from the present state, beside it and then in one step in its place, when it has grown to a
multiple of what the state needs: so it stays bounded, and a kill at any moment leaves one file that is whole.
"""

import fcntl
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from ferry.sandbox.state.changes import State, written

FILE = "journal.jsonl"
HEADER = b'["ferry-sandbox state",2]\n'
REWRITE_AT = 32 * 1024 * 1024
GROWTH = 3
RETRY_S = 5.0


class Journal:
    """Survives `kill -9`; what the machine itself had not yet written is lost with the machine."""

    def __init__(
        self, folder: Path, state: State, rewrite_at: int = REWRITE_AT, retry_s: float = RETRY_S
    ) -> None:
        """Takes up what an earlier process left. Raises OSError or ValueError where the folder cannot be used."""
        self.problem: str | None = None
        self.set_aside: Path | None = None
        self._folder = folder
        self.path = folder / FILE
        self._state = state
        self._rewrite_at = rewrite_at
        self._retry_s = retry_s
        self._file = -1
        self._size = self._limit = 0
        self._retry_at = 0.0
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(folder)
        self._restore()
        self._rewrite()

    def _restore(self) -> None:
        """A last line that was cut by a kill was never answered, and is dropped; any other that is bad is said."""
        if not self.path.exists():
            return
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    return
                try:
                    self._take(number, line)
                except Exception as problem:  # noqa: BLE001 - whatever a broken file leads to
                    self._put_aside(number, problem)
                    return

    def _take(self, number: int, line: bytes) -> None:
        if number > 1:
            self._state.apply(line)
        elif line != HEADER:
            raise ValueError("its first line is not that of a sandbox's state")

    def _put_aside(self, number: int, problem: Exception) -> None:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self.set_aside = self._folder / f"{FILE}.unreadable-{stamp}-{time.time_ns() % 10**9:09}"
        self.path.replace(self.set_aside)
        _say(
            f"the state in {self.path} cannot be read from line {number} on ({type(problem).__name__}: "
            f"{str(problem)[:200]}). The file is now {self.set_aside}; what its lines before said is kept"
        )

    def note(self, kind: str, change: dict[str, Any]) -> None:
        """Never raises: what cannot be written is said once, and the sandbox goes on in memory."""
        if self.problem is not None:
            if time.monotonic() >= self._retry_at:
                self.rewrite()
            return
        line = written(kind, change)
        try:
            _write(self._file, line)
        except OSError as problem:
            self._fail(problem)
            return
        self._size += len(line)
        if self._size > self._limit:
            self.rewrite()

    def rewrite(self) -> None:
        """The file from the present state alone. Never raises."""
        try:
            self._rewrite()
        except OSError as problem:
            self._fail(problem)
            return
        if self.problem is not None:
            self.problem = None
            _say(f"the state is kept in {self.path} again")

    def _rewrite(self) -> None:
        beside = self.path.with_suffix(".new")
        opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            size = _write(opened, HEADER)
            for line in self._state.snapshot():
                size += _write(opened, line)
            os.fsync(opened)
            beside.replace(self.path)
        except OSError:
            os.close(opened)
            raise
        _sync_folder(self._folder)
        self._close_file()
        self._file, self._size = opened, size
        self._limit = max(self._rewrite_at, size * GROWTH)

    def _fail(self, problem: OSError) -> None:
        self._retry_at = time.monotonic() + self._retry_s
        if self.problem is None:
            self.problem = f"{type(problem).__name__}: {problem.strerror}"
            _say(
                f"the state is no longer kept in {self.path} ({self.problem}); the sandbox continues without it"
            )

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def close(self) -> None:
        self._close_file()
        os.close(self._lock)


def _locked(folder: Path) -> int:
    """Raises ValueError where another process keeps its state."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise ValueError(f"another sandbox keeps its state in {folder}") from None
    return lock


def _write(file: int, line: bytes) -> int:
    """All of it: a file that takes a part only is as good as full. Raises OSError."""
    left = memoryview(line)
    while left:
        left = left[os.write(file, left) :]
    return len(line)


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _say(sentence: str) -> None:
    sys.stderr.write(json.dumps({"event": "state", "message": sentence}) + "\n")
    sys.stderr.flush()
