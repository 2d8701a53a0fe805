"""Requests to auth: decode, call, answer."""

from collections.abc import Callable, Mapping

from ferry.auth import oauth_clients
from ferry.auth.tokens.keeper import Keeper
from ferry.clouds.http import CloudHttp
from ferry.contract.auth import AuthState, Client, ClientRequest, Cloud, StateRequest, Token, TokenRequest


class Handlers:
    def __init__(
        self,
        keepers: Mapping[Cloud, Keeper],
        portal: Callable[[], CloudHttp],
        rejected: Callable[[Cloud], None],
    ) -> None:
        self._keepers = keepers
        self._rejected = rejected
        self._portal = portal

    async def token(self, cloud: Cloud, request: TokenRequest) -> Token:
        if request.rejected is not None:
            self._rejected(cloud)
        return await self._keepers[cloud].get(request.rejected)

    async def state(self, _: StateRequest) -> AuthState:
        return AuthState(clouds=[keeper.state() for keeper in self._keepers.values()])

    async def create_client(self, request: ClientRequest) -> Client:
        return await oauth_clients.create(self._portal, request)
