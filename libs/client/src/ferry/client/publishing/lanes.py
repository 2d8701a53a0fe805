"""A lane per subject: one message on its way, and what came meanwhile goes together as the next one.

So a sensor's order holds through any failure, and many sensors are on their way at once.
"""

import asyncio
import random

from ferry.client.errors import FerryError
from ferry.client.publishing.ports import Batch, Store, Stream
from ferry.client.publishing.window import Window

FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 2.0


class Lanes:
    def __init__(self, stream: Stream, store: Store, window: int) -> None:
        """`window`: how many messages may be unconfirmed at a time."""
        self._stream = stream
        self._store = store
        self._window = Window(window)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._woken: set[str] = set()
        self.trouble: FerryError | None = None
        """Why the last publish did not work; None when it did."""

    def wake(self, subject: str) -> None:
        """There is something new of this subject."""
        if subject in self._running:
            self._woken.add(subject)
            return
        self._running[subject] = asyncio.create_task(self._run(subject))

    @property
    def idle(self) -> bool:
        return not self._running

    async def stop(self) -> None:
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, subject: str) -> None:
        try:
            while True:
                self._woken.discard(subject)
                await self._send_all(subject)
                if subject not in self._woken:
                    return
        finally:
            del self._running[subject]

    async def _send_all(self, subject: str) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            if not self._stream.is_connected:
                await self._stream.connected()
            async with self._window:
                if (batch := await self._store.next(subject)) is None:
                    return
                again = not await self._settled(batch)
            if not again:
                wait_s = FIRST_WAIT_S
                continue
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - only so that lanes do not march in step
            wait_s = min(LONGEST_WAIT_S, 2 * wait_s)

    async def _settled(self, batch: Batch) -> bool:
        try:
            sequence = await self._stream.publish(batch.subject, batch.body, batch.headers)
        except FerryError as error:
            self.trouble = error
            return not await self._store.failed(batch, error)
        self.trouble = None
        await self._store.confirmed(batch, sequence)
        return True
