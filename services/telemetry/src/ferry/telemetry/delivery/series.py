"""Sends a sensor's readings from its lane to the cloud: coalesced, in order, compared after ambiguous failures."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import AbstractContextManager
from typing import Any

from ferry.clouds.thingplus.paths import series_path
from ferry.contract.dead import Reason
from ferry.telemetry.delivery.outcome import Outcome
from ferry.telemetry.delivery.ports import Answer
from ferry.telemetry.delivery.read_back import Deferred, Unverified, read_back
from ferry.telemetry.delivery.requests import Requests
from ferry.telemetry.lanes.queued import QueuedPoint, body_of, chunks
from ferry.telemetry.lanes.series_lane import SeriesLane
from ferry.telemetry.lanes.values import same_value
from ferry.telemetry.stream.delivery import Cause, Delivery

REFUSES_AN_ARRAY = frozenset({"refused", "past_time", "too_large"})
Settle = Callable[[Delivery], None]
"""Acks a delivery, or stores its dead letter where it has a cause."""
Traced = Callable[[Iterable[Delivery]], AbstractContextManager[object]]
"""Around the requests for these deliveries, for traces."""


class SeriesForwarder:
    def __init__(self, requests: Requests, max_points: int, max_bytes: int, traced: Traced) -> None:
        self._requests = requests
        self._max_points = max_points
        self._max_bytes = max_bytes
        self._traced = traced

    async def forward(
        self, lane: SeriesLane, points: list[QueuedPoint], settle: Settle, check_lease: Callable[[], None]
    ) -> None:
        """Returns when the outcome of every point is final. Raises LeaseLost, and Deferred where some are not."""
        path = series_path(lane.address.gateway, str(lane.address.sensor))
        left = list(reversed(chunks(points, self._max_points, self._max_bytes)))
        while left:
            chunk = left.pop()
            if len(chunk) > lane.max_points:
                left += reversed(chunks(chunk, lane.max_points, self._max_bytes))
                continue
            if chunk[0].time <= lane.last_ms:
                chunk = await self._compare(lane, path, chunk, settle, check_lease)
                if not chunk:
                    continue
            with self._traced(delivery for point in chunk for delivery in point.deliveries):
                outcome = await self._put(lane, path, body_of(chunk), check_lease)
            if outcome.kind == "delivered":
                lane.delivered(chunk)
                _finish(chunk, settle)
            elif outcome.kind == "deferred":
                raise Deferred(outcome.wait_s)
            elif (
                outcome.kind == "past_time"
                and (rest := await self._later(lane, path, chunk, settle, check_lease)) is not None
            ):
                left += [rest] if rest else []
            elif outcome.kind in REFUSES_AN_ARRAY and len(chunk) > 1:
                # An array is refused as one: halve it until the bad reading is alone.
                left += lane.halve(chunk, too_large=outcome.kind == "too_large")
            else:
                lane.found_bad()
                fail(chunk, cause_of(outcome), settle)

    def _put(
        self, lane: SeriesLane, path: str, body: bytes, check_lease: Callable[[], None]
    ) -> Coroutine[Any, Any, Outcome]:
        def call(bearer: str) -> Awaitable[Answer]:
            return self._requests.cloud.put(path, body, bearer)

        return self._requests.until_decided(lane.health, call, check_lease)

    async def _later(
        self,
        lane: SeriesLane,
        path: str,
        points: list[QueuedPoint],
        settle: Settle,
        check_lease: Callable[[], None],
    ) -> list[QueuedPoint] | None:
        """What is left to send; None where their times are not why the cloud refused them."""
        times = [point.time for point in points]
        rest = await self._compare(lane, path, points, settle, check_lease)
        return None if [point.time for point in rest] == times else rest

    async def _compare(
        self,
        lane: SeriesLane,
        path: str,
        points: list[QueuedPoint],
        settle: Settle,
        check_lease: Callable[[], None],
    ) -> list[QueuedPoint]:
        """What the cloud has already is done; what is older than its newest is out of order; the rest is sent."""
        try:
            there = await read_back(self._requests, lane.health, path, points, check_lease)
        except Unverified as error:
            status = error.refusal.status if error.refusal else None
            fail(points, Cause(Reason.UNVERIFIED, error.words, status, error.attempts), settle)
            return []
        newest = there.newest
        rest: list[QueuedPoint] = []
        for point in points:
            if point.time > newest:
                rest.append(point)
            elif point.time in there.points and same_value(point.value, there.points[point.time]):
                _finish([point], settle)
            elif point.implicit:
                newest += 1
                point.time = newest
                rest.append(point)
            else:
                detail = f"the cloud is at {newest} already and " + (
                    "has another value for" if point.time in there.points else "does not have"
                )
                fail([point], Cause(Reason.OUT_OF_ORDER, f"{detail} time {point.time}", 400), settle)
        lane.raise_last(there.newest)
        return rest


def _finish(points: list[QueuedPoint], settle: Settle) -> None:
    for point in points:
        for delivery in point.finish():
            settle(delivery)


def fail(points: list[QueuedPoint], cause: Cause, settle: Settle) -> None:
    """None of them can be delivered, for this cause."""
    for point in points:
        for delivery in point.fail(cause):
            settle(delivery)


def cause_of(outcome: Outcome) -> Cause:
    """Of the dead letter, where the outcome is none that delivers."""
    refusal = outcome.refusal
    words = refusal.words if refusal else ""
    status = refusal.status if refusal else None
    if outcome.kind == "exhausted":
        return Cause(Reason.RETRIES_EXHAUSTED, words, status, outcome.attempts)
    if outcome.kind == "gone":
        reason = Reason.UNKNOWN_GATEWAY if outcome.gone == "gateway" else Reason.UNKNOWN_SENSOR
        detail = f"the {outcome.gone} is gone from the cloud: {words}"
        return Cause(reason, detail, status, outcome.attempts)
    return Cause(Reason.REFUSED, words, status, outcome.attempts)
