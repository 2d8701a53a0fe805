"""Reads back what the cloud has after an ambiguous failure. An answer that is not understood proves nothing."""

from collections.abc import Callable
from dataclasses import dataclass

from ferry.clouds.thingplus.answers import Reply
from ferry.clouds.thingplus.series import MOST_POINTS, Series, Value, read_latest, read_series, series_query
from ferry.telemetry.delivery.outcome import Ask, Outcome
from ferry.telemetry.delivery.requests import Requests
from ferry.telemetry.lanes.health import LaneHealth
from ferry.telemetry.lanes.queued import QueuedPoint

MAX_PAGES = 8
"""Of 10,080 points each: more than one publication can have between its first and its last point."""

Read = Callable[[bytes, int], Series | None]
"""An answer's points; None where it is not understood."""


@dataclass(slots=True)
class ReadBack:
    """`points` by time in Unix ms; `newest` is the sensor's newest time, -1 where it has none."""

    points: dict[int, Value]
    newest: int = -1


class Unverified(Exception):  # noqa: N818 - a state of the cloud
    """The read-back was refused or not understood, for as long as retries are allowed."""

    def __init__(self, words: str, refusal: Reply | None, attempts: int) -> None:
        super().__init__(words)
        self.words = words
        self.refusal = refusal
        self.attempts = attempts


class Deferred(Exception):  # noqa: N818 - a state, not a bug
    """Nothing is decided: the lane should wait so long, in s, without keeping memory."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


async def read_back(
    requests: Requests,
    health: LaneHealth,
    path: str,
    points: list[QueuedPoint],
    check_lease: Callable[[], None],
) -> ReadBack:
    """The cloud's points between the first and the last of `points`, and its newest.

    Raises LeaseLost, Deferred and Unverified.
    """

    async def ask(query: dict[str, str], read: Read) -> Series:
        understood = Ask(lambda answer: read(answer.body, answer.status) is not None)
        outcome = await requests.until_decided(
            health, lambda bearer: requests.cloud.get(path, query, bearer), check_lease, understood
        )
        if outcome.kind == "deferred":
            raise Deferred(outcome.wait_s)
        series = _series(outcome, read)
        if series is None:
            words = outcome.refusal.words if outcome.refusal else "not understood"
            raise Unverified(f"the read-back proves nothing: {words}", outcome.refusal, outcome.attempts)
        return series

    first, last = points[0].time, points[-1].time
    found = ReadBack({})
    for _ in range(MAX_PAGES):
        page = await ask(series_query(first, last), read_series)
        found.points |= page.points
        if page.latest is not None:
            found.newest = max(found.newest, page.latest[0])
        within = [time for time in page.points if first <= time <= last]
        if len(within) < MOST_POINTS:
            break
        first = max(within) + 1
    else:
        raise Unverified("the read-back has too many points", None, 1)
    if found.newest < 0 and not all(point.time in found.points for point in points):
        found.points |= (await ask({}, read_latest)).points
    found.newest = max(found.newest, *found.points, -1)
    return found


def _series(outcome: Outcome, read: Read) -> Series | None:
    if outcome.kind != "delivered" or outcome.answer is None:
        return None
    return read(outcome.answer.body, outcome.answer.status)
