"""Who asks, and whether they may: what every path of Thing+ has around its work."""

from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any

from ferry.sandbox.thingplus.accounts.tokens import SESSION_COOKIE, Principal, TokenDesk
from ferry.sandbox.thingplus.envelope import ThingPlusError, success
from ferry.sandbox.web.http import Answer, Request, Route

READ = frozenset({"gateway", "gateway-read", "gateway-update", "gateway-management"})
UPDATE = frozenset({"gateway", "gateway-update", "gateway-management"})
MANAGE = frozenset({"gateway", "gateway-management"})
SITES = frozenset({"site-read"})
USERS = frozenset({"user-profile", "user-profile-read"})
CLOUD = "thingplus"
Work = Callable[[Request, Principal], Any]
"""Answers the data of an envelope, or the data and its `_meta`."""


class Guard:
    def __init__(self, desk: TokenDesk) -> None:
        self._desk = desk

    def route(
        self, method: str, template: str, work: Work, scopes: frozenset[str], status: int = 200
    ) -> Route:
        def handle(request: Request) -> Answer:
            return _enveloped(status, work(request, self._allowed(request, scopes)))

        return Route(method, template, handle, CLOUD)

    def own_envelope(
        self, method: str, template: str, work: Callable[[Request, Principal], dict[str, Any]]
    ) -> Route:
        """For work that decides about the status: what it answers is the envelope."""

        def handle(request: Request) -> Answer:
            envelope = work(request, self._allowed(request, MANAGE))
            return Answer.of(envelope["statusCode"], envelope)

        return Route(method, template, handle, CLOUD)

    def removal(self, template: str, work: Callable[[Request, Principal], None]) -> Route:
        def handle(request: Request) -> Answer:
            work(request, self._allowed(request, MANAGE))
            return Answer(204)

        return Route("DELETE", template, handle, CLOUD)

    def session(self, request: Request) -> Principal:
        """The portal's session, which an access token is not. Raises ThingPlusError."""
        who = self._desk.session(session_key(request))
        request.tenant = who.tenant
        return who

    def _allowed(self, request: Request, scopes: frozenset[str]) -> Principal:
        who = self._principal(request)
        request.tenant = who.tenant
        if not scopes & who.scopes:
            raise ThingPlusError(403, "ACL_DENY", f"one of the scopes {sorted(scopes)} is needed")
        return who

    def _principal(self, request: Request) -> Principal:
        authorization = request.header(b"authorization")
        session = "" if authorization else session_key(request)
        return self._desk.session(session) if session else self._desk.bearer(authorization)


def public(method: str, template: str, work: Callable[[Request], Any]) -> Route:
    """For everybody, without a login."""

    def handle(request: Request) -> Answer:
        return _enveloped(200, work(request))

    return Route(method, template, handle, CLOUD)


def without_id(method: str, template: str) -> Route:
    """A change or an end of an entity whose id is missing: 404, as Thing+ has it, and not 405."""

    def handle(_: Request) -> Answer:
        raise ThingPlusError(404, "NOT_FOUND", f"{method} needs an id after {template}")

    return Route(method, template, handle, CLOUD)


def _enveloped(status: int, result: Any) -> Answer:
    data, meta = result if isinstance(result, tuple) else (result, None)
    return Answer.of(status, success(status, data, meta))


def session_key(request: Request) -> str:
    try:
        found = SimpleCookie(request.header(b"cookie")).get(SESSION_COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
