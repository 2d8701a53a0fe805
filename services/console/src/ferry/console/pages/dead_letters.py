"""Dead letters: list, show, count, replay and discard."""

import asyncio
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ferry.console.actions.running import Actions
from ferry.console.bus import Bus
from ferry.console.pages.rendering import page
from ferry.contract import subjects
from ferry.contract.dead import Reason
from ferry.contract.problems import ProblemError
from ferry.contract.telemetry import DeadChoice, DeadCount, DeadFilter, DeadId, DeadLetter, DeadList

PAGE = 50
AT_ONCE = 1000
"""Dead letters of one request."""
LOOK_S, COUNT_S = 4.0, 20.0
SHOWN_BODY = 64 * 1024
"""Characters of a body on a page; the whole of it can be saved."""
FILTERS = ("reason", "gateway", "sensor")
VERBS = {"replay": subjects.TELEMETRY_DEAD_REPLAY, "discard": subjects.TELEMETRY_DEAD_DISCARD}


class DeadLetters:
    def __init__(self, bus: Bus, actions: Actions) -> None:
        self._bus = bus
        self._actions = actions

    async def list(self, request: Request) -> Response:
        chosen = _filters(request.query_params)
        wanted = DeadFilter.model_validate({**chosen, "after": _after(request), "limit": PAGE})
        everywhere = {name: chosen[name] for name in chosen if name != "reason"}
        found, counted = await asyncio.gather(self._page(wanted), self._counted(everywhere))
        shown: dict[str, Any] = {"chosen": chosen, "found": found, "after": wanted.after}
        shown |= {"counted": counted, "everywhere": everywhere, "reasons": [one.value for one in Reason]}
        return page(request, "dead_letters.html", **shown)

    async def show(self, request: Request) -> Response:
        letter = await self._letter(request)
        cut = len(letter.body) > SHOWN_BODY
        return page(request, "dead_letter.html", letter=letter, body=letter.body[:SHOWN_BODY], cut=cut)

    async def body(self, request: Request) -> Response:
        """The body as a file: no browser shows it as a page."""
        letter = await self._letter(request)
        name = f"dead-letter-{letter.id}{'.base64' if letter.body_base64 else ''}.txt"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        content = letter.body.encode(errors="backslashreplace")
        return Response(content, media_type="application/octet-stream", headers=headers)

    async def choose(self, request: Request) -> Response:
        """How many it would be, before anything is done."""
        verb = _verb(request.query_params.get("do", ""))
        id_ = request.query_params.get("id")
        if id_ is not None:
            letter = await self._letter(request)
            return page(
                request,
                "choose.html",
                verb=verb,
                letter=letter,
                count=1,
                more=False,
                fields={"id": letter.id},
            )
        chosen: dict[str, Any] = {**_filters(request.query_params)}
        counted = await self._count(chosen)
        fields = {**chosen, "until": int(time.time() * 1000)}
        shown: dict[str, Any] = {
            "verb": verb,
            "letter": None,
            "count": counted.total,
            "more": not counted.complete,
        }
        return page(request, "choose.html", **shown, fields=fields)

    async def act(self, request: Request) -> Response:
        form = request.state.form
        given = {name: form[name] for name in ("id", "until", *FILTERS) if form.get(name)}
        everything = "id" not in given and not any(name in given for name in FILTERS)
        choice = DeadChoice.model_validate({**given, "all": everything, "limit": AT_ONCE}, strict=False)
        if choice.id is None and choice.until is None:
            raise ProblemError.of("not-counted", 400, "count first", hint="go back to the dead letters")
        expected = int(form["count"]) if form.get("count", "").isdecimal() else 0
        subject = VERBS[_verb(form.get("do", ""))]
        action = await self._actions.start(request.state.session.person, subject, choice, expected)
        return RedirectResponse(f"/actions/{action.id}", 303)

    async def _letter(self, request: Request) -> DeadLetter:
        text = request.path_params.get("id") or request.query_params.get("id", "")
        asked = DeadId.model_validate({"id": text}, strict=False)
        return await self._bus.ask(subjects.TELEMETRY_DEAD_GET, asked, DeadLetter)

    async def _page(self, wanted: DeadFilter) -> DeadList:
        """Goes on over letters that do not match, for as long as a person would wait."""
        ends = time.monotonic() + LOOK_S
        found = await self._bus.ask(subjects.TELEMETRY_DEAD_LIST, wanted, DeadList)
        while not found.items and found.next is not None and time.monotonic() < ends:
            rest = wanted.model_copy(update={"after": found.next})
            found = await self._bus.ask(subjects.TELEMETRY_DEAD_LIST, rest, DeadList)
        return found

    async def _count(self, chosen: dict[str, Any]) -> DeadCount:
        return await self._bus.ask(
            subjects.TELEMETRY_DEAD_COUNT, DeadFilter.model_validate(chosen), DeadCount, timeout_s=COUNT_S
        )

    async def _counted(self, chosen: dict[str, Any]) -> DeadCount | None:
        """None where it is not answered: the list is of use without it."""
        try:
            return await self._count(chosen)
        except ProblemError:
            return None


def _filters(given: Any) -> dict[str, str]:
    return {name: given[name].strip() for name in FILTERS if given.get(name, "").strip()}


def _after(request: Request) -> int:
    text = request.query_params.get("after", "0")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0  # noqa: PLR2004 - fits int64


def _verb(text: str) -> str:
    if text in VERBS:
        return text
    raise ProblemError.of("invalid-request", 400, "dead letters are replayed or discarded", field="do")
