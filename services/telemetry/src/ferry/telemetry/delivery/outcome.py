"""A request to the cloud and its outcome."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

import msgspec

from ferry.clouds.thingplus.answers import Reply
from ferry.telemetry.delivery.entities import Gone
from ferry.telemetry.delivery.ports import Answer

OutcomeKind = Literal["delivered", "past_time", "refused", "too_large", "gone", "exhausted", "deferred"]


class Outcome(msgspec.Struct):
    """`past_time`, `refused` and `too_large` speak of what was sent; `gone` of its sensor or gateway.

    `deferred`: nothing is decided, and the lane should wait `wait_s` without keeping memory.
    """

    kind: OutcomeKind
    refusal: Reply | None = None
    attempts: int = 1
    answer: Answer | None = None
    gone: Gone | None = None
    wait_s: float = 0.0


Call = Callable[[str], Awaitable[Answer]]
"""One request with this Authorization header. Raises Unreachable."""


@dataclass(frozen=True, slots=True)
class Ask:
    """`understood`: whether a 2xx says what was asked for; another is tried again.

    `once`: a refusal of the entity is the answer, as where it has no status yet.
    """

    understood: Callable[[Answer], bool] = lambda _: True
    once: bool = False


PLAIN = Ask()
