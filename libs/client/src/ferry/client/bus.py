"""Requests to Ferry's services and to NATS itself, with immediate and clear errors."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import TypeVar

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from pydantic import BaseModel, ValidationError

from ferry.client.connection import denial, open_client
from ferry.client.errors import NotConnectedError
from ferry.client.settings import NatsSettings
from ferry.contract.problems import ANSWER_S, ProblemError, no_answer, no_service, read_answer

Answer = TypeVar("Answer", bound=BaseModel)
R = TypeVar("R")
PATIENCE_S = 5.0
"""More than the service has: its own reason comes before our time-out."""
MOST_ANSWERS = 512
NOBODY = "503"
"""The server's status where nobody listens."""
QUIET_S = 0.3
"""Who asks everybody has heard all when nobody has answered for so long."""


class Bus:
    client: Client

    def __init__(self, settings: NatsSettings) -> None:
        self.settings = settings
        self._waiting: dict[asyncio.Future[ProblemError], str | None] = {}

    async def ask(
        self,
        subject: str,
        request: BaseModel,
        answer: type[Answer],
        *,
        timeout_s: float = ANSWER_S + PATIENCE_S,
    ) -> Answer:
        """Raises ProblemError: the service's own, 403 not permitted, 503 when nobody serves, 504 after `timeout_s`."""
        body = request.model_dump_json(exclude_none=True).encode()
        answered = await self.request(subject, body, timeout_s=timeout_s)
        try:
            return read_answer(answered.data, answered.headers, answer)
        except ValidationError as error:
            detail = ProblemError.invalid(error).problem.detail
            hint = "do the service and this command have the same version? `ferry doctor` shows both"
            raise ProblemError.of(
                "bad-answer",
                502,
                f"{subject} sent an answer that does not follow the contract",
                detail=detail,
                hint=hint,
            ) from None

    async def request(self, subject: str, body: bytes = b"", *, timeout_s: float) -> Msg:
        """The answer, whatever it says. Raises ProblemError as `ask` does, for what came from nobody."""
        try:
            return await self.unless_refused(self.client.request(subject, body, timeout=timeout_s), subject)
        except nats.errors.NoRespondersError:
            raise no_service(subject) from None
        except (TimeoutError, nats.errors.TimeoutError):
            raise no_answer(subject, timeout_s) from None
        except nats.errors.MaxPayloadError:
            raise ProblemError.of("too-large", 413, "the request is larger than the server accepts") from None
        except nats.errors.Error as error:
            raise _lost(str(error)) from None

    async def everybody(self, subject: str, *, within_s: float) -> list[bytes]:
        """All answers to one request, until it has been quiet, at most MOST_ANSWERS. Raises ProblemError as `ask`."""
        inbox = self.client.new_inbox()
        try:
            subscription = await self.client.subscribe(inbox, max_msgs=MOST_ANSWERS)
            try:
                await self.client.publish(subject, b"", reply=inbox)
                return await self.unless_refused(_until_quiet(subscription, within_s), subject)
            finally:
                await subscription.unsubscribe()
        except nats.errors.Error as error:
            raise _lost(str(error)) from None

    async def unless_refused(self, work: Awaitable[R], subject: str | None = None) -> R:
        """What the work brings; a right that the server denies meanwhile ends it at once.

        `subject`, which may have wildcards, is what the work sends to; without it any denial counts.
        Raises ProblemError for that and for a lost connection, and what the work raises.
        """
        refused: asyncio.Future[ProblemError] = asyncio.get_running_loop().create_future()
        self._waiting[refused] = subject
        running = asyncio.ensure_future(work)
        try:
            await asyncio.wait((running, refused), return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                raise refused.result()
            return running.result()
        finally:
            del self._waiting[refused]
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def noticed(self, error: Exception) -> None:
        """What nats-py reports besides answers: a denial ends the request that caused it."""
        found = denial(error)
        for waiting, subject in self._waiting.items():
            concerns = found and (found.verb == "subscribe" or subject is None or found.forbids(subject))
            if found and concerns and not waiting.done():
                exact = subject if found.verb == "publish" and "*" not in (subject or "*") else None
                waiting.set_result(found.error(self.settings, exact))

    def lost(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(_lost(""))


def _lost(detail: str) -> NotConnectedError:
    return NotConnectedError.saying("the connection to NATS was lost", detail=detail, hint="try again")


async def _until_quiet(subscription: Subscription, within_s: float) -> list[bytes]:
    found: list[bytes] = []
    deadline = asyncio.get_running_loop().time() + within_s
    while len(found) < MOST_ANSWERS:
        left = deadline - asyncio.get_running_loop().time()
        try:
            message = await subscription.next_msg(timeout=min(left, QUIET_S) if found else left)
        except (TimeoutError, nats.errors.TimeoutError):
            return found
        if (message.headers or {}).get("Status") == NOBODY:
            return found
        found.append(message.data)
    return found


@asynccontextmanager
async def connect(settings: NatsSettings, *, reconnects: bool = False) -> AsyncIterator[Bus]:
    """Raises FerryError when no server answers within 3 s, or refuses us. `reconnects` for work of minutes."""
    bus = Bus(settings)
    bus.client = await open_client(
        bus.settings, name="ferry-command", on_error=bus.noticed, on_closed=bus.lost, reconnects=reconnects
    )
    try:
        yield bus
    finally:
        await bus.client.close()
