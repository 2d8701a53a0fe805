"""`Ferry` for scripts and notebooks: an event loop in a thread, and calls that block."""

import asyncio
import os
import threading
from collections.abc import Coroutine, Iterable
from typing import Any, Self, TypeVar

from ferry.client import ferry as asynchronous
from ferry.client.errors import FerryError
from ferry.client.ferry import Receipt
from ferry.client.publishing.bulk import Published
from ferry.client.publishing.rows import Reader, chunks
from ferry.client.publishing.spool_file import SpoolState
from ferry.client.settings import NatsSettings

R = TypeVar("R")


class Ferry:
    """As `ferry.client.Ferry`, without `async` and `await`; also usable from several threads."""

    def __init__(
        self,
        settings: NatsSettings | str | None = None,
        *,
        context: str | None = None,
        spool: str | os.PathLike[str] | None = None,
        spool_bytes: int = asynchronous.SPOOL_BYTES,
        timeout_s: float = asynchronous.TIMEOUT_S,
        drain_s: float = asynchronous.DRAIN_S,
        window: int = asynchronous.WINDOW,
    ) -> None:
        self._ferry = asynchronous.Ferry(
            settings,
            context=context,
            spool=spool,
            spool_bytes=spool_bytes,
            timeout_s=timeout_s,
            drain_s=drain_s,
            window=window,
        )
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ferry", daemon=True)
        self._thread.start()
        try:
            self._run(self._ferry.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._run(self._ferry.__aexit__(*exc))
        finally:
            self._stop()

    def series(self, gateway: str, sensor: str, value: Any, time: Any = None) -> Receipt:
        return self._run(self._ferry.series(gateway, sensor, value, time))

    def status(
        self, gateway: str, value: str, *, sensor: str | None = None, valid_s: int | None = None
    ) -> Receipt:
        return self._run(self._ferry.status(gateway, value, sensor=sensor, valid_s=valid_s))

    def bulk(
        self, rows: Iterable[Any] | Any, *, gateway: str | None = None, sensor: str | None = None
    ) -> Published:
        """The rows are read in the calling thread: a database's cursor may be one."""
        bulk = self._ferry.start_bulk()
        try:
            for chunk in chunks(Reader(gateway, sensor).rows(rows)):
                self._run(bulk.add(chunk))
            return self._run(bulk.finish())
        except BaseException:
            if self._loop:
                self._loop.call_soon_threadsafe(bulk.cancel)
            raise

    def flush(self, timeout_s: float = asynchronous.TIMEOUT_S) -> bool:
        return self._run(self._ferry.flush(timeout_s))

    @property
    def connected(self) -> bool:
        return self._ferry.connected

    @property
    def trouble(self) -> FerryError | None:
        return self._ferry.trouble

    def spool_state(self) -> SpoolState:
        return self._run(self._ferry.spool_state())

    def _run(self, work: Coroutine[Any, Any, R]) -> R:
        if self._loop is None:
            work.close()
            raise RuntimeError("use it as `with Ferry() as ferry:`")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _stop(self) -> None:
        loop, self._loop = self._loop, None
        if loop:
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()
            loop.close()
