"""The `on` that a reading implies for its sensor and gateway, once per `reportInterval`.

Only a fresh reading does: what waited through an outage says nothing about now.
"""

import asyncio
import contextlib
import json
import math
from collections.abc import Callable

from ferry.clouds.thingplus.paths import status_path
from ferry.contract.subjects import Address
from ferry.telemetry.clock import NowMs
from ferry.telemetry.delivery.outcome import Ask
from ferry.telemetry.delivery.ports import Answer
from ferry.telemetry.delivery.requests import Requests
from ferry.telemetry.delivery.status import NOT_ON, Expired, status_body
from ferry.telemetry.lanes.health import LaneHealth
from ferry.telemetry.lanes.implied import ImpliedMemory
from ferry.telemetry.lanes.status_lane import VALID_INTERVALS, StatusLane
from ferry.telemetry.registration.ports import LookupFailed
from ferry.telemetry.registration.registered import Registered

NOT_FOUND = 404
ONCE = Ask(once=True)


class ImpliedStatus:
    """Nothing is implied where the entity says its status itself, or the cloud holds a valid `off` or `err`."""

    def __init__(self, requests: Requests, registered: Registered, now_ms: NowMs) -> None:
        self._now_ms = now_ms
        self._requests = requests
        self._registered = registered
        self._loop = asyncio.get_running_loop()

    def due(self, memory: ImpliedMemory, gateway: str, sensor: str | None) -> bool:
        """Not while the cloud is in trouble: what was published goes first."""
        return self._requests.gate.open and self._loop.time() >= memory.next_at.get((gateway, sensor), 0.0)

    async def imply(
        self,
        memory: ImpliedMemory,
        address: Address,
        published_ms: int,
        own: Callable[[], StatusLane | None],
        check_lease: Callable[[], None],
    ) -> None:
        """Sends `on` where nothing forbids it. `own`: the lane of what the entity says itself. Raises LeaseLost."""
        entity = (address.gateway, address.sensor)
        if not self.due(memory, *entity):
            return  # another reading was quicker
        first = entity not in memory.next_at
        memory.next_at[entity] = math.inf
        interval_ms = await self._interval_ms(address.gateway)
        if interval_ms is None:
            del memory.next_at[entity]
            return
        memory.next_at[entity] = self._loop.time() + interval_ms / 1000
        seen_ms = memory.not_on_until_ms.get(entity, 0.0)
        ends_ms = published_ms + VALID_INTERVALS * interval_ms

        def is_said_otherwise() -> bool:
            return self._is_said_otherwise(seen_ms, published_ms, interval_ms, own())

        if ends_ms <= self._now_ms() or is_said_otherwise():
            return
        health = LaneHealth(address.subject, address.gateway, address.sensor, over_budget=True)
        if first:
            until_ms = await self._not_on_at_cloud(address, health, check_lease)
            if until_ms is None:
                memory.next_at.pop(entity, None)  # what is not known is asked again, not overwritten
                return
            memory.not_on_until_ms[entity] = until_ms
            if until_ms > self._now_ms():
                return
        with contextlib.suppress(Expired):
            await self._send_on(address, health, ends_ms, check_lease, is_said_otherwise)

    async def _interval_ms(self, gateway: str) -> int | None:
        try:
            return await self._registered.report_interval_ms(gateway)
        except LookupFailed:
            return None

    def _is_said_otherwise(
        self, seen_ms: float, published_ms: int, interval_ms: int, own: StatusLane | None
    ) -> bool:
        """By the entity itself of late, by a valid `off` or `err`, or by a reading from the future."""
        if own and own.heard and self._loop.time() - own.heard < 2 * interval_ms / 1000:
            return True
        not_on_until_ms = max(own.not_on_until_ms if own else 0.0, seen_ms)
        return max(not_on_until_ms, published_ms) > self._now_ms()

    async def _send_on(
        self,
        address: Address,
        health: LaneHealth,
        ends_ms: float,
        check_lease: Callable[[], None],
        is_said_otherwise: Callable[[], bool],
    ) -> None:
        path = status_path(address.gateway, address.sensor)

        async def call(bearer: str) -> Answer:
            valid_s = round((ends_ms - self._now_ms()) / 1000)
            if valid_s <= 0 or is_said_otherwise():  # the entity may have spoken since the cloud was asked
                raise Expired
            return await self._requests.cloud.put(path, status_body("on", valid_s), bearer)

        await self._requests.until_decided(health, call, check_lease, ONCE)

    async def _not_on_at_cloud(
        self, address: Address, health: LaneHealth, check_lease: Callable[[], None]
    ) -> float | None:
        """Until when the cloud holds a valid `off` or `err`, in Unix ms; 0 for none, None if unknown."""
        path = status_path(address.gateway, address.sensor)

        async def call(bearer: str) -> Answer:
            return await self._requests.cloud.get(path, {}, bearer)

        outcome = await self._requests.until_decided(health, call, check_lease, ONCE)
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
