"""The token of one cloud for every service but auth, cached and requested once for all callers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from nats.aio.client import Client

from ferry.contract import subjects
from ferry.contract.auth import BearerRefusedError, Cloud, Token, TokenRequest
from ferry.contract.problems import TYPE_BASE, ProblemError
from ferry.runtime.requests import ask

R = TypeVar("R")
PASSING = (f"{TYPE_BASE}timeout", f"{TYPE_BASE}no-service")

FIRST_ASK_S, ASK_S = 2.5, 10.0
"""While auth restarts nobody answers, and a stopping replica may drop a request: it is repeated."""
PAUSE_S = 0.1
LONGEST_MARGIN_S = 30.0
SHORTEST_MARGIN_S = 0.25


class Tokens:
    """Asks auth once for all callers of this process, and keeps the token until shortly before its end.

    Every method raises ProblemError when auth has none to give: it says why, and what to do.
    """

    def __init__(self, client: Client, cloud: Cloud) -> None:
        self._client = client
        self._cloud = cloud
        self._held: Token | None = None
        self._fresh_until = 0.0
        self._flight: asyncio.Task[Token] | None = None

    async def get(self) -> Token:
        """From memory, unless it is near its end."""
        if self._held and time.monotonic() < self._fresh_until:
            return self._held
        return await self._join(None)

    async def reject(self, generation: int) -> Token:
        """The token after `generation`, which the cloud refused. Many may reject it, one asks."""
        if self._held and self._held.generation == generation:
            self._held = None
        while self._held is None or self._held.generation == generation:
            token = await self._join(generation)
            if token.generation != generation:
                return token
        return await self.get()

    async def with_token(self, call: Callable[[Token], Awaitable[R]]) -> R:
        """What `call` answers. A BearerRefusedError of its is answered with a newer token, once."""
        token = await self.get()
        try:
            return await call(token)
        except BearerRefusedError:
            pass  # outside the handler, so that a second failure does not drag the first along
        return await call(await self.reject(token.generation))

    async def _join(self, rejected: int | None) -> Token:
        if self._flight is None:
            self._flight = asyncio.create_task(self._ask(rejected), name=f"token-{self._cloud}")
            self._flight.add_done_callback(self._landed)
        return await asyncio.shield(self._flight)  # a caller that gives up does not stop the others

    def _landed(self, flight: asyncio.Task[Token]) -> None:
        self._flight = None
        if not flight.cancelled():
            flight.exception()  # looked at, should all who waited be gone

    async def _ask(self, rejected: int | None) -> Token:
        request, subject = TokenRequest(rejected=rejected), subjects.AUTH_TOKEN_GET[self._cloud]
        until = time.monotonic() + FIRST_ASK_S
        while True:
            asked = time.monotonic()  # the life counts from before the answer, never from after
            last = asked >= until
            timeout_s = ASK_S if last else FIRST_ASK_S
            try:
                token = await ask(self._client, subject, request, Token, timeout_s=timeout_s)
                break
            except ProblemError as error:
                if last or error.problem.type not in PASSING:
                    raise
            await asyncio.sleep(PAUSE_S)
        margin = min(LONGEST_MARGIN_S, max(SHORTEST_MARGIN_S, token.expires_in * 0.2))
        self._held, self._fresh_until = token, asked + token.expires_in - margin
        return token
