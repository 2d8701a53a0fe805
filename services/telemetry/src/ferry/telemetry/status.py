"""Status on its way to the cloud: what was published, and the `on` that readings imply."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable

from ferry.clouds.thingplus_wire import status_path
from ferry.contract.dead import Reason
from ferry.contract.subjects import Address
from ferry.telemetry.cloud import Answer
from ferry.telemetry.held import Held, Verdict
from ferry.telemetry.known import Known, LookupFailed
from ferry.telemetry.lane import Standing
from ferry.telemetry.sender import Outcome, Sender
from ferry.telemetry.series import Settle
from ferry.telemetry.status_lane import VALID_INTERVALS, StatusLane, left_s


class _Expired(Exception):  # noqa: N818 - a state, not a bug
    """Nothing is left of the validity."""


class StatusForwarder:
    def __init__(self, sender: Sender, known: Known, settle: Settle, grace_s: float) -> None:
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
        sent: list[Held] = []

        async def call(bearer: str) -> Answer:
            waiting = lane.waiting  # read at each attempt: the latest wins even over one that is retried
            if waiting is None:
                raise _Expired
            valid_s = left_s(waiting, interval_ms, _now_ms())
            if valid_s == 0:
                raise _Expired
            sent[:] = [waiting.held]
            return await self._sender.cloud.put(path, _body(waiting.value, valid_s), bearer)

        try:
            outcome = await self._sender.until_decided(lane.standing, key, call, fence)
        except _Expired:
            if lane.waiting:
                self._settle(lane.waiting.held)
                lane.waiting = None
            return
        held = sent[0]
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

    def __init__(self, sender: Sender, known: Known) -> None:
        self._sender = sender
        self._known = known
        self._next: dict[tuple[str, str | None], float] = {}
        self._loop = asyncio.get_running_loop()

    def due(self, gateway: str, sensor: str | None) -> bool:
        return self._loop.time() >= self._next.get((gateway, sensor), 0.0)

    async def imply(
        self, address: Address, published_ms: int, heard: float, fence: Callable[[], None]
    ) -> None:
        """Sends `on` where the cloud does not hold a valid `off` or `err`. Raises Fenced."""
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
        speaks_itself = heard and self._loop.time() - heard < 2 * interval_s
        ends_ms = published_ms + VALID_INTERVALS * interval_ms
        if speaks_itself or ends_ms <= _now_ms():
            return
        path = status_path(address.gateway, address.sensor)
        standing = Standing(condemned=True)
        if first and await self._says_otherwise(path, standing, fence):
            return

        async def call(bearer: str) -> Answer:
            valid_s = round((ends_ms - _now_ms()) / 1000)
            if valid_s <= 0:
                raise _Expired
            return await self._sender.cloud.put(path, _body("on", valid_s), bearer)

        with contextlib.suppress(_Expired):
            await self._sender.until_decided(standing, path, call, fence)

    async def _says_otherwise(self, path: str, standing: Standing, fence: Callable[[], None]) -> bool:
        """What the entity's own status was before this replica came: it is not overwritten while valid."""

        async def call(bearer: str) -> Answer:
            return await self._sender.cloud.get(path, {}, bearer)

        outcome = await self._sender.until_decided(standing, path, call, fence)
        if outcome.kind != "delivered" or outcome.answer is None:
            return False
        try:
            data = json.loads(outcome.answer.body)["data"]
            expires = int(data["expireAt"])
            return data["value"] in {"off", "err"} and (expires < 0 or expires > _now_ms())
        except (ValueError, KeyError, TypeError):
            return False


def _verdict(outcome: Outcome) -> Verdict | None:
    if outcome.kind == "delivered":
        return None
    refusal = outcome.refusal
    reason = Reason.RETRIES_EXHAUSTED if outcome.kind == "exhausted" else Reason.REFUSED
    return Verdict(
        reason, refusal.words if refusal else "", refusal.status if refusal else None, outcome.attempts
    )


def _body(value: str, valid_s: int) -> bytes:
    return b'{"value":"%b","validDuration":%d}' % (value.encode(), valid_s)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
