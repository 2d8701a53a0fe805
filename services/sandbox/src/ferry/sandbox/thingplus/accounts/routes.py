"""Paths of accounts: sessions, OAuth clients, tokens, users and sites."""

from typing import Any

import msgspec

from ferry.sandbox.thingplus.accounts.oauth import Login, NewAuthClient, OAuth, token_error
from ferry.sandbox.thingplus.accounts.tenants import Accounts
from ferry.sandbox.thingplus.accounts.tokens import SESSION_COOKIE, Principal, TokenDesk
from ferry.sandbox.thingplus.bodies import decode
from ferry.sandbox.thingplus.envelope import success
from ferry.sandbox.thingplus.guard import CLOUD, SITES, USERS, Guard, session_key
from ferry.sandbox.thingplus.reading.listing import listed, plain
from ferry.sandbox.thingplus.reading.query import FLAT, list_of, view_of
from ferry.sandbox.web.http import Answer, Request, Route


class AccountRoutes:
    def __init__(self, accounts: Accounts, desk: TokenDesk, oauth: OAuth, guard: Guard) -> None:
        self._accounts = accounts
        self._desk = desk
        self._oauth = oauth
        self._guard = guard

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/v2/login", self.login, CLOUD),
            Route("POST", "/v2/logout", self.logout, CLOUD),
            Route("POST", "/v2/authClients", self.create_client, CLOUD),
            Route("POST", "/v2/oauth2/authClients", self.create_client, CLOUD),
            Route("POST", "/v2/oauth2/token", self.token, CLOUD),
            self._guard.route("GET", "/v2/users", self.users, USERS),
            self._guard.route("GET", "/v2/users/me", self.me, USERS),
            self._guard.route("GET", "/v2/users/{user}", self.user, USERS),
            self._guard.route("GET", "/v2/sites", self.sites, SITES),
            self._guard.route("GET", "/v2/sites/{site}", self.site, SITES),
        ]

    def token(self, request: Request) -> Answer:
        return Answer.of(200, self._oauth.token(_parameters(request)), {"Cache-Control": "no-store"})

    def login(self, request: Request) -> Answer:
        key, user = self._oauth.login(decode(request.body, Login))
        cookie = f"{SESSION_COOKIE}={key}; Path=/; HttpOnly"
        return Answer.of(200, success(200, user), {"Set-Cookie": cookie})

    def logout(self, request: Request) -> Answer:
        self._guard.session(request)
        self._desk.close_session(session_key(request))
        gone = f"{SESSION_COOKIE}=; Path=/; Max-Age=0"
        return Answer.of(200, success(200, {}), {"Set-Cookie": gone})

    def create_client(self, request: Request) -> Answer:
        """Guide, chapter 3: with a portal session."""
        who = self._guard.session(request)
        wanted = decode(request.body, NewAuthClient)
        return Answer.of(201, success(201, self._oauth.create_client(who.tenant, who.user_id, wanted)))

    def users(self, request: Request, who: Principal) -> Any:
        return listed(self._accounts.users(who.tenant), *list_of(request.arguments(), FLAT), plain)

    def me(self, request: Request, who: Principal) -> Any:
        view = view_of(request.arguments(), FLAT)
        return view.narrowed(self._accounts.shown_user(who.tenant, who.user_id))

    def user(self, request: Request, who: Principal) -> Any:
        view = view_of(request.arguments(), FLAT)
        return view.narrowed(self._accounts.shown_user(who.tenant, request.params["user"]))

    def sites(self, request: Request, who: Principal) -> Any:
        found, meta = listed(self._accounts.sites(who.tenant), *list_of(request.arguments(), FLAT), plain)
        return (found, meta) if request.query else found

    def site(self, request: Request, who: Principal) -> Any:
        view = view_of(request.arguments(), FLAT)
        return view.narrowed(self._accounts.shown_site(who.tenant, request.params["site"]))


def _parameters(request: Request) -> list[tuple[str, Any]]:
    """By the look of the body, whatever its label says: forms that call themselves JSON are seen in the wild."""
    if request.body.lstrip()[:1] == b"{":
        try:
            return list(msgspec.json.decode(request.body, type=dict[str, Any]).items())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise token_error(400, "invalid_request", "The body is not a JSON object") from None
    try:
        return list(request.form())
    except ValueError:
        raise token_error(400, "invalid_request", "The body is not a form") from None
