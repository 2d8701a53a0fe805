"""The bus as a publisher meets it, in memory: it stores, loses acknowledgements, goes away and refuses."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from ferry.client.errors import (
    FerryError,
    NotConfirmedError,
    NotConnectedError,
    NotPermittedError,
    NotStoredError,
    RefusedError,
)
from ferry.client.publishing.ports import Headers, Settled


@dataclass
class FakeStream:
    """`plan` says what happens to each publish in turn; when it ends, all goes well."""

    plan: Iterator[str] = field(default_factory=lambda: iter(()))
    stored: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)
    max_bytes: int | None = None
    max_message: int = 512 * 1024
    denied: set[str] = field(default_factory=set)
    there: bool = True
    takes_s: float = 0
    most_at_once: int = 0
    _at_once: int = 0
    _up: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_connected(self) -> bool:
        return self._up.is_set()

    @property
    def trouble(self) -> FerryError | None:
        return None if self.is_connected else NotConnectedError.saying("the fake is away")

    async def start(self, *, fail_fast: bool) -> None:
        if self.there:
            self._up.set()
        elif fail_fast:
            raise NotConnectedError.saying("the fake is away")

    async def close(self) -> None:
        self._up.clear()

    async def connected(self) -> None:
        await self._up.wait()

    def go_away(self) -> None:
        self._up.clear()

    def come_back(self) -> None:
        self._up.set()

    async def publish(self, subject: str, body: bytes, headers: Headers, settled: Settled) -> None:
        task = asyncio.create_task(self._counted(subject, body, headers))
        task.add_done_callback(lambda done: settled(_result(done)))

    async def _counted(self, subject: str, body: bytes, headers: Headers) -> int:
        if not self.is_connected:
            raise NotConnectedError.saying("the fake is away")
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._publish(subject, body, headers)
        finally:
            self._at_once -= 1

    async def _publish(self, subject: str, body: bytes, headers: Headers) -> int:
        what = next(self.plan, "store")
        await asyncio.sleep(self.takes_s)
        if subject in self.denied:
            raise NotPermittedError.saying("not permitted")
        if len(body) > self.max_message:
            raise RefusedError.saying("too large")
        if what == "full" or (self.max_bytes is not None and self.used + len(body) > self.max_bytes):
            raise NotStoredError.saying("full")
        if what == "away":
            self.go_away()
            asyncio.get_running_loop().call_later(0.001, self.come_back)
            raise NotConfirmedError.saying("lost on the way there")
        self.stored.append((subject, body, dict(headers)))
        if what == "ack lost":
            raise NotConfirmedError.saying("lost on the way back")
        return len(self.stored)

    @property
    def used(self) -> int:
        return sum(len(body) for _, body, _ in self.stored)


def _result(done: asyncio.Task[int]) -> int | FerryError:
    error = done.exception()
    if error is None:
        return done.result()
    assert isinstance(error, FerryError)
    return error


def values(stored: list[tuple[str, bytes]]) -> dict[str, list[str]]:
    """For each subject its readings' values, in the order of the stream."""
    found: dict[str, list[str]] = {}
    for subject, body in stored:
        message = json.loads(body)
        readings = message if isinstance(message, list) else [message]
        found.setdefault(subject, []).extend(reading["value"] for reading in readings)
    return found


def first_of_each(items: list[str]) -> list[str]:
    """Without repetitions: what a stream that got some messages twice holds in which order."""
    return list(dict.fromkeys(items))
