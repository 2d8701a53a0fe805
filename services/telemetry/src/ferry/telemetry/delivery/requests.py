"""Runs one request until its outcome is final: token, gate, retries in order, meaning of the cloud's answer."""

import asyncio
import random
from collections.abc import Callable
from typing import Literal

from ferry.clouds.thingplus.answers import Kind, Reply, read_reply
from ferry.telemetry.clock import NowMs
from ferry.telemetry.delivery.entities import Entities, Gone
from ferry.telemetry.delivery.limits.gate import Gate
from ferry.telemetry.delivery.outcome import PLAIN, Ask, Call, Outcome
from ferry.telemetry.delivery.ports import Answer, Bearer, Cloud, NoToken, Tokens, Unreachable
from ferry.telemetry.delivery.retries import OPEN_BACK_OFF_S, RetryPolicy
from ferry.telemetry.lanes.health import LaneHealth
from ferry.telemetry.operators.errors import ForeignAnswers, LastErrors

NO_TOKEN_PAUSE_S = 1.0
OTHERS_S = 60.0
"""Who got through within this time shows that the cloud is there."""
DEFER_S = 1.0
"""A wait from this long on is left to the lane where memory is short."""
TOO_MANY_REQUESTS = 429

_OF_THE_READING: dict[Kind, Literal["past_time", "refused", "too_large"]] = {
    Kind.PAST_TIME: "past_time",
    Kind.READING: "refused",
    Kind.TOO_LARGE: "too_large",
}


class Requests:
    """`is_crowded_for`: whether lanes of a gateway that wait should give up their memory."""

    def __init__(
        self,
        cloud: Cloud,
        tokens: Tokens,
        gate: Gate,
        policy: RetryPolicy,
        errors: LastErrors,
        now_ms: NowMs,
        is_crowded_for: Callable[[str], bool],
    ) -> None:
        self.cloud = cloud
        self.gate = gate
        self.foreign = ForeignAnswers()
        self.sent = 0
        self.retries = 0
        self._tokens = tokens
        self._policy = policy
        self._errors = errors
        self._now_ms = now_ms
        self._is_crowded_for = is_crowded_for
        self._entities = Entities(cloud)
        self._loop = asyncio.get_running_loop()

    async def until_decided(
        self, health: LaneHealth, call: Call, check_lease: Callable[[], None], ask: Ask = PLAIN
    ) -> Outcome:
        """Asks until the cloud has decided. Raises LeaseLost when the partition was lost meanwhile."""
        rejected_once = False
        since = self._loop.time()
        while True:
            try:
                bearer = await self._tokens.bearer()
            except NoToken as error:
                bearer = await self._wait_for_token(error)
            failing = health.failing
            if failing and not self.gate.open and self._is_crowded_for(health.gateway):
                return Outcome("deferred", wait_s=OPEN_BACK_OFF_S)
            if not self.gate.try_enter(failing=failing):
                asked = self._loop.time()
                await self.gate.enter(health.gateway, failing=failing)
                since += self._loop.time() - asked  # an outage is not taken from the lane's budget
            health.attempts += 1
            try:
                check_lease()
                self.sent += 1
                answer: Answer | Unreachable = await call(bearer.header)
            except Unreachable as error:
                answer = error
            except BaseException:
                self.gate.abandon(failing=failing)
                raise
            reply = self._read(answer, ask)
            if reply.kind is Kind.BEARER and not rejected_once:
                rejected_once = True
                self.gate.abandon(failing=failing)
                await self._reject(bearer.generation)
                continue
            if (outcome := self._decided(health, reply, answer, ask, failing=failing)) is not None:
                return outcome
            rejected_once = False
            outcome = await self._failed(health, reply, answer, bearer, since, failing=failing)
            if outcome.kind != "deferred" or (
                outcome.wait_s >= DEFER_S and self._is_crowded_for(health.gateway)
            ):
                return outcome
            since = self._loop.time()
            await self.gate.back_off(outcome.wait_s)
            check_lease()

    def _read(self, answer: Answer | Unreachable, ask: Ask) -> Reply:
        if isinstance(answer, Unreachable):
            return Reply(Kind.RETRY, 0, "", f"no answer: {answer}")
        any_json = self._policy.accept_any_json
        reply = read_reply(answer.status, answer.body, answer.content_type, accept_any_json=any_json)
        if reply.kind is Kind.DELIVERED and not ask.understood(answer):
            reply = Reply(Kind.FOREIGN, answer.status, "", "a series that is not understood", "another shape")
        if reply.content_type:
            self.foreign.note(answer.status, reply.content_type)
        return reply

    def _decided(
        self, health: LaneHealth, reply: Reply, answer: Answer | Unreachable, ask: Ask, *, failing: bool
    ) -> Outcome | None:
        attempts = health.attempts
        if reply.kind is Kind.DELIVERED:
            self.gate.leave_good(health.key, failing=failing)
            health.recovered()
            return Outcome("delivered", None, attempts, answer if isinstance(answer, Answer) else None)
        if of_the_reading := _OF_THE_READING.get(reply.kind):
            self.gate.leave_good(health.key, failing=failing)
            health.failing, health.attempts = False, 0
            return Outcome(of_the_reading, reply, attempts)
        if ask.once and reply.kind is Kind.ENTITY:
            self.gate.abandon(failing=failing)
            return Outcome("refused", reply, attempts)
        return None

    async def _failed(
        self,
        health: LaneHealth,
        reply: Reply,
        answer: Answer | Unreachable,
        bearer: Bearer,
        since: float,
        *,
        failing: bool,
    ) -> Outcome:
        """What a failure that may pass means for the lane: gone, exhausted, or another attempt after a wait."""
        self.retries += 1
        health.last_words = reply.words
        self._errors.note(self._now_ms(), f"{health.key}: {reply.words}")
        retry_after_s = answer.retry_after_s if isinstance(answer, Answer) else None
        self.gate.leave_failed(
            health.key, reply.words, retry_after_s, failing=failing, account=reply.kind is Kind.ACCOUNT
        )
        if reply.status == TOO_MANY_REQUESTS:
            self.gate.pause(NO_TOKEN_PAUSE_S if retry_after_s is None else retry_after_s, reply.words)
        if reply.kind is Kind.ENTITY and (gone := await self._gone(health, bearer.header)):
            return Outcome("gone", reply, health.attempts, gone=gone)
        if self._is_exhausted(health, since, reply):
            return Outcome("exhausted", reply, health.attempts)
        cloud_works = self.gate.open and self.gate.others_since(self._loop.time() - OTHERS_S, health.key)
        wait_s = self._policy.wait_s(health.attempts, cloud_works=cloud_works, retry_after_s=retry_after_s)
        return Outcome("deferred", reply, health.attempts, wait_s=wait_s)

    async def _gone(self, health: LaneHealth, bearer: str) -> Gone | None:
        """Whether the entity is gone from the cloud. The same for most lanes at once is an outage, not that."""
        health.refused_since = health.refused_since or self._loop.time()
        self.gate.refuse_entity(health.key)
        gone = await self._entities.gone(health.gateway, health.sensor, bearer)
        if gone is None or self.gate.most_are_refused(health.refused_since, health.key):
            return None
        self.gate.believe_gone(health.key)
        return gone

    async def _wait_for_token(self, error: NoToken) -> Bearer:
        while True:
            self._pause(error)
            await asyncio.sleep(random.uniform(0.5, 1) * NO_TOKEN_PAUSE_S)  # noqa: S311 - no secret
            try:
                return await self._tokens.bearer()
            except NoToken as again:
                error = again

    async def _reject(self, generation: int) -> None:
        """Where there is no newer token the cloud pauses: auth gives the refused one again until it has another."""
        try:
            await self._tokens.reject(generation)
        except NoToken as error:
            self._pause(error)

    def _pause(self, error: NoToken) -> None:
        self._errors.note(self._now_ms(), f"no token: {error}")
        self.gate.pause(NO_TOKEN_PAUSE_S, f"no token: {error}")

    def _is_exhausted(self, health: LaneHealth, since: float, reply: Reply) -> bool:
        """A budget runs only while the cloud answers others; a refused account is never the reading's fault."""
        health.failing = True
        gate = self.gate
        others_get_through = gate.open and gate.others_since(since, health.key)
        if reply.kind in (Kind.ACCOUNT, Kind.BEARER) or not others_get_through:
            return False
        if reply.kind is Kind.ENTITY and gate.most_are_refused(health.refused_since or since, health.key):
            return False
        if health.over_budget:
            return True
        health.failing_alone_s += self._loop.time() - since
        health.over_budget = health.failing_alone_s > self._policy.budget_s
        return health.over_budget
