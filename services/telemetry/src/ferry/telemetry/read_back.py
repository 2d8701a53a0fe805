"""What the cloud has of a sensor, read back after a doubt. An answer that is not understood proves nothing."""

from collections.abc import Callable
from dataclasses import dataclass

from ferry.clouds.thingplus.answers import Reply
from ferry.clouds.thingplus.series import MOST_POINTS, Series, Value, read_series, series_query
from ferry.telemetry.cloud import Answer
from ferry.telemetry.lane import Dot, Standing
from ferry.telemetry.sender import Outcome, Sender

MAX_PAGES = 8
"""Of 10,080 points each: more than one publication can have between its first and its last point."""


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


async def read_back(
    sender: Sender, standing: Standing, key: str, path: str, dots: list[Dot], fence: Callable[[], None]
) -> ReadBack:
    """The cloud's points between the first and the last of `dots`, and its newest. Raises Fenced and Unverified."""

    async def ask(query: dict[str, str]) -> Series:
        outcome = await sender.until_decided(
            standing,
            key,
            lambda bearer: sender.cloud.get(path, query, bearer),
            fence,
            understood=_is_understood,
        )
        series = _series(outcome)
        if series is None:
            words = outcome.refusal.words if outcome.refusal else "not understood"
            raise Unverified(f"the read-back proves nothing: {words}", outcome.refusal, outcome.attempts)
        return series

    first, last = dots[0].time, dots[-1].time
    found = ReadBack({})
    for _ in range(MAX_PAGES):
        page = await ask(series_query(first, last))
        found.points |= page.points
        if page.latest is not None:
            found.newest = max(found.newest, page.latest[0])
        within = [time for time in page.points if first <= time <= last]
        if len(within) < MOST_POINTS:
            break
        first = max(within) + 1
    else:
        raise Unverified("the read-back has too many points", None, 1)
    if found.newest < 0 and not all(dot.time in found.points for dot in dots):
        found.points |= (await ask({})).points
    found.newest = max(found.newest, *found.points, -1)
    return found


def _is_understood(answer: Answer) -> bool:
    return read_series(answer.body, answer.status) is not None


def _series(outcome: Outcome) -> Series | None:
    if outcome.kind != "delivered" or outcome.answer is None:
        return None
    return read_series(outcome.answer.body, outcome.answer.status)
