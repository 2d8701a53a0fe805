"""Everything that the console requests, receives and publishes on the bus."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol, TypeVar

import nats.errors
from nats.aio.msg import Msg
from pydantic import BaseModel, ValidationError

from ferry.contract.console import ActionStarted
from ferry.contract.problems import ProblemError
from ferry.runtime.requests import ask
from ferry.runtime.service import Service

Answer = TypeVar("Answer", bound=BaseModel)
Verb = Literal["started", "finished"]
Take = Callable[[str, bytes], None]
"""A subject and a body; never raises."""
MOST_PENDING, MOST_PENDING_BYTES = 5000, 2 * 1024 * 1024
"""Of what was published and not yet taken: beyond it some is not seen."""
ASK_S = 10.0
LONGEST_ASK_S = 35.0
"""A service answers within 30 s, with a problem if need be."""


class Bus(Protocol):
    async def ask(
        self, subject: str, request: BaseModel, answer: type[Answer], *, timeout_s: float = ASK_S
    ) -> Answer:
        """Raises ProblemError, whatever went wrong."""

    async def listen(self, subject: str, take: Take) -> Callable[[], Awaitable[None]]:
        """Hands on what is published from now on, until what it returns is called. Raises ProblemError."""

    async def tell(self, verb: Verb, action: ActionStarted) -> None:
        """Returns once the event is stored. Raises ProblemError."""


class NatsBus:
    """Implements Bus as the service's own user."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def ask(
        self, subject: str, request: BaseModel, answer: type[Answer], *, timeout_s: float = ASK_S
    ) -> Answer:
        try:
            return await ask(self._service.nats, subject, request, answer, timeout_s=timeout_s)
        except ValidationError as error:
            title = f"the answer to {subject} is not what the contract says"
            raise ProblemError.of("bad-answer", 502, title, detail=f"{error.error_count()} fields") from None
        except (nats.errors.Error, OSError) as error:
            raise _no_bus(type(error).__name__) from None

    async def listen(self, subject: str, take: Take) -> Callable[[], Awaitable[None]]:
        async def hear(message: Msg) -> None:
            take(message.subject, message.data)

        try:
            heard = await self._service.nats.subscribe(
                subject, cb=hear, pending_msgs_limit=MOST_PENDING, pending_bytes_limit=MOST_PENDING_BYTES
            )
        except (nats.errors.Error, OSError) as error:
            raise _no_bus(type(error).__name__) from None

        async def stop() -> None:
            with contextlib.suppress(nats.errors.Error, OSError):  # an unreachable bus has already dropped it
                await heard.unsubscribe()

        return stop

    async def tell(self, verb: Verb, action: ActionStarted) -> None:
        try:
            await self._service.events.store("action", verb, action)
        except (nats.errors.Error, OSError) as error:
            raise _no_bus(f"the event could not be stored: {type(error).__name__}") from None


def _no_bus(detail: str) -> ProblemError:
    return ProblemError.of("no-bus", 503, "NATS does not answer", detail=detail, hint="is NATS running?")
