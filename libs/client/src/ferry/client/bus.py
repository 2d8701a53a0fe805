"""A connection to the bus for who asks and publishes: it fails fast, where a service would wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import nats
import nats.errors
from nats.aio.client import Client
from pydantic import BaseModel

from ferry.client.settings import ClientSettings
from ferry.contract.problems import ProblemError, no_answer, no_service, read_answer

Answer = TypeVar("Answer", bound=BaseModel)
CONNECT_S = 3


class Bus:
    def __init__(self, client: Client) -> None:
        self.client = client

    async def ask(
        self, subject: str, request: BaseModel, answer: type[Answer], *, timeout_s: float = 30.0
    ) -> Answer:
        """Raises ProblemError: the service's own, 503 when nobody serves, 504 after `timeout_s`."""
        body = request.model_dump_json(exclude_none=True).encode()
        try:
            reply = await self.client.request(subject, body, timeout=timeout_s)
        except nats.errors.NoRespondersError:
            raise no_service(subject) from None
        except (TimeoutError, nats.errors.TimeoutError):
            raise no_answer(subject, timeout_s) from None
        return read_answer(reply.data, reply.headers, answer)


@asynccontextmanager
async def connect(settings: ClientSettings | None = None) -> AsyncIterator[Bus]:
    """Raises ProblemError when no server answers within 3 s, or refuses us."""
    chosen = settings or ClientSettings()
    seen: list[Exception] = []

    async def note(error: Exception) -> None:
        seen.append(error)

    options = {
        **chosen.options(),
        "connect_timeout": CONNECT_S,
        "allow_reconnect": False,
        "error_cb": note,
        # nats-py's own bound on a first connection is two minutes
        "max_reconnect_attempts": 1,
        "reconnect_time_wait": 0.1,
    }
    try:
        async with asyncio.timeout(CONNECT_S):
            client = await nats.connect(**options)
    except (OSError, TimeoutError, nats.errors.Error) as error:
        cause = seen[-1] if seen else error
        raise ProblemError.of(
            "no-bus",
            503,
            f"no connection to NATS at {_without_user(chosen.nats.url)}",
            detail=str(cause) or type(cause).__name__,
            hint="is nats-server running there? FERRY_NATS__URL says where it is",
        ) from None
    try:
        yield Bus(client)
    finally:
        await client.close()


def _without_user(url: str) -> str:
    return ",".join(part.rpartition("@")[2].strip() for part in url.split(","))
