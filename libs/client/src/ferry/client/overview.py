"""The state of all services, asked concurrently: one that does not answer is shown as such and delays nobody."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pydantic import BaseModel

from ferry.client import services
from ferry.client.services import Instance
from ferry.contract import auth, subjects, telemetry
from ferry.contract.problems import ProblemError
from ferry.contract.telemetry import DeadCount

ANSWER_S = 5.0
Answer = TypeVar("Answer", bound=BaseModel)
R = TypeVar("R")


class Asking(services.Everybody, Protocol):
    async def ask(
        self, subject: str, request: BaseModel, answer: type[Answer], *, timeout_s: float
    ) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Overview:
    """What was answered, or why not."""

    instances: list[Instance] | ProblemError
    auth: auth.AuthState | ProblemError
    telemetry: telemetry.State | ProblemError
    dead: DeadCount | ProblemError

    def of(self, service: str) -> list[Instance]:
        found = [] if isinstance(self.instances, ProblemError) else self.instances
        return [one for one in found if one.service == service]

    @property
    def names(self) -> list[str]:
        """The services that must be there, then the others that are."""
        found = [] if isinstance(self.instances, ProblemError) else self.instances
        return [*services.NAMES, *sorted({one.service for one in found} - set(services.NAMES))]

    def why_silent(self, service: str) -> str | None:
        """Why nothing is known about it; None if it answered, even with a problem."""
        if self.of(service):
            return None
        said = {"auth": self.auth, "telemetry": self.telemetry}.get(service)
        if said is not None and not isinstance(said, ProblemError):
            return None
        if isinstance(self.instances, ProblemError):
            return f"not asked: {self.instances}"
        return "does not answer"


async def seen(bus: Asking, within_s: float = ANSWER_S) -> Overview:
    instances, tokens, state, dead = await asyncio.gather(
        _or_problem(services.running(bus, within_s)),
        _or_problem(
            bus.ask(subjects.AUTH_STATE_GET, auth.StateRequest(), auth.AuthState, timeout_s=within_s)
        ),
        _or_problem(
            bus.ask(
                subjects.TELEMETRY_STATE_GET, telemetry.StateRequest(), telemetry.State, timeout_s=within_s
            )
        ),
        _or_problem(
            bus.ask(subjects.TELEMETRY_DEAD_COUNT, telemetry.DeadFilter(), DeadCount, timeout_s=within_s)
        ),
    )
    return Overview(instances, tokens, state, dead)


async def _or_problem(work: Awaitable[R]) -> R | ProblemError:
    try:
        return await work
    except ProblemError as error:
        return error
