"""One request until its fate is known: token, gate, retries in order, and what the cloud's answer means."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from ferry.clouds.thingplus_wire import Refusal, read_refusal
from ferry.telemetry.cloud import Answer, Cloud, Unreachable
from ferry.telemetry.gate import Gate
from ferry.telemetry.lane import Standing
from ferry.telemetry.limiter import Failures

CREDENTIALS_PAUSE_S = 1.0


class Bearer(Protocol):
    """A token as it goes into the header, and the generation that a 401 rejects."""

    @property
    def header(self) -> str: ...
    @property
    def generation(self) -> int: ...


class Tokens(Protocol):
    """Raises CredentialsRefused or CloudPaused while no token is to be had."""

    async def bearer(self) -> Bearer: ...
    async def reject(self, generation: int) -> None: ...


class NoToken(Exception):  # noqa: N818 - a state, not a bug
    """Auth has no token for us now: the cloud pauses, every reading is kept."""


class Fenced(Exception):  # noqa: N818 - a state, not a bug
    """The replica no longer owns the lane's partition: what is in hand belongs to another."""


@dataclass(slots=True)
class Outcome:
    kind: Literal["delivered", "past_time", "refused", "exhausted"]
    refusal: Refusal | None = None
    attempts: int = 1
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Full jitter between 0 and a doubling bound. Times in s."""

    base_s: float
    cap_s: float
    budget_s: float

    def wait_s(self, attempt: int) -> float:
        bound = min(self.cap_s, self.base_s * 2 ** min(attempt, 16))
        return random.uniform(0, bound)  # noqa: S311 - no secret


Call = Callable[[str], Awaitable[Answer]]
"""One request with this Authorization header."""


class Sender:
    def __init__(
        self, cloud: Cloud, tokens: Tokens, gate: Gate, policy: RetryPolicy, errors: Failures
    ) -> None:
        self.cloud = cloud
        self.gate = gate
        self.puts = 0
        self.retries = 0
        self._tokens = tokens
        self._policy = policy
        self._errors = errors
        self._loop = asyncio.get_running_loop()

    async def put(
        self, standing: Standing, key: str, path: str, body: bytes, fence: Callable[[], None]
    ) -> Outcome:
        """Sends until the cloud has decided. Raises Fenced when the partition was lost meanwhile."""

        async def call(bearer: str) -> Answer:
            return await self.cloud.put(path, body, bearer)

        return await self.until_decided(standing, key, call, fence)

    async def until_decided(
        self, standing: Standing, key: str, call: Call, fence: Callable[[], None]
    ) -> Outcome:
        attempt = 0
        rejected_once = False
        since = self._loop.time()
        while True:
            fence()
            bearer = await self._bearer()
            await self.gate.enter()
            attempt += 1
            try:
                fence()
                answer = await self._attempt(call, bearer.header)
            except BaseException:
                self.gate.abandon()
                raise
            if isinstance(answer, Answer) and answer.ok:
                self.gate.leave_good(key)
                standing.failing = standing.condemned = False
                standing.alone_s = 0.0
                return Outcome("delivered", None, attempt, answer)
            refusal = _refusal(answer)
            if refusal.bearer and not rejected_once:
                rejected_once = True
                self.gate.leave_good(key)
                await self._reject(bearer.generation)
                continue
            if not refusal.passing and not refusal.bearer:
                self.gate.leave_good(key)
                return Outcome("past_time" if refusal.past_time else "refused", refusal, attempt)
            rejected_once = False
            self._note(key, refusal)
            self.gate.leave_failed(key, answer.retry_after_s if isinstance(answer, Answer) else None)
            if self._is_exhausted(standing, key, since):
                return Outcome("exhausted", refusal, attempt)
            since = self._loop.time()
            await asyncio.sleep(self._policy.wait_s(attempt))

    async def _attempt(self, call: Call, bearer: str) -> Answer | Unreachable:
        self.puts += 1
        try:
            return await call(bearer)
        except Unreachable as error:
            return error

    async def _bearer(self) -> Bearer:
        while True:
            try:
                return await self._tokens.bearer()
            except NoToken as error:
                self._errors.note(_now_ms(), f"no token: {error}")
                self.gate.pause(CREDENTIALS_PAUSE_S)
                await asyncio.sleep(random.uniform(0.5, 1) * CREDENTIALS_PAUSE_S)  # noqa: S311 - no secret

    async def _reject(self, generation: int) -> None:
        try:
            await self._tokens.reject(generation)
        except NoToken as error:
            self._errors.note(_now_ms(), f"no token: {error}")

    def _note(self, key: str, refusal: Refusal) -> None:
        self.retries += 1
        self._errors.note(_now_ms(), f"{key}: {refusal.words}")

    def _is_exhausted(self, standing: Standing, key: str, since: float) -> bool:
        """A budget runs only while the cloud answers others: an outage makes no dead letters."""
        standing.failing = True
        gate = self.gate
        others_work = gate.last_good > since and gate.last_good_lane != key and gate.breaker.state == "closed"
        if not others_work:
            return False
        if standing.condemned:
            return True
        standing.alone_s += self._loop.time() - since
        standing.condemned = standing.alone_s > self._policy.budget_s
        return standing.condemned


def _refusal(answer: Answer | Unreachable) -> Refusal:
    if isinstance(answer, Answer):
        return read_refusal(answer.status, answer.body)
    return Refusal(503, "", f"no answer ({answer})")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
