"""Pauses and resumes delivery for a sensor, a gateway, or everything."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ferry.console.actions.running import Actions
from ferry.console.live.watch import Watch
from ferry.console.pages.rendering import page
from ferry.contract import subjects
from ferry.contract.telemetry import Pause, PauseLanes, Pauses, ResumeLanes, State

WHICH = ("gateway", "sensor", "all")


class PausePages:
    def __init__(self, watch: Watch, actions: Actions) -> None:
        self._watch = watch
        self._actions = actions

    async def choose(self, request: Request) -> Response:
        """Says what it would do, and asks for a reason."""
        asked = PauseLanes.model_validate(_which(request.query_params))
        state = (await self._watch.now()).state
        fields = asked.model_dump(exclude_none=True, exclude_defaults=True)
        return page(request, "pause.html", asked=asked, fields=fields, state=state)

    async def pause(self, request: Request) -> Response:
        form = request.state.form
        asked = PauseLanes.model_validate({**_which(form), "reason": form.get("reason", "").strip()})
        return await self._do(request, subjects.TELEMETRY_LANES_PAUSE, asked)

    async def resume(self, request: Request) -> Response:
        asked = ResumeLanes.model_validate(_which(request.state.form))
        return await self._do(request, subjects.TELEMETRY_LANES_RESUME, asked)

    async def _do(self, request: Request, subject: str, asked: PauseLanes | ResumeLanes) -> Response:
        action = await self._actions.once(request.state.session.person, subject, asked, Pauses)
        await self._watch.look()
        return RedirectResponse(f"/actions/{action.id}" if action.problem else "/", 303)


def pause_of(state: State | None, gateway: str, sensor: str | None = None) -> Pause | None:
    """The pause that this gateway, or sensor, is under."""
    for pause in state.paused if state else ():
        if pause.gateway is None or (pause.gateway == gateway and pause.sensor in {None, sensor}):
            return pause
    return None


def _which(given: Mapping[str, str]) -> dict[str, str]:
    values = {name: given.get(name, "").strip() for name in WHICH}
    return {name: value for name, value in values.items() if value}
