"""Sign in with a token, and sign out."""

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ferry.console.pages.rendering import page
from ferry.console.people.guard import cookie, local_path
from ferry.console.people.sessions import COOKIE, Sessions
from ferry.console.settings import PageSettings

_log = structlog.get_logger(__name__)


class SignIn:
    def __init__(self, settings: PageSettings, sessions: Sessions) -> None:
        self._settings = settings
        self._sessions = sessions

    async def show(self, request: Request) -> Response:
        return self._form(request, request.query_params.get("next", "/"))

    async def sign_in(self, request: Request) -> Response:
        form = request.state.form
        person = self._sessions.owner_of(form.get("token", ""))
        if person is None:
            _log.warning("sign_in.refused", address=request.client.host if request.client else "")
            return self._form(request, form.get("next", "/"), status=403, wrong=True)
        _log.info("sign_in.accepted", who=person.name)
        answer = RedirectResponse(local_path(form.get("next", "/")), 303)
        sealed = self._sessions.seal(self._sessions.begin(person))
        answer.headers.append("set-cookie", cookie(sealed, self._settings, request.headers))
        return answer

    async def sign_out(self, _: Request) -> Response:
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    def _form(self, request: Request, back: str, *, status: int = 200, wrong: bool = False) -> Response:
        shown = {"back": local_path(back), "wrong": wrong, "by_token": bool(self._settings.tokens)}
        return page(request, "sign_in.html", status, **shown)
