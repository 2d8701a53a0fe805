"""One request until its outcome is final: token, gate, retries in order, and what the cloud's answer means."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from ferry.clouds.thingplus.answers import Kind, Reply, read_reply
from ferry.telemetry.cloud import Answer, Cloud, Unreachable
from ferry.telemetry.entities import Entities, Gone
from ferry.telemetry.gate import Gate
from ferry.telemetry.lane import Standing
from ferry.telemetry.limiter import Failures

CREDENTIALS_PAUSE_S = 1.0
OPEN_BACK_OFF_S = 5.0
"""Where the cloud itself may be away, lanes that sleep longer than this would delay the recovery."""
OTHERS_S = 60.0
"""Who got through within this time shows that the cloud is there."""
TOO_MANY_REQUESTS = 429


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
    """`past_time`, `refused` and `too_large` speak of what was sent; `gone` of its sensor or gateway."""

    kind: Literal["delivered", "past_time", "refused", "too_large", "gone", "exhausted"]
    refusal: Reply | None = None
    attempts: int = 1
    answer: Answer | None = None
    gone: Gone | None = None


_OF_THE_READING: dict[Kind, Literal["past_time", "refused", "too_large"]] = {
    Kind.PAST_TIME: "past_time",
    Kind.READING: "refused",
    Kind.TOO_LARGE: "too_large",
}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Full jitter between 0 and a doubling bound. Times in s."""

    base_s: float
    cap_s: float
    budget_s: float
    pause_max_s: float = 120.0
    accept_any_json: bool = False

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
        self._entities = Entities(cloud)
        self._loop = asyncio.get_running_loop()

    async def put(
        self, standing: Standing, key: str, path: str, body: bytes, fence: Callable[[], None]
    ) -> Outcome:
        """Sends until the cloud has decided. Raises Fenced when the partition was lost meanwhile."""

        async def call(bearer: str) -> Answer:
            return await self.cloud.put(path, body, bearer)

        return await self.until_decided(standing, key, call, fence)

    async def until_decided(
        self,
        standing: Standing,
        key: str,
        call: Call,
        fence: Callable[[], None],
        understood: Callable[[Answer], bool] = lambda _: True,
        *,
        ask_once: bool = False,
    ) -> Outcome:
        """`understood`: whether a 2xx says what was asked for; another is tried again. Raises Fenced.

        `ask_once`: a refusal of the entity is the answer, as where it has no status yet.
        """
        attempt = 0
        rejected_once = False
        since = self._loop.time()
        while True:
            fence()
            bearer = await self._bearer()
            failing = standing.failing
            await self.gate.enter(failing=failing)
            attempt += 1
            try:
                fence()
                answer = await self._attempt(call, bearer.header)
            except BaseException:
                self.gate.abandon(failing=failing)
                raise
            reply = self._read(answer, understood)
            if reply.kind is Kind.DELIVERED:
                self._succeeded(standing, key, failing=failing)
                return Outcome("delivered", None, attempt, answer if isinstance(answer, Answer) else None)
            if reply.kind is Kind.BEARER and not rejected_once:
                rejected_once = True
                self.gate.abandon(failing=failing)
                await self._reject(bearer.generation)
                continue
            if of_the_reading := _OF_THE_READING.get(reply.kind):
                self.gate.leave_good(key, failing=failing)
                standing.failing = False
                return Outcome(of_the_reading, reply, attempt)
            if ask_once and reply.kind is Kind.ENTITY:
                self.gate.abandon(failing=failing)
                return Outcome("refused", reply, attempt)
            rejected_once = False
            self._failed(key, reply, answer, failing=failing)
            if reply.kind is Kind.ENTITY and (gone := await self._gone(standing, key, bearer.header)):
                return Outcome("gone", reply, attempt, gone=gone)
            if self._is_exhausted(standing, key, since, reply):
                return Outcome("exhausted", reply, attempt)
            since = self._loop.time()
            await self.gate.back_off(self._wait_s(key, attempt, answer))

    def _read(self, answer: Answer | Unreachable, understood: Callable[[Answer], bool]) -> Reply:
        if isinstance(answer, Unreachable):
            return Reply(Kind.RETRY, 0, "", f"no answer: {answer}")
        any_json = self._policy.accept_any_json
        reply = read_reply(answer.status, answer.body, answer.content_type, accept_any_json=any_json)
        if reply.kind is Kind.DELIVERED and not understood(answer):
            return Reply(Kind.FOREIGN, answer.status, "", "a series that is not understood", "another shape")
        return reply

    def _succeeded(self, standing: Standing, key: str, *, failing: bool) -> None:
        self.gate.leave_good(key, failing=failing)
        standing.failing = standing.condemned = False
        standing.alone_s = 0.0
        standing.refused_at = None

    def _failed(self, key: str, reply: Reply, answer: Answer | Unreachable, *, failing: bool) -> None:
        self.retries += 1
        cause = reply.words
        self._errors.note(_now_ms(), f"{key}: {cause}")
        waits = answer.retry_after_s if isinstance(answer, Answer) else None
        account = reply.kind is Kind.ACCOUNT
        self.gate.leave_failed(key, cause, waits, failing=failing, account=account)
        if reply.status == TOO_MANY_REQUESTS:
            self.gate.pause(CREDENTIALS_PAUSE_S if waits is None else waits, cause)

    def _wait_s(self, key: str, attempt: int, answer: Answer | Unreachable) -> float:
        """The lane's own back-off; a legal `Retry-After` makes it longer, for this lane."""
        wait_s = self._policy.wait_s(attempt)
        others_get_through = self.gate.others_since(self._loop.time() - OTHERS_S, key)
        if not self.gate.open or not others_get_through:
            wait_s = min(wait_s, OPEN_BACK_OFF_S)
        if isinstance(answer, Answer) and answer.retry_after_s is not None:
            wait_s = max(wait_s, min(answer.retry_after_s, self._policy.pause_max_s))
        return wait_s

    async def _gone(self, standing: Standing, key: str, bearer: str) -> Gone | None:
        """Whether the entity is gone from the cloud. The same for most lanes at once is an outage, not that."""
        standing.refused_at = standing.refused_at or self._loop.time()
        self.gate.refuse_entity(key)
        gone = await self._entities.gone(standing.gateway, standing.sensor, bearer)
        if gone is None or self.gate.most_are_refused(standing.refused_at, key):
            return None
        self.gate.believe_gone(key)
        return gone

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
                self.gate.pause(CREDENTIALS_PAUSE_S, f"no token: {error}")
                await asyncio.sleep(random.uniform(0.5, 1) * CREDENTIALS_PAUSE_S)  # noqa: S311 - no secret

    async def _reject(self, generation: int) -> None:
        try:
            await self._tokens.reject(generation)
        except NoToken as error:
            self._errors.note(_now_ms(), f"no token: {error}")

    def _is_exhausted(self, standing: Standing, key: str, since: float, reply: Reply) -> bool:
        """A budget runs only while the cloud answers others; a refused account is never the reading's fault."""
        standing.failing = True
        gate = self.gate
        if reply.kind in (Kind.ACCOUNT, Kind.BEARER) or not gate.open or not gate.others_since(since, key):
            return False
        if reply.kind is Kind.ENTITY and gate.most_are_refused(standing.refused_at or since, key):
            return False
        if standing.condemned:
            return True
        standing.alone_s += self._loop.time() - since
        standing.condemned = standing.alone_s > self._policy.budget_s
        return standing.condemned


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
