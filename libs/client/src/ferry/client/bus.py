"""Requests to Ferry's services, for who asks once and wants to hear at once what is wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import nats.errors
from nats.aio.client import Client
from pydantic import BaseModel, ValidationError

from ferry.client.connection import denial, open_client
from ferry.client.errors import NotConnectedError
from ferry.client.settings import NatsSettings
from ferry.contract.problems import ANSWER_S, ProblemError, no_answer, no_service, read_answer

Answer = TypeVar("Answer", bound=BaseModel)
PATIENCE_S = 5.0
"""More than the service has: its own reason comes before our time-out."""


class Bus:
    client: Client

    def __init__(self, settings: NatsSettings) -> None:
        self.settings = settings
        self._asking: dict[asyncio.Future[ProblemError], str] = {}

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
        refused: asyncio.Future[ProblemError] = asyncio.get_running_loop().create_future()
        self._asking[refused] = subject
        reply = asyncio.ensure_future(self.client.request(subject, body, timeout=timeout_s))
        try:
            both: tuple[asyncio.Future[Any], ...] = (reply, refused)
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                raise refused.result()
            answered = reply.result()
        except nats.errors.NoRespondersError:
            raise no_service(subject) from None
        except (TimeoutError, nats.errors.TimeoutError):
            raise no_answer(subject, timeout_s) from None
        except nats.errors.MaxPayloadError:
            raise ProblemError.of("too-large", 413, "the request is larger than the server takes") from None
        except nats.errors.Error as error:
            raise NotConnectedError.saying("the connection to NATS was lost", detail=str(error)) from None
        finally:
            del self._asking[refused]
            reply.cancel()
        try:
            return read_answer(answered.data, answered.headers, answer)
        except ValidationError as error:
            detail = ProblemError.invalid(error).problem.detail
            hint = "are the service and this command of one version? `ferry doctor` shows both"
            raise ProblemError.of(
                "bad-answer", 502, f"{subject} answered what is not in the contract", detail=detail, hint=hint
            ) from None

    def noticed(self, error: Exception) -> None:
        """What nats-py reports beside a request: a denial is the answer of whoever asks there."""
        found = denial(error)
        for waiting, subject in self._asking.items():
            if found and not waiting.done() and (found.verb == "subscribe" or found.forbids(subject)):
                waiting.set_result(found.error(self.settings, subject if found.verb == "publish" else None))

    def lost(self) -> None:
        for waiting in self._asking:
            if not waiting.done():
                waiting.set_result(
                    NotConnectedError.saying("the connection to NATS was lost", hint="try again")
                )


@asynccontextmanager
async def connect(settings: NatsSettings) -> AsyncIterator[Bus]:
    """Raises FerryError when no server answers within 3 s, or refuses us."""
    bus = Bus(settings)
    bus.client = await open_client(
        bus.settings, name="ferry-command", on_error=bus.noticed, on_closed=bus.lost
    )
    try:
        yield bus
    finally:
        await bus.client.close()
