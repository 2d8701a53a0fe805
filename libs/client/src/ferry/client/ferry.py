"""`Ferry`: publish readings and statuses, and know that they are on the bus."""

import asyncio
import os
from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

from ferry.client import contexts
from ferry.client.errors import FerryError
from ferry.client.publishing import entries
from ferry.client.publishing.bulk import Bulk, Published
from ferry.client.publishing.lanes import Lanes
from ferry.client.publishing.memory import Memory
from ferry.client.publishing.nats_stream import NatsStream
from ferry.client.publishing.ports import Entry, Store, Stream
from ferry.client.publishing.rows import Reader, chunks
from ferry.client.publishing.spool import Spool
from ferry.client.publishing.spool_file import SpoolState
from ferry.client.publishing.trace import trace_headers
from ferry.client.publishing.values import Clock
from ferry.client.settings import NatsSettings
from ferry.contract import subjects

WINDOW = 512
TIMEOUT_S = 30.0
SPOOL_BYTES = 256 * 1024 * 1024
DRAIN_S = 5.0
TURN_S = 0.02


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where the reading is safe now: `bus` is FERRY_READINGS, `spool` the file of this machine; its number there."""

    where: Literal["bus", "spool"]
    sequence: int


class Ferry:
    """A publisher, as an async context manager.

    Without arguments it takes its bus from FERRY_NATS__*, or from the context that `ferry context use` chose.

    Without `spool`, a call returns when the stream has confirmed: it waits through restarts of the bus, for at most
    `timeout_s`. With `spool`, a path, it returns when the reading is on the disk; the bus may be away for days, within
    `spool_bytes`. Either way each sensor's readings arrive in the order of the calls. `window` bounds the messages
    that are unconfirmed.
    """

    def __init__(
        self,
        settings: NatsSettings | str | None = None,
        *,
        context: str | None = None,
        spool: str | os.PathLike[str] | None = None,
        spool_bytes: int = SPOOL_BYTES,
        timeout_s: float = TIMEOUT_S,
        drain_s: float = DRAIN_S,
        window: int = WINDOW,
        stream: Stream | None = None,
    ) -> None:
        """`settings` may be a server's URL. `stream` replaces NATS, for tests. Raises SettingsError."""
        if isinstance(settings, str):
            settings = NatsSettings(url=settings)
        self._stream = stream or NatsStream(settings or contexts.chosen(context))
        self._spool = Spool(Path(spool), spool_bytes, self._wake) if spool is not None else None
        self._store: Store = self._spool or Memory(self._wake, timeout_s)
        self._lanes = Lanes(self._stream, self._store, window)
        self._clock = Clock()
        self._drain_s = drain_s

    async def __aenter__(self) -> Self:
        """Raises FerryError without a bus; with a spool only when the spool cannot be used."""
        try:
            if self._spool:
                await self._spool.open()
            await self._stream.start(fail_fast=self._spool is None)
            self._lanes.start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Gives what is spooled `drain_s` to leave; the rest stays in the file for the next run."""
        if self._spool:
            await self.flush(self._drain_s)
        await self._close()

    async def series(self, gateway: str, sensor: str, value: Any, time: Any = None) -> Receipt:
        """One reading, or several: `Reading`, values or `(value, time)`. `time` is Unix ms or a datetime with a zone.

        Without a time it is this machine's, now: a reading that is sent twice must not become two. Raises ValueError
        for what the contract does not allow, FerryError when it was not stored (`maybe_stored`: perhaps it was).
        """
        subject = subjects.sensor_series(gateway, sensor)
        made = entries.readings(subject, value, time, self._clock, trace_headers())
        if len(made) == 1:
            return await self._put(made[0])
        return (await asyncio.gather(*(self._put(entry) for entry in made)))[-1]

    async def status(
        self, gateway: str, value: str, *, sensor: str | None = None, valid_s: int | None = None
    ) -> Receipt:
        """`on`, `off` or `err`, of a gateway or one of its sensors, for `valid_s` seconds. Raises as `series` does."""
        subject = (
            subjects.sensor_status(gateway, sensor)
            if sensor is not None
            else subjects.gateway_status(gateway)
        )
        return await self._put(entries.status(subject, value, valid_s, trace_headers()))

    async def bulk(
        self,
        rows: Iterable[Any] | AsyncIterable[Any] | Any,
        *,
        gateway: str | None = None,
        sensor: str | None = None,
    ) -> Published:
        """Publishes every row and returns when all are confirmed, with a bounded number of them unconfirmed.

        `rows`: an iterable or async iterable of `(gateway, sensor, value, time)` or mappings with those keys, a pandas
        DataFrame with those columns (the time may be its index), or the path of a CSV file with them. `gateway` and
        `sensor` stand for columns that are not there. The time may be left out. Raises BulkError at the first failure,
        ValueError for a row that is none; both say where, and how many readings are confirmed.
        """
        bulk = self.start_bulk()
        reader = Reader(gateway, sensor)
        try:
            if isinstance(rows, AsyncIterable):
                async for row in reader.rows_async(rows):
                    await bulk.add([row])
            else:
                for chunk in chunks(reader.rows(rows)):
                    await bulk.add(chunk)
            return await bulk.finish()
        except BaseException:
            bulk.cancel()
            raise

    def start_bulk(self) -> Bulk:
        """For who brings the rows in pieces: `add` them, then `finish`."""
        return Bulk(self._store, self._clock, trace_headers())

    async def flush(self, timeout_s: float = TIMEOUT_S) -> bool:
        """Waits until all that was given is on the bus; False when time was up before."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self._lanes.idle:
                    await asyncio.sleep(TURN_S)
        except TimeoutError:
            return False
        return True

    @property
    def connected(self) -> bool:
        return self._stream.is_connected

    @property
    def trouble(self) -> FerryError | None:
        """Why readings do not leave at the moment; None when nothing is wrong."""
        return self._stream.trouble or self._lanes.trouble

    async def spool_state(self) -> SpoolState:
        """How much waits on the disk. Raises ValueError without a spool."""
        if self._spool is None:
            raise ValueError("this Ferry has no spool")
        return await self._spool.state()

    async def _put(self, entry: Entry) -> Receipt:
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._store.add(entry, partial(_answer, done))
        try:
            return Receipt("spool" if self._spool else "bus", await done)
        except asyncio.CancelledError:
            self._store.withdraw(entry)
            raise

    def _wake(self, subject: str) -> None:
        self._lanes.wake(subject)

    async def _close(self) -> None:
        await self._lanes.stop()
        await self._stream.close()
        if self._spool:
            await self._spool.close()


def _answer(done: asyncio.Future[int], result: int | FerryError) -> None:
    if done.done():  # who waited has been cancelled in this very moment
        return
    if isinstance(result, int):
        done.set_result(result)
    else:
        done.set_exception(result)
