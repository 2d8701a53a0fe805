"""Actions: what was started, by whom, and how far it is."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ferry.console.actions.action import Action
from ferry.console.actions.running import Actions
from ferry.console.pages.rendering import page
from ferry.contract.problems import ProblemError


class Done:
    def __init__(self, actions: Actions) -> None:
        self._actions = actions

    async def list(self, request: Request) -> Response:
        return page(request, "actions.html", actions=self._actions.newest_first())

    async def show(self, request: Request) -> Response:
        return page(request, "action.html", action=self._action(request))

    async def stop(self, request: Request) -> Response:
        action = self._action(request)
        action.stopping = True
        return RedirectResponse(f"/actions/{action.id}", 303)

    def _action(self, request: Request) -> Action:
        action = self._actions.find(request.path_params["id"])
        if action is None:
            hint = "the events `events.console.action.*` show its outcome"
            raise ProblemError.of("no-action", 404, "there is no such action here", hint=hint)
        return action
