"""Requests over the bus, both sides: an answer is an entity, a failure is the contract's problem."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import nats.errors
import structlog
from faststream.nats import NatsBroker, NatsMessage
from nats.aio.client import Client
from opentelemetry import propagate
from pydantic import BaseModel, ValidationError

from ferry.contract.problems import (
    ERROR_CODE_HEADER,
    ERROR_HEADER,
    Problem,
    ProblemError,
    no_answer,
    no_service,
    read_answer,
)

Asked = TypeVar("Asked", bound=BaseModel)
Answer = TypeVar("Answer", bound=BaseModel)

_log = structlog.get_logger(__name__)


def serve(
    broker: NatsBroker,
    service: str,
    subject: str,
    request: type[Asked],
    handler: Callable[[Asked], Awaitable[BaseModel | bytes]],
    *,
    timeout_s: float,
) -> None:
    """Answers `subject`; replicas share the work. Nothing a caller sends can end the service.

    A handler that answers bytes has encoded the JSON itself.
    """

    async def call(message: NatsMessage) -> None:
        raw = message.raw_message
        if isinstance(raw, list) or not raw.reply:
            return
        client = broker.config.broker_config.connection_state.connection
        try:
            async with asyncio.timeout(timeout_s):
                answer = await handler(request.model_validate_json(message.body or b"{}"))
            body = answer if isinstance(answer, bytes) else answer.model_dump_json(exclude_none=True).encode()
            await raw.respond(body)
        except Exception as error:  # noqa: BLE001 - the caller is told, whatever it was
            problem = _problem(subject, error)
            await client.publish(
                raw.reply,
                problem.model_dump_json(exclude_none=True).encode(),
                headers={ERROR_CODE_HEADER: str(problem.status), ERROR_HEADER: _one_line(problem.title)},
            )

    # no_reply: FastStream would otherwise answer to a `reply_to` header, a subject of the sender's choice.
    broker.subscriber(subject, queue=f"ferry-{service}", no_reply=True, title=subject, max_workers=64)(call)


def _problem(subject: str, error: Exception) -> Problem:
    if isinstance(error, ProblemError):
        return error.problem
    if isinstance(error, ValidationError):
        return ProblemError.invalid(error).problem
    if isinstance(error, TimeoutError | nats.errors.Error):
        _log.warning("request.timeout", subject=subject, error=type(error).__name__)
        return ProblemError.of(
            "timeout", 504, "the request took too long", hint="try again; the log says what it waited for"
        ).problem
    _log.error("request.failed", subject=subject, exc_info=error)
    return ProblemError.of(
        "internal", 500, "the service failed on this request", detail=type(error).__name__
    ).problem


def _one_line(text: str) -> str:
    return " ".join(text.split())


async def ask(
    client: Client,
    subject: str,
    request: BaseModel,
    answer: type[Answer],
    *,
    timeout_s: float = 10.0,
) -> Answer:
    """Asks a service. Raises ProblemError: its own, 503 when nobody serves, 504 after `timeout_s`."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    body = request.model_dump_json(exclude_none=True).encode()
    try:
        reply = await client.request(subject, body, timeout=timeout_s, headers=headers or None)
    except nats.errors.NoRespondersError:
        raise no_service(subject) from None
    except (TimeoutError, nats.errors.TimeoutError):
        raise no_answer(subject, timeout_s) from None
    return read_answer(reply.data, reply.headers, answer)
