"""Sends a request to a service: returns the entity, or raises its problem."""

from typing import TypeVar

import nats.errors
from nats.aio.client import Client
from opentelemetry import propagate
from pydantic import BaseModel

from ferry.contract.problems import no_answer, no_service, read_answer

Answer = TypeVar("Answer", bound=BaseModel)


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
