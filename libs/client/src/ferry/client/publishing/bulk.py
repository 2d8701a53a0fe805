"""Publishes many rows with a bounded number unconfirmed. Stops at the first failure and reports what was confirmed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from ferry.client.errors import BulkError, Failure, FerryError
from ferry.client.publishing.entries import part, split
from ferry.client.publishing.ports import Entry, Headers, Store
from ferry.client.publishing.rows import Row
from ferry.client.publishing.values import Clock
from ferry.contract import subjects

MOST_UNCONFIRMED = 20_000
"""Readings: about 2 MB of JSON."""
MOST_MESSAGES = 1024
"""Two windows of them: more would only wait, and cost the garbage collector time."""
MOST_FAILURES = 100


@dataclass(frozen=True, slots=True)
class Published:
    """How many readings were confirmed, in how many messages or spool entries."""

    readings: int
    messages: int


class Bulk:
    def __init__(self, store: Store, clock: Clock, headers: Headers) -> None:
        self._store = store
        self._clock = clock
        self._headers = headers
        self._waiting: set[Entry] = set()
        self._unconfirmed = 0
        self._settled = asyncio.Event()
        self._failures: list[Failure] = []
        self._failed = 0
        self.confirmed = 0
        self.messages = 0

    async def add(self, rows: Sequence[Row]) -> None:
        """Returns when there is room for more. Raises BulkError, and ValueError for a row that is none."""
        try:
            grouped = self._grouped(rows)
        except ValueError as error:
            await self._all_settled()
            raise ValueError(f"{error} ({self.confirmed} readings before it are confirmed)") from None
        for subject, (first, parts) in grouped.items():
            for entry in split(subject, parts, self._headers):
                self._unconfirmed += len(entry.parts)
                self._waiting.add(entry)
                self._store.add(entry, partial(self._note, first, entry))
                while self._unconfirmed > MOST_UNCONFIRMED or len(self._waiting) > MOST_MESSAGES:
                    await self._next_settled()
        await asyncio.sleep(0)
        if self._failures:
            await self.finish()

    async def finish(self) -> Published:
        """Waits for what is unconfirmed. Raises BulkError."""
        await self._all_settled()
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
        for entry in self._waiting:
            self._store.withdraw(entry)

    async def _all_settled(self) -> None:
        while self._waiting:
            await self._next_settled()

    async def _next_settled(self) -> None:
        self._settled.clear()
        await self._settled.wait()

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

    def _note(self, row: int, entry: Entry, result: int | FerryError) -> None:
        count = len(entry.parts)
        self._waiting.remove(entry)
        self._unconfirmed -= count
        self._settled.set()
        if isinstance(result, int):
            self.confirmed += count
            self.messages += 1
            return
        self._failed += count
        if len(self._failures) < MOST_FAILURES:
            self._failures.append(Failure(row, count, result))
