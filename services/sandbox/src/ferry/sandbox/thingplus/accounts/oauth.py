"""Guide, chapters 3 and 4: portal sessions, OAuth clients and the password grant."""

from typing import Annotated, Any, get_args

import msgspec
from msgspec import UNSET, UnsetType

from ferry.sandbox.clock import Clock
from ferry.sandbox.fixtures import AuthClient, Scope
from ferry.sandbox.state.note import Note, nothing_noted
from ferry.sandbox.thingplus.accounts.tenants import Accounts
from ferry.sandbox.thingplus.accounts.tokens import TokenDesk
from ferry.sandbox.thingplus.bodies import Body, Id, Name, WithId, Word
from ferry.sandbox.thingplus.envelope import ThingPlusError
from ferry.sandbox.web.refusal import RefusalError

PARAMETERS = ("grant_type", "client_id", "client_secret", "username", "password")
ALL_SCOPES = frozenset(get_args(Scope))


class NewAuthClient(WithId, Body, kw_only=True):
    req_id: Id | UnsetType = msgspec.field(default=UNSET, name="reqId")
    id: Id | UnsetType = UNSET
    name: Name
    clientSecret: Word  # noqa: N815 - the wire's own name, for the record to mask
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1)]


class Login(Body, rename="camel", kw_only=True):
    login_id: Word
    password: Word


def token_error(status: int, code: str, message: str) -> RefusalError:
    return RefusalError(status, {"name": "TokenError", "message": message, "code": code, "status": status})


class OAuth:
    def __init__(self, accounts: Accounts, desk: TokenDesk, clock: Clock) -> None:
        self._accounts = accounts
        self._desk = desk
        self._clock = clock
        self.note: Note = nothing_noted

    def token(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """The password grant. Raises RefusalError in Thing+'s own, un-RFC shape."""
        given = _parameters(pairs)
        if given.get("grant_type") is None:
            raise token_error(400, "invalid_request", "Missing required parameter: grant_type")
        if given["grant_type"] != "password":
            message = f"Unsupported grant type: {given['grant_type'][:64]}"
            raise token_error(501, "unsupported_grant_type", message)
        for name in PARAMETERS:
            if not given.get(name):
                raise token_error(400, "invalid_request", f"Missing required parameter: {name}")
        client = self._accounts.client(given["client_id"], given["client_secret"])
        if client is None:
            message = "Client id or secret is not correct"
            raise token_error(401, "incorrect_client_credentials", message)
        user = self._accounts.user(given["username"], given["password"])
        if user is None or user[0].name != client[0].name:
            message = "User name or password is not correct"
            raise token_error(401, "incorrect_user_credentials", message)
        if user[1].state == "disabled":
            raise token_error(403, "unauthorized_user", "The user may not use this client")
        return self._desk.issue(user[0].name, user[1].id, client[1])

    def login(self, wanted: Login) -> tuple[str, dict[str, Any]]:
        """The new session's key and what the portal says of its user."""
        found = self._accounts.user(wanted.login_id, wanted.password)
        if found is None or found[1].state != "active":
            raise ThingPlusError(401, "NEED_LOGIN", "login id or password is not correct")
        tenant, user = found
        key = self._desk.open_session(tenant.name, user.id, ALL_SCOPES)
        return key, {"loginId": user.login, "id": user.id}

    def create_client(self, tenant: str, user_id: str, wanted: NewAuthClient) -> dict[str, Any]:
        name = wanted.wanted_id
        if self._accounts.has_client(name):
            raise ThingPlusError(409, "CONFLICT", f"auth client {name!r} is already there")
        client = AuthClient(id=name, name=wanted.name, secret=wanted.clientSecret, scopes=wanted.scopes)
        self._accounts.add_client(tenant, client)
        self.note("client", {"tenant": tenant, "client": client})
        now = self._clock.now_ms()
        return {
            "name": client.name,
            "clientSecret": client.secret,
            "scopes": client.scopes,
            "_user": user_id,
            "mtime": now,
            "ctime": now,
            "id": name,
        }


def _parameters(pairs: list[tuple[str, Any]]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise token_error(400, "invalid_request", f"Repeated parameter: {name[:64]}")
        if name in PARAMETERS and not isinstance(value, str):
            raise token_error(400, "invalid_request", f"Not a string: {name}")
        given[name] = str(value)
    return given
