"""Sends a published status to the cloud: the latest wins, with its remaining validity."""

from collections.abc import Callable

from ferry.clouds.thingplus.paths import status_path
from ferry.telemetry.clock import NowMs
from ferry.telemetry.delivery.ports import Answer
from ferry.telemetry.delivery.read_back import Deferred
from ferry.telemetry.delivery.requests import Requests
from ferry.telemetry.delivery.series import Settle, Traced, cause_of
from ferry.telemetry.lanes.status_lane import StatusLane, Waiting, left_s

NOT_ON = frozenset({"off", "err"})


class Expired(Exception):  # noqa: N818 - a state, not a bug
    """Nothing is left of the validity."""


class StatusForwarder:
    """`expired` counts statuses that were not sent because their validity was over."""

    def __init__(self, requests: Requests, now_ms: NowMs, traced: Traced) -> None:
        self.expired = 0
        self._now_ms = now_ms
        self._requests = requests
        self._traced = traced

    async def forward(
        self, lane: StatusLane, interval_ms: int, settle: Settle, check_lease: Callable[[], None]
    ) -> None:
        """Sends the latest. Raises LeaseLost, and Deferred where nothing is decided."""
        path = status_path(lane.address.gateway, lane.address.sensor)
        sent: list[tuple[Waiting, float]] = []

        async def call(bearer: str) -> Answer:
            waiting = lane.waiting  # read at each attempt: the latest wins even over one that is retried
            if waiting is None:
                raise Expired
            now_ms = self._now_ms()
            valid_s = left_s(waiting, interval_ms, now_ms)
            if valid_s == 0:
                raise Expired
            sent[:] = [(waiting, now_ms + valid_s * 1000)]
            return await self._requests.cloud.put(path, status_body(waiting.value, valid_s), bearer)

        try:
            with self._traced([lane.waiting.delivery] if lane.waiting else []):
                outcome = await self._requests.until_decided(lane.health, call, check_lease)
        except Expired:
            if lane.waiting:
                self.expired += 1
                lane.finished = max(lane.finished, lane.waiting.delivery.sequence)
                settle(lane.waiting.delivery)
                lane.waiting = None
            return
        if outcome.kind == "deferred":
            raise Deferred(outcome.wait_s)
        waiting, ends_ms = sent[0]
        if outcome.kind == "delivered":
            lane.not_on_until_ms = ends_ms if waiting.value in NOT_ON else 0.0
        else:
            waiting.delivery.cause = cause_of(outcome)
        lane.finished = max(lane.finished, waiting.delivery.sequence)
        if lane.waiting is waiting:
            lane.waiting = None
            settle(waiting.delivery)


def status_body(value: str, valid_s: int) -> bytes:
    """The guide's body, chapter 8; `valid_s` in whole s."""
    return b'{"value":"%b","validDuration":%d}' % (value.encode(), valid_s)
