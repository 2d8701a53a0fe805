"""The ports of delivery: the cloud and auth."""

from typing import Protocol

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """`retry_after_s` in s, from either form of Retry-After (RFC 9110 section 10.2.3); None for anything else."""

    status: int
    body: bytes
    retry_after_s: float | None = None
    content_type: str = ""


class Unreachable(Exception):  # noqa: N818 - a state of the cloud
    """No answer: refused, reset, timed out. What was sent may have been committed."""


class Cloud(Protocol):
    """Thing+ by its paths. Both raise Unreachable."""

    async def put(self, path: str, body: bytes, bearer: str) -> Answer: ...
    async def get(self, path: str, query: dict[str, str], bearer: str) -> Answer: ...


class Bearer(Protocol):
    """A token as it goes into the header, and the generation that a 401 rejects."""

    @property
    def header(self) -> str: ...
    @property
    def generation(self) -> int: ...


class Tokens(Protocol):
    """Both raise NoToken."""

    async def bearer(self) -> Bearer: ...
    async def reject(self, generation: int) -> None: ...


class NoToken(Exception):  # noqa: N818 - a state, not a bug
    """Auth has no token for us now: the cloud pauses, every reading is kept."""
