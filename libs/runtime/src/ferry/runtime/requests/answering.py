"""Answers requests: no input ends the service, and every failure is a problem."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import nats.errors
import structlog
from faststream.nats import NatsBroker, NatsMessage
from nats.aio.client import Client
from pydantic import BaseModel, ValidationError

from ferry.contract.problems import ERROR_CODE_HEADER, ERROR_HEADER, Problem, ProblemError
from ferry.runtime.requests.durations import Durations
from ferry.runtime.requests.endpoints import Endpoint
from ferry.runtime.requests.inboxes import Inboxes

Asked = TypeVar("Asked", bound=BaseModel)
Handler = Callable[[Asked], Awaitable[BaseModel | bytes]]
"""A handler that answers bytes has encoded the JSON itself."""

AT_ONCE = 64
"""Requests that one subject of a replica works on at the same time."""
LONGEST_TITLE, LONGEST_WORDS, MOST_ALLOWED = 200, 2000, 100
"""Characters, and entries: a problem names fields that the caller chose, and must itself fit into a message."""

_log = structlog.get_logger(__name__)


def serve(
    broker: NatsBroker,
    endpoint: Endpoint,
    handler: Handler[Asked],
    inboxes: Inboxes,
    durations: Durations,
    *,
    timeout_s: float,
) -> None:
    """Answers `endpoint.subject`; the replicas of its queue share the work."""

    async def receive(message: NatsMessage) -> None:
        raw = message.raw_message
        if isinstance(raw, list) or not inboxes.accept(endpoint.subject, raw.reply):
            return
        begun = time.perf_counter_ns()
        client: Client = broker.config.broker_config.connection_state.connection
        answer = await _answer(endpoint, message.body, handler, timeout_s, client.max_payload)
        problem = answer if isinstance(answer, Problem) else None
        took_ns = time.perf_counter_ns() - begun
        endpoint.count(problem, took_ns)
        durations.record(endpoint.subject, problem, took_ns / 1e9)
        body, headers = _encoded(answer) if isinstance(answer, Problem) else (answer, None)
        try:
            await inboxes.answer(client, raw.reply, body, headers)
        except (nats.errors.Error, OSError) as error:  # the bus went away meanwhile
            _log.warning(
                "answer.lost", subject=endpoint.subject, failed=bool(problem), error=type(error).__name__
            )

    # no_reply: FastStream would otherwise answer to a `reply_to` header, a subject of the sender's choice.
    # The decoder leaves the body alone: by default it follows the sender's content-type header.
    subscriber = broker.subscriber(
        endpoint.subject,
        queue=endpoint.queue,
        no_reply=True,
        title=endpoint.subject,
        max_workers=AT_ONCE,
        decoder=_undecoded,
    )
    subscriber(receive)


async def _undecoded(message: NatsMessage) -> bytes:
    return message.body


async def _answer(
    endpoint: Endpoint, body: bytes, handler: Handler[Asked], timeout_s: float, max_payload: int
) -> bytes | Problem:
    try:
        request = endpoint.request.model_validate_json(body or b"{}")
    except ValidationError as error:
        return ProblemError.invalid(error, endpoint.request).problem
    try:
        async with asyncio.timeout(timeout_s):
            answer = await handler(request)  # type: ignore[arg-type] # Service.serve pairs the two
        encoded = answer if isinstance(answer, bytes) else answer.model_dump_json(exclude_none=True).encode()
    except Exception as error:  # noqa: BLE001 - every failure is answered
        return _problem(endpoint.subject, error)
    if len(encoded) > max_payload:
        _log.warning("answer.too_large", subject=endpoint.subject, bytes=len(encoded))
        return too_large(len(encoded), max_payload)
    return encoded


def _problem(subject: str, error: Exception) -> Problem:
    if isinstance(error, ProblemError):
        return error.problem
    if isinstance(error, TimeoutError | nats.errors.Error):
        _log.warning("request.timeout", subject=subject, error=type(error).__name__)
        return ProblemError.of(
            "timeout", 504, "the request took too long", hint="try again; the log shows what it waited for"
        ).problem
    # A ValidationError among them: what the handler itself could not read is no fault of the caller's.
    _log.error("request.failed", subject=subject, exc_info=error)
    return ProblemError.of(
        "internal",
        500,
        "the service failed to process this request",
        detail=type(error).__name__,
        hint="the service's log has the cause",
    ).problem


def too_large(size: int, max_payload: int) -> Problem:
    return ProblemError.of(
        "too-large",
        413,
        f"the answer has {size} bytes, and a message at most {max_payload}",
        hint="ask for less at once, such as a smaller `limit`",
    ).problem


def _encoded(problem: Problem) -> tuple[bytes, dict[str, str]]:
    cut = problem.model_copy(
        update={
            "title": _text(problem.title, LONGEST_TITLE),
            "detail": _text(problem.detail, LONGEST_WORDS),
            "field": _text(problem.field, LONGEST_TITLE) if problem.field else None,
            "hint": _text(problem.hint, LONGEST_WORDS) if problem.hint else None,
            "allowed": [_text(item, LONGEST_TITLE) for item in problem.allowed[:MOST_ALLOWED]]
            if problem.allowed
            else None,
        }
    )
    headers = {ERROR_CODE_HEADER: str(problem.status), ERROR_HEADER: " ".join(cut.title.split())}
    return cut.model_dump_json(exclude_none=True).encode(), headers


def _text(text: str, longest: int) -> str:
    """The encodable part, at most `longest` characters."""
    cut = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return cut.encode(errors="backslashreplace").decode()
