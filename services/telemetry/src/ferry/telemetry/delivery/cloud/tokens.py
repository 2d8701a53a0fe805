"""Telemetry's view of tokens: a header and a generation, or none at the moment."""

from typing import NamedTuple

from ferry.contract.auth import Token
from ferry.contract.problems import ProblemError
from ferry.runtime.tokens import Tokens
from ferry.telemetry.delivery.ports import NoToken


class Header(NamedTuple):
    header: str
    generation: int


class BusTokens:
    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._header: Header | None = None

    async def bearer(self) -> Header:
        """Raises NoToken."""
        try:
            token = await self._tokens.get()
        except ProblemError as error:
            raise NoToken(str(error)) from None
        header = self._header
        return header if header and header.generation == token.generation else self._keep(token)

    async def reject(self, generation: int) -> None:
        """Raises NoToken."""
        try:
            self._keep(await self._tokens.reject(generation))
        except ProblemError as error:
            raise NoToken(str(error)) from None

    def _keep(self, token: Token) -> Header:
        self._header = Header(f"Bearer {token.access_token.get_secret_value()}", token.generation)
        return self._header
