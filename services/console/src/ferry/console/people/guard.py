"""Checks every request: who is it, is a change genuine, and what may the browser load."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ferry.console.people.person import Session
from ferry.console.people.proxies import Proxies
from ferry.console.people.sessions import COOKIE, Sessions
from ferry.console.settings import PageSettings

LONGEST_FORM = 16 * 1024
FORM_S = 10.0
"""Time limit for receiving a form; otherwise a slow connection would occupy a slot."""
OPEN_PATHS = ("/sign-in", "/static/")
READS = ("GET", "HEAD")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_log = structlog.get_logger(__name__)


class Guard:
    """Sets `session` (or None) and `form` of a request's state; what is not allowed never reaches a page."""

    def __init__(self, app: ASGIApp, settings: PageSettings, sessions: Sessions, proxies: Proxies) -> None:
        self._app = app
        self._settings = settings
        self._sessions = sessions
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        session, made = self._session(scope)
        scope.setdefault("state", {})["session"] = session
        sending = self._with_headers(scope, send, made)
        refused = await self._refused(scope, receive, session)
        await (refused or self._app)(scope, receive, sending)

    def _session(self, scope: Scope) -> tuple[Session | None, str | None]:
        """The person, and a cookie to set if a proxy names a new one."""
        sealed = Request(scope).cookies.get(COOKIE)
        session = self._sessions.open(sealed) if sealed else None
        person = self._proxies.person((scope.get("client") or (None,))[0], scope["headers"])
        if person is None:
            return (session if session and session.person.by == "token" else None), None
        if session and session.person == person:
            return session, None
        session = self._sessions.begin(person)
        return session, cookie(self._sessions.seal(session), self._settings, Headers(scope=scope))

    async def _refused(self, scope: Scope, receive: Receive, session: Session | None) -> Response | None:
        path, method = scope["path"], scope["method"]
        is_open = path == OPEN_PATHS[0] or path.startswith(OPEN_PATHS[1])
        if method in READS:
            if session or is_open:
                return None
            if path == "/live" or Headers(scope=scope).get("accept") == "text/event-stream":
                return _plain(401, "sign in first")
            query = scope["query_string"].decode("ascii", "replace")
            back = quote(path + (f"?{query}" if query else ""), safe="")
            return RedirectResponse(f"/sign-in?next={back}", 303)
        if method != "POST":
            return _plain(405, "only GET and POST are used here")
        return await self._refused_change(scope, receive, session, is_open=is_open)

    async def _refused_change(
        self, scope: Scope, receive: Receive, session: Session | None, *, is_open: bool
    ) -> Response | None:
        if not self._is_own(Headers(scope=scope)):
            _log.warning("request.cross_site", path=scope["path"])
            return _plain(403, "this form was sent by another site: open the page and try again")
        if session is None and not is_open:
            return _plain(401, "sign in first")
        try:
            async with asyncio.timeout(FORM_S):
                form = await _form(scope, receive)
        except TimeoutError:
            return _plain(408, "the form did not arrive in time")
        if form is None:
            return _plain(400, "this is not a form of this page")
        if session and not is_open and form.get("form_token") != session.form_token:
            return _plain(403, "this form is of another session: open the page again")
        scope["state"]["form"] = form
        return None

    def _is_own(self, headers: Headers) -> bool:
        """Whether one of the console's pages sent it, according to headers that a page cannot forge."""
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site") == "same-origin"
        if self._settings.origin:
            return origin == self._settings.origin
        return urlsplit(origin).netloc == headers.get("host")

    def _with_headers(self, scope: Scope, send: Send, made: str | None) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("Cache-Control", "no-store")
                if made:
                    headers.append("set-cookie", made)
            await send(message)

        return sending


def cookie(sealed: str, settings: PageSettings, headers: Headers) -> str:
    """The header that sets it. A page that is reached by https never sends it otherwise."""
    secure = "; Secure" if (settings.origin or headers.get("origin") or "").startswith("https:") else ""
    return f"{COOKIE}={sealed}; HttpOnly; Max-Age={int(settings.session_s)}; Path=/; SameSite=Lax{secure}"


def local_path(given: str) -> str:
    """Where to go after signing in: a path of this page, whatever was given."""
    parts = urlsplit(given)
    odd = parts.scheme or parts.netloc or "\\" in given or not given.startswith("/") or given.startswith("//")
    return "/" if odd or not given.isprintable() else given


async def _form(scope: Scope, receive: Receive) -> dict[str, str] | None:
    """The fields of a small form in UTF-8; None when it is something else."""
    kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return None
    body = bytearray()
    more: Any = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LONGEST_FORM:
            return None
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=False, errors="strict", max_num_fields=50
        )
    except ValueError:
        return None
    return dict(pairs)


def _plain(status: int, text: str) -> Response:
    """The connection ends with it: nobody reads what may still come of the request."""
    return Response(f"{text}\n", status, {"Connection": "close"}, media_type="text/plain")
