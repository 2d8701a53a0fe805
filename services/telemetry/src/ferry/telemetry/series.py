"""A sensor's readings, from its lane to the cloud: coalesced, in order, compared when in doubt."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import msgspec

from ferry.clouds.thingplus_wire import read_points, series_path
from ferry.contract.dead import Reason
from ferry.telemetry.cloud import Answer, Unreachable
from ferry.telemetry.held import Held, Verdict
from ferry.telemetry.lane import Dot, Lane, body_of, chunks, close, doom
from ferry.telemetry.sender import Outcome, Sender

READ_BACK_PAGE = 4000
"""The most points that a list of Thing+ takes (facts)."""
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
        """Returns when the fate of every point is known and told. Raises Fenced."""
        path = series_path(lane.address.gateway, str(lane.address.sensor))
        left = list(reversed(chunks(dots, self._max_points, self._max_bytes)))
        compared: list[list[Dot]] = []
        while left:
            chunk = left.pop()
            if lane.last is not None and chunk[0].time <= lane.last.time:
                chunk = await self._compare(lane, key, path, chunk, fence)
                if not chunk:
                    continue
            with self._carrying(chunk):
                outcome = await self._sender.put(lane.standing, key, path, body_of(chunk), fence)
            if outcome.kind == "delivered":
                lane.last = chunk[-1]
                self._close(chunk)
            elif outcome.kind == "past_time" and not any(chunk is known for known in compared):
                rest = await self._compare(lane, key, path, chunk, fence)
                if rest:
                    compared.append(rest)
                    left.append(rest)
            elif outcome.kind != "exhausted" and len(chunk) > 1:
                # An array is refused whole: halve it until the bad reading is alone.
                middle = len(chunk) // 2
                left += [chunk[middle:], chunk[:middle]]
            else:
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
        there = await self._read_back(lane, key, path, dots, fence)
        newest = max(there, default=-1)
        rest: list[Dot] = []
        for dot in dots:
            if dot.time > newest:
                rest.append(dot)
            elif dot.time in there and _same(there[dot.time], dot.value):
                self._close([dot])
            elif dot.implicit and newest - dot.time < 1000:  # noqa: PLR2004 - one burst, in ms
                newest += 1
                dot.time = newest
                rest.append(dot)
            else:
                detail = f"the cloud is at {newest} already and " + (
                    "has another value for" if dot.time in there else "does not have"
                )
                self._doom([dot], Verdict(Reason.OUT_OF_ORDER, f"{detail} time {dot.time}", 400))
        if newest >= 0 and (lane.last is None or newest > lane.last.time):
            lane.last = Dot(newest, b"", [], implicit=False)
        return rest

    async def _read_back(
        self, lane: Lane, key: str, path: str, dots: list[Dot], fence: Callable[[], None]
    ) -> dict[int, object]:
        """The cloud's points from the first to the last of `dots`, and its newest one."""
        there: dict[int, object] = {}
        await self._ask(lane, key, path, {}, there, fence)
        span = {"dataStart": str(dots[0].time), "dataEnd": str(dots[-1].time), "count": str(READ_BACK_PAGE)}
        page, shown = 0, READ_BACK_PAGE
        while shown >= READ_BACK_PAGE - 1:  # one may be known already; a cut list would make dead letters
            before = len(there)
            await self._ask(lane, key, path, {**span, "page": str(page)}, there, fence)
            page, shown = page + 1, len(there) - before
        return there

    async def _ask(
        self,
        lane: Lane,
        key: str,
        path: str,
        query: dict[str, str],
        there: dict[int, object],
        fence: Callable[[], None],
    ) -> None:
        cloud = self._sender.cloud

        async def call(bearer: str) -> Answer:
            answer = await cloud.get(path, query, bearer)
            if answer.ok:
                _read_into(there, answer)
            return answer

        await self._sender.until_decided(lane.standing, key, call, fence)


def _read_into(there: dict[int, object], answer: Answer) -> None:
    """Raises Unreachable for a body that is no answer: it is asked for again."""
    try:
        there |= read_points(answer.body)
    except (ValueError, TypeError, RecursionError):
        raise Unreachable("a series that is none") from None


def _verdict(outcome: Outcome) -> Verdict:
    refusal = outcome.refusal
    words = refusal.words if refusal else ""
    status = refusal.status if refusal else None
    if outcome.kind == "exhausted":
        return Verdict(Reason.RETRIES_EXHAUSTED, words, status, outcome.attempts)
    return Verdict(Reason.REFUSED, words, status, outcome.attempts)


def _same(there: object, value: bytes) -> bool:
    """Values as the cloud shows them: a string, a number where it was one, or an object."""
    ours = msgspec.json.decode(value)
    return ours == there or (isinstance(ours, str) and not isinstance(there, dict) and ours == str(there))
