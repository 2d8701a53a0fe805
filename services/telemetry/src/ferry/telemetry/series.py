"""A sensor's readings, from its lane to the cloud: coalesced, in order, compared when in doubt."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from ferry.clouds.thingplus.paths import series_path
from ferry.contract.dead import Reason
from ferry.telemetry.held import Held, Verdict
from ferry.telemetry.lane import Dot, Lane, body_of, chunks, close, doom
from ferry.telemetry.lanes.values import same_value
from ferry.telemetry.read_back import Unverified, read_back
from ferry.telemetry.sender import Outcome, Sender

REFUSES_AN_ARRAY = frozenset({"refused", "past_time", "too_large"})
Settle = Callable[[Held], None]
Carrying = Callable[[list[Dot]], AbstractContextManager[object]]
"""Around each request: whose points it carries, for traces."""


class SeriesForwarder:
    """`settle` acks a message, or dead-letters it when it carries a verdict."""

    def __init__(
        self, sender: Sender, settle: Settle, max_points: int, max_bytes: int, carrying: Carrying
    ) -> None:
        self._sender = sender
        self._settle = settle
        self._max_points = max_points
        self._max_bytes = max_bytes
        self._carrying = carrying

    async def forward(self, lane: Lane, key: str, dots: list[Dot], fence: Callable[[], None]) -> None:
        """Returns when the outcome of every point is final and told. Raises Fenced."""
        path = series_path(lane.address.gateway, str(lane.address.sensor))
        left = list(reversed(chunks(dots, self._max_points, self._max_bytes)))
        compared: list[list[Dot]] = []
        while left:
            chunk = left.pop()
            if len(chunk) > lane.max_points:
                left += reversed(chunks(chunk, lane.max_points, self._max_bytes))
                continue
            if lane.last is not None and chunk[0].time <= lane.last.time:
                chunk = await self._compare(lane, key, path, chunk, fence)
                if not chunk:
                    continue
            with self._carrying(chunk):
                outcome = await self._sender.put(lane.standing, key, path, body_of(chunk), fence)
            if outcome.kind == "delivered":
                lane.delivered(chunk)
                self._close(chunk)
            elif outcome.kind == "past_time" and not any(chunk is rest for rest in compared):
                rest = await self._compare(lane, key, path, chunk, fence)
                if rest:
                    compared.append(rest)
                    left.append(rest)
            elif outcome.kind in REFUSES_AN_ARRAY and len(chunk) > 1:
                # An array is refused whole: halve it until the bad reading is alone.
                left += lane.halve(chunk, too_large=outcome.kind == "too_large")
            else:
                lane.found_bad()
                self._doom(chunk, _verdict(outcome))

    def _close(self, dots: list[Dot]) -> None:
        for dot in dots:
            for held in close(dot):
                self._settle(held)

    def _doom(self, dots: list[Dot], verdict: Verdict) -> None:
        for dot in dots:
            for held in doom(dot, verdict):
                self._settle(held)

    async def _compare(
        self, lane: Lane, key: str, path: str, dots: list[Dot], fence: Callable[[], None]
    ) -> list[Dot]:
        """What the cloud has already is done; what is older than its newest is out of order; the rest is sent."""
        try:
            there = await read_back(self._sender, lane.standing, key, path, dots, fence)
        except Unverified as error:
            status = error.refusal.status if error.refusal else None
            self._doom(dots, Verdict(Reason.UNVERIFIED, error.words, status, error.attempts))
            return []
        newest = there.newest
        rest: list[Dot] = []
        for dot in dots:
            if dot.time > newest:
                rest.append(dot)
            elif dot.time in there.points and same_value(dot.value, there.points[dot.time]):
                self._close([dot])
            elif dot.implicit:
                newest += 1
                dot.time = newest
                rest.append(dot)
            else:
                detail = f"the cloud is at {newest} already and " + (
                    "has another value for" if dot.time in there.points else "does not have"
                )
                self._doom([dot], Verdict(Reason.OUT_OF_ORDER, f"{detail} time {dot.time}", 400))
        lane.raise_last(newest)
        return rest


def _verdict(outcome: Outcome) -> Verdict:
    refusal = outcome.refusal
    words = refusal.words if refusal else ""
    status = refusal.status if refusal else None
    if outcome.kind == "exhausted":
        return Verdict(Reason.RETRIES_EXHAUSTED, words, status, outcome.attempts)
    if outcome.kind == "gone":
        reason = Reason.UNKNOWN_GATEWAY if outcome.gone == "gateway" else Reason.UNKNOWN_SENSOR
        return Verdict(
            reason, f"the {outcome.gone} is gone from the cloud: {words}", status, outcome.attempts
        )
    return Verdict(Reason.REFUSED, words, status, outcome.attempts)
