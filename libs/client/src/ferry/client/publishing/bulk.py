"""Many rows, a bounded number of them unconfirmed. It stops at the first failure, and says what was confirmed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ferry.client.errors import BulkError, Failure, FerryError
from ferry.client.publishing.entries import part, split
from ferry.client.publishing.ports import Entry, Headers
from ferry.client.publishing.rows import Row
from ferry.client.publishing.values import Clock
from ferry.contract import subjects

MOST_UNCONFIRMED = 20_000
"""Readings: about 2 MB of JSON."""
MOST_MESSAGES = 4_000
"""Several windows of them: with one reading a sensor each is a task, and more tasks only wait."""
MOST_FAILURES = 100


@dataclass(frozen=True, slots=True)
class Published:
    """How many readings were confirmed, in how many messages or spool entries."""

    readings: int
    messages: int


class Bulk:
    def __init__(self, put: Callable[[Entry], Awaitable[object]], clock: Clock, headers: Headers) -> None:
        self._put = put
        self._clock = clock
        self._headers = headers
        self._tasks: set[asyncio.Task[None]] = set()
        self._unconfirmed = 0
        self._room = asyncio.Event()
        self._failures: list[Failure] = []
        self._failed = 0
        self.confirmed = 0
        self.messages = 0

    async def add(self, rows: Sequence[Row]) -> None:
        """Returns when there is room for more. Raises BulkError, and ValueError for a row that is none."""
        try:
            grouped = self._grouped(rows)
        except ValueError as error:
            await self._settled()
            raise ValueError(f"{error} ({self.confirmed} readings before it are confirmed)") from None
        for subject, (first, parts) in grouped.items():
            for entry in split(subject, parts, self._headers):
                task = asyncio.create_task(self._publish(entry, first))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                self._unconfirmed += len(entry.parts)
        await asyncio.sleep(0)
        while self._is_full and self._tasks:
            self._room.clear()
            await self._room.wait()
        if self._failures:
            await self.finish()

    async def finish(self) -> Published:
        """Waits for what is unconfirmed. Raises BulkError."""
        await self._settled()
        if not self._failures:
            return Published(self.confirmed, self.messages)
        first = self._failures[0]
        error = BulkError.saying(
            f"{self._failed} readings were not confirmed, {self.confirmed} were",
            detail=f"{first}",
            hint="publish the same rows again: the cloud keeps one reading per time",
        )
        error.confirmed, error.failed, error.failures = self.confirmed, self._failed, tuple(self._failures)
        error.maybe_stored = any(failure.error.maybe_stored for failure in self._failures)
        raise error

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _settled(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _grouped(self, rows: Sequence[Row]) -> dict[str, tuple[int, list[bytes]]]:
        grouped: dict[str, tuple[int, list[bytes]]] = {}
        for row in rows:
            try:
                subject = subjects.sensor_series(row.gateway, row.sensor)
                made = part(subject, row.value, row.time, self._clock)
            except ValueError as error:
                raise ValueError(f"{row.where}: {error}") from None
            grouped.setdefault(subject, (row.number, []))[1].append(made)
        return grouped

    async def _publish(self, entry: Entry, row: int) -> None:
        count = len(entry.parts)
        try:
            await self._put(entry)
        except FerryError as error:
            self._failed += count
            if len(self._failures) < MOST_FAILURES:
                self._failures.append(Failure(row, count, error))
        else:
            self.confirmed += count
            self.messages += 1
        finally:
            self._unconfirmed -= count
            if not self._is_full:
                self._room.set()

    @property
    def _is_full(self) -> bool:
        return self._unconfirmed > MOST_UNCONFIRMED or len(self._tasks) > MOST_MESSAGES
