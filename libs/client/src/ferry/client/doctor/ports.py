"""The port of the checks; `Bus` of ferry.client.bus implements it."""

from collections.abc import Awaitable
from typing import Protocol, TypeVar

from pydantic import BaseModel

Answer = TypeVar("Answer", bound=BaseModel)
R = TypeVar("R")


class Reply(Protocol):
    data: bytes


class Asking(Protocol):
    """Each method raises ProblemError: 403 not permitted, 503 nobody there, 504 no answer in time."""

    async def ask(
        self, subject: str, request: BaseModel, answer: type[Answer], *, timeout_s: float
    ) -> Answer: ...

    async def request(self, subject: str, body: bytes = b"", *, timeout_s: float) -> Reply: ...

    async def everybody(self, subject: str, *, within_s: float) -> list[bytes]: ...

    async def unless_refused(self, work: Awaitable[R], subject: str | None = None) -> R: ...
