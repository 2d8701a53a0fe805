"""What telemetry asks of its neighbours, in memory: tokens of auth, the registry's bucket, the dead letters' stream."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ferry.telemetry.delivery.ports import NoToken
from ferry.telemetry.registration.ports import LookupFailed, SensorState
from ferry.telemetry.stream.delivery import Cause, Delivery


class Header(NamedTuple):
    header: str
    generation: int


@dataclass
class MemoryTokens:
    """Auth, shared by all replicas: a refused generation is renewed once for everybody."""

    generation: int = 1
    revoked: int = 0
    """Generations up to it are refused by the cloud."""
    renewals: int = 0
    none: Callable[[], bool] = lambda: False
    renews_s: float = 0.1
    _renewing: bool = False

    async def bearer(self) -> Header:
        if self.none():
            await asyncio.sleep(0)
            raise NoToken("auth has none")
        return Header(f"Bearer {self.generation}", self.generation)

    async def reject(self, generation: int) -> None:
        await asyncio.sleep(self.renews_s)
        if self.none():
            raise NoToken("auth has none")
        if generation == self.generation:
            self.generation += 1
            self.renewals += 1

    def accepts(self, bearer: str) -> bool:
        return int(bearer.removeprefix("Bearer ")) > self.revoked

    def revoke(self) -> None:
        self.revoked = self.generation


@dataclass
class MemoryRegistry:
    """`filled` is false where the bucket was made anew: what is not in it may exist all the same."""

    sensors: dict[tuple[str, str], SensorState] = field(default_factory=dict)
    intervals: dict[str, int] = field(default_factory=dict)
    filled: bool = True
    answers: bool = True
    takes_s: float = 0.002
    asked: int = 0

    async def sensor(self, gateway: str, sensor: str) -> SensorState:
        await self._ask()
        state = self.sensors.get((gateway, sensor))
        if state is None and not self.filled:
            raise LookupFailed("not filled")
        return state or "absent"

    async def report_interval_ms(self, gateway: str) -> int | None:
        await self._ask()
        if gateway not in self.intervals and not self.filled:
            raise LookupFailed("not filled")
        return self.intervals.get(gateway)

    async def _ask(self) -> None:
        self.asked += 1
        await asyncio.sleep(self.takes_s if self.answers else 2.0)
        if not self.answers:
            raise LookupFailed("no answer")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`at` in s of the loop."""

    sequence: int
    subject: str
    body: bytes
    reason: str
    detail: str
    indexes: tuple[int, ...]
    at: float
    http_status: int | None = None


@dataclass
class MemoryDeadLetters:
    """`full` refuses; `unconfirmed` stores and does not say so; `takes_s` is what an answer needs."""

    stored: list[DeadLetter] = field(default_factory=list)
    full: Callable[[], bool] = lambda: False
    unconfirmed: Callable[[], bool] = lambda: False
    takes_s: Callable[[], float] = lambda: 0.001
    answer_s: float = 5.0
    on_store: Callable[[DeadLetter], None] = lambda _: None

    async def store(self, delivery: Delivery, cause: Cause) -> bool:
        takes_s = self.takes_s()
        await asyncio.sleep(min(takes_s, self.answer_s) / 2)
        if self.full():
            return False
        letter = DeadLetter(
            sequence=delivery.sequence,
            subject=delivery.subject,
            body=delivery.body,
            reason=cause.reason.value,
            detail=cause.detail,
            indexes=tuple(sorted(delivery.failed_indexes)),
            at=asyncio.get_running_loop().time(),
            http_status=cause.http_status,
        )
        self.stored.append(letter)
        self.on_store(letter)
        await asyncio.sleep(min(takes_s, self.answer_s) / 2)
        return takes_s < self.answer_s and not self.unconfirmed()
