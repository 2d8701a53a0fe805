"""Limits an import's requests: a few at once, until its time is over or the cloud asks for a pause."""

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

from ferry.clouds.errors import CloudError, RefusedError, UnreachableError

R = TypeVar("R")
AT_ONCE = 16
STEP_S = 5.0
"""Then the import answers with what it has: a request's answer must come within a request's time."""


class PausedError(Exception):
    """The step is over: what is left is for the next one."""


class Pace:
    """Of one step. `cause` is why the cloud stopped it, if it did."""

    def __init__(self, step_s: float = STEP_S, at_once: int = AT_ONCE) -> None:
        self._ends = time.monotonic() + step_s
        self._places = asyncio.Semaphore(at_once)
        self.cause: CloudError | None = None

    @property
    def is_over(self) -> bool:
        return self.cause is not None or time.monotonic() > self._ends

    async def call(self, ask: Awaitable[R], *, first: bool = False) -> R:
        """Raises PausedError when the step is over (not `first` ones for its time), and CloudError's family."""
        async with self._places:
            if self.cause is not None or (not first and self.is_over):
                _forget(ask)
                raise PausedError
            try:
                return await ask
            except CloudError as error:
                if isinstance(error, UnreachableError) or (
                    isinstance(error, RefusedError) and error.retryable
                ):
                    self.cause = error
                    raise PausedError from error
                raise


def _forget(ask: Awaitable[R]) -> None:
    """A coroutine that is not awaited would warn."""
    close = getattr(ask, "close", None)
    if close is not None:
        close()
