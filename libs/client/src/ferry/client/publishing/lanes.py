"""A lane per subject: one message on its way, and what came meanwhile goes together as the next one.

So a sensor's order holds through any failure, and many sensors are on their way at once. One task sends for all
lanes: a lane is a few entries in sets while it has something to send, and nothing otherwise.
"""

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from functools import partial

from ferry.client.errors import FerryError
from ferry.client.publishing.ports import Batch, Store, Stream

FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 2.0


class Lanes:
    def __init__(self, stream: Stream, store: Store, window: int) -> None:
        """`window`: how many messages may be unconfirmed at a time."""
        self._stream = stream
        self._store = store
        self._window = window
        self._unconfirmed = 0
        self._busy: set[str] = set()
        """Subjects that are ready, on their way, or wait for another try."""
        self._ready: deque[str] = deque()
        self._woken: set[str] = set()
        """Busy ones that got something new since their last message was put together."""
        self._waits_s: dict[str, float] = {}
        """Of those whose last publish failed: how long they wait after the next failure."""
        self._changed = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None
        self.trouble: FerryError | None = None
        """Why the last publish did not work; None when it did."""

    def start(self) -> None:
        self._sender = asyncio.create_task(self._send())

    async def stop(self) -> None:
        if self._sender:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)

    def wake(self, subject: str) -> None:
        """There is something new of this subject."""
        if subject in self._busy:
            self._woken.add(subject)
            return
        self._busy.add(subject)
        self._is_ready(subject)

    @property
    def idle(self) -> bool:
        return not self._busy

    def _is_ready(self, subject: str) -> None:
        self._ready.append(subject)
        self._changed.set()

    async def _send(self) -> None:
        while True:
            while not self._ready or self._unconfirmed >= self._window:
                self._changed.clear()
                await self._changed.wait()
            if not self._stream.is_connected:
                await self._stream.connected()
            count = min(len(self._ready), self._window - self._unconfirmed)
            subjects = [self._ready.popleft() for _ in range(count)]
            self._woken.difference_update(subjects)
            for subject, batch in zip(subjects, await self._next(subjects), strict=True):
                if batch:
                    await self._publish(batch)
                else:
                    self._rest(subject)

    async def _next(self, subjects: Sequence[str]) -> Sequence[Batch | None]:
        while True:
            try:
                return await self._store.next(subjects)
            except FerryError as error:
                self.trouble = error
                await asyncio.sleep(LONGEST_WAIT_S)

    async def _publish(self, batch: Batch) -> None:
        self._unconfirmed += 1
        await self._stream.publish(batch.subject, batch.body, batch.headers, partial(self._settled, batch))

    def _settled(self, batch: Batch, result: int | FerryError) -> None:
        self._unconfirmed -= 1
        self._changed.set()
        if isinstance(result, int):
            self.trouble = None
            self._store.confirmed(batch, result)
        else:
            self.trouble = result
            if self._store.failed(batch, result):
                self._try_again_later(batch.subject)
                return
        self._waits_s.pop(batch.subject, None)
        if batch.more:
            self._is_ready(batch.subject)
        else:
            self._rest(batch.subject)

    def _try_again_later(self, subject: str) -> None:
        wait_s = self._waits_s.get(subject, FIRST_WAIT_S)
        self._waits_s[subject] = min(LONGEST_WAIT_S, 2 * wait_s)
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 - only so that lanes do not march in step
        asyncio.get_running_loop().call_later(wait_s * jitter, self._is_ready, subject)

    def _rest(self, subject: str) -> None:
        if subject in self._woken:
            self._is_ready(subject)
        else:
            self._busy.remove(subject)
