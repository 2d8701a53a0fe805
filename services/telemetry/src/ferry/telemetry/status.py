"""Status on its way to the cloud: what was published, and the `on` that readings imply."""

import asyncio
import contextlib
import json
from collections.abc import Callable

from ferry.clouds.thingplus.paths import status_path
from ferry.contract.dead import Reason
from ferry.contract.subjects import Address
from ferry.telemetry.cloud import Answer
from ferry.telemetry.held import Held, Verdict
from ferry.telemetry.known import Known, LookupFailed
from ferry.telemetry.lane import Standing
from ferry.telemetry.sender import Outcome, Sender
from ferry.telemetry.series import Settle
from ferry.telemetry.status_lane import VALID_INTERVALS, StatusLane, left_s

NowMs = Callable[[], int]
"""The bus's time, in Unix ms."""


class _Expired(Exception):  # noqa: N818 - a state, not a bug
    """Nothing is left of the validity."""


NOT_FOUND = 404
NOT_ON = frozenset({"off", "err"})


class StatusForwarder:
    def __init__(self, sender: Sender, known: Known, settle: Settle, grace_s: float, now_ms: NowMs) -> None:
        self.expired = 0
        self._now_ms = now_ms
        self._sender = sender
        self._known = known
        self._settle = settle
        self._grace_s = grace_s

    async def forward(self, lane: StatusLane, key: str, fence: Callable[[], None]) -> None:
        """Sends the latest until none waits. Raises Fenced."""
        address = lane.address
        while lane.waiting is not None:
            interval_ms = await self._known.wait_interval_ms(address.gateway, self._grace_s)
            if interval_ms is None:
                self._doom(lane, Verdict(Reason.UNKNOWN_GATEWAY, "the registry does not know the gateway"))
                continue
            if address.sensor and not await self._known.wait_sensor(
                address.gateway, address.sensor, self._grace_s
            ):
                self._doom(lane, Verdict(Reason.UNKNOWN_SENSOR, "the registry does not know the sensor"))
                continue
            await self._send_latest(lane, key, interval_ms, fence)

    async def _send_latest(
        self, lane: StatusLane, key: str, interval_ms: int, fence: Callable[[], None]
    ) -> None:
        path = status_path(lane.address.gateway, lane.address.sensor)
        sent: list[tuple[Held, str, float]] = []

        async def call(bearer: str) -> Answer:
            waiting = lane.waiting  # read at each attempt: the latest wins even over one that is retried
            if waiting is None:
                raise _Expired
            now_ms = self._now_ms()
            valid_s = left_s(waiting, interval_ms, now_ms)
            if valid_s == 0:
                raise _Expired
            sent[:] = [(waiting.held, waiting.value, now_ms + valid_s * 1000)]
            return await self._sender.cloud.put(path, _body(waiting.value, valid_s), bearer)

        try:
            outcome = await self._sender.until_decided(lane.standing, key, call, fence)
        except _Expired:
            if lane.waiting:
                self.expired += 1
                self._settle(lane.waiting.held)
                lane.waiting = None
            return
        held, value, ends_ms = sent[0]
        if outcome.kind == "delivered":
            lane.not_on_until_ms = ends_ms if value in NOT_ON else 0.0
        if lane.waiting and lane.waiting.held is held:
            lane.waiting = None
            held.verdict = _verdict(outcome)
            self._settle(held)

    def _doom(self, lane: StatusLane, verdict: Verdict) -> None:
        if lane.waiting:
            lane.waiting.held.verdict = verdict
            self._settle(lane.waiting.held)
            lane.waiting = None


class ImpliedStatus:
    """A reading says that its sensor and gateway are on, once per `reportInterval`, unless they speak themselves.

    Only a fresh reading does: what waited through an outage says nothing about now.
    """

    def __init__(self, sender: Sender, known: Known, now_ms: NowMs) -> None:
        self._now_ms = now_ms
        self._not_on_until_ms: dict[tuple[str, str | None], float] = {}
        self._sender = sender
        self._known = known
        self._next: dict[tuple[str, str | None], float] = {}
        self._loop = asyncio.get_running_loop()

    def due(self, gateway: str, sensor: str | None) -> bool:
        """Not while the cloud is in trouble: what was published goes first."""
        return self._sender.gate.open and self._loop.time() >= self._next.get((gateway, sensor), 0.0)

    async def imply(
        self, address: Address, published_ms: int, own: StatusLane | None, fence: Callable[[], None]
    ) -> None:
        """Sends `on` where the cloud does not hold a valid `off` or `err`. Raises Fenced.

        `own` is the lane of what the entity says itself.
        """
        entity = (address.gateway, address.sensor)
        try:
            interval_ms = await self._known.report_interval_ms(address.gateway)
        except LookupFailed:
            return
        if interval_ms is None:
            return
        interval_s = interval_ms / 1000
        first = entity not in self._next
        self._next[entity] = self._loop.time() + interval_s
        heard = own.heard if own else 0.0
        speaks_itself = heard and self._loop.time() - heard < 2 * interval_s
        not_on_until_ms = max(own.not_on_until_ms if own else 0.0, self._not_on_until_ms.get(entity, 0.0))
        ends_ms = published_ms + VALID_INTERVALS * interval_ms
        if speaks_itself or max(not_on_until_ms, ends_ms - VALID_INTERVALS * interval_ms) > self._now_ms():
            return
        if ends_ms <= self._now_ms():
            return
        path = status_path(address.gateway, address.sensor)
        standing = Standing(address.gateway, address.sensor, condemned=True)
        if first:
            until_ms = await self._not_on_at_cloud(path, standing, fence)
            if until_ms is None:
                self._next.pop(entity, None)  # what is not known is asked again, not overwritten
                return
            self._not_on_until_ms[entity] = until_ms
            if until_ms > self._now_ms():
                return

        async def call(bearer: str) -> Answer:
            valid_s = round((ends_ms - self._now_ms()) / 1000)
            if valid_s <= 0:
                raise _Expired
            return await self._sender.cloud.put(path, _body("on", valid_s), bearer)

        with contextlib.suppress(_Expired):
            await self._sender.until_decided(standing, path, call, fence, ask_once=True)

    async def _not_on_at_cloud(
        self, path: str, standing: Standing, fence: Callable[[], None]
    ) -> float | None:
        """Until when the cloud holds a valid `off` or `err`, in Unix ms; 0 for none, None where it cannot be told."""

        async def call(bearer: str) -> Answer:
            return await self._sender.cloud.get(path, {}, bearer)

        outcome = await self._sender.until_decided(standing, path, call, fence, ask_once=True)
        if outcome.refusal is not None and outcome.refusal.status == NOT_FOUND:
            return 0.0  # it never had a status
        if outcome.kind != "delivered" or outcome.answer is None:
            return None
        return not_on_until_ms(outcome.answer.body)


def not_on_until_ms(body: bytes) -> float | None:
    """Of a status answer: the leaf itself, or its entity with the leaf under `status` (facts). None: unreadable."""
    try:
        data = json.loads(body)["data"]
        leaf = data.get("status", data)
        if "value" not in leaf:
            return 0.0  # it never had a status
        expires = int(leaf.get("expireAt", -1))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if leaf["value"] not in NOT_ON:
        return 0.0
    return float("inf") if expires < 0 else float(expires)


def _verdict(outcome: Outcome) -> Verdict | None:
    if outcome.kind == "delivered":
        return None
    refusal = outcome.refusal
    reasons = {"exhausted": Reason.RETRIES_EXHAUSTED, "gone": Reason.UNKNOWN_GATEWAY}
    reason = reasons.get(outcome.kind, Reason.REFUSED)
    if outcome.gone == "sensor":
        reason = Reason.UNKNOWN_SENSOR
    return Verdict(
        reason, refusal.words if refusal else "", refusal.status if refusal else None, outcome.attempts
    )


def _body(value: str, valid_s: int) -> bytes:
    return b'{"value":"%b","validDuration":%d}' % (value.encode(), valid_s)
