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
class MemoryAuth:
    """Auth, for all replicas: a generation that is rejected is renewed once for everybody.

    `none`: nobody answers. `refused`: the cloud grants no new token; who rejects nothing gets the old one.
    `life_s`: how long a token may be kept without asking again.
    """

    generation: int = 1
    revoked: int = 0
    """Generations up to it are refused by the cloud."""
    renewals: int = 0
    none: Callable[[], bool] = lambda: False
    refused: bool = False
    life_s: float = 3600.0
    answers_s: float = 0.002
    renews_s: float = 0.1

    async def token(self, rejected: int | None = None) -> int:
        await asyncio.sleep(self.renews_s if rejected == self.generation else self.answers_s)
        if self.none() or (self.refused and rejected == self.generation):
            raise NoToken("auth has none")
        if rejected == self.generation:
            self.generation += 1
            self.renewals += 1
        return self.generation

    def accepts(self, bearer: str) -> bool:
        return int(bearer.removeprefix("Bearer ")) > self.revoked

    def revoke(self) -> None:
        self.revoked = self.generation


class MemoryTokens:
    """One replica's: it asks nobody while it has a token, also when others have a newer one by now."""

    def __init__(self, auth: MemoryAuth) -> None:
        self._auth = auth
        self._held: int | None = None
        self._fresh_until = 0.0

    async def bearer(self) -> Header:
        if self._held is None or asyncio.get_running_loop().time() >= self._fresh_until:
            self._keep(await self._auth.token())
        return Header(f"Bearer {self._held}", self._held or 0)

    async def reject(self, generation: int) -> None:
        if self._held == generation:
            self._held = None
        if self._held is None:
            self._keep(await self._auth.token(generation))

    def _keep(self, generation: int) -> None:
        self._held = max(generation, self._held or 0)
        self._fresh_until = asyncio.get_running_loop().time() + self._auth.life_s


@dataclass
class MemoryRegistry:
    """`filled` is false where the bucket was made anew: what is not in it may exist all the same.

    `intervals` has None for a gateway that was retired.
    """

    sensors: dict[tuple[str, str], SensorState] = field(default_factory=dict)
    intervals: dict[str, int | None] = field(default_factory=dict)
    filled: bool = True
    answers: bool = True
    takes_s: float = 0.002
    silent_s: float = 2.0
    """How long an answer is waited for that does not come."""
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
        await asyncio.sleep(self.takes_s if self.answers else self.silent_s)
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
            detail=" ".join(cause.detail.split()),
            indexes=tuple(sorted(delivery.failed_indexes)) if delivery.body.lstrip()[:1] == b"[" else (),
            at=asyncio.get_running_loop().time(),
            http_status=cause.http_status,
        )
        self.stored.append(letter)
        self.on_store(letter)
        await asyncio.sleep(min(takes_s, self.answer_s) / 2)
        return takes_s < self.answer_s and not self.unconfirmed()
