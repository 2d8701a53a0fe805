"""The console as an ASGI application: its routes, behind the guard."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from ferry.console.actions.running import Actions
from ferry.console.bus import Bus
from ferry.console.live.passing import Passing
from ferry.console.live.watch import Watch
from ferry.console.pages.dead_letters import DeadLetters
from ferry.console.pages.done import Done
from ferry.console.pages.fleet import Fleet
from ferry.console.pages.gateway import GatewayPage
from ferry.console.pages.motor_sensors import MotorSensors
from ferry.console.pages.overview import Overview
from ferry.console.pages.pauses import PausePages
from ferry.console.pages.rendering import page
from ferry.console.pages.sensor import SensorPage
from ferry.console.pages.sign_in import SignIn
from ferry.console.people.guard import Guard
from ferry.console.people.proxies import Proxies
from ferry.console.people.sessions import Sessions
from ferry.console.settings import PageSettings
from ferry.contract.problems import Problem, ProblemError

STATIC = Path(__file__).parent / "static"
Handler = Callable[[Request], Awaitable[Response]]


def application(settings: PageSettings, bus: Bus, watch: Watch, actions: Actions) -> ASGIApp:
    sessions, passing = Sessions(settings), Passing(bus)
    sign_in, overview, fleet = SignIn(settings, sessions), Overview(watch), Fleet(bus, watch)
    gateway, sensor = GatewayPage(bus, watch, passing), SensorPage(bus, watch, passing)
    pauses = PausePages(watch, actions)
    letters, done, motors = DeadLetters(bus, actions), Done(actions), MotorSensors(bus)
    routes = [
        _get("/sign-in", sign_in.show),
        _post("/sign-in", sign_in.sign_in),
        _post("/sign-out", sign_in.sign_out),
        _get("/", overview.show),
        _get("/live", overview.stream),
        _get("/dead-letters", letters.list),
        _get("/dead-letters/choose", letters.choose),
        _post("/dead-letters/act", letters.act),
        _get("/dead-letters/{id}", letters.show),
        _get("/dead-letters/{id}/body", letters.body),
        _get("/fleet", fleet.list),
        _get("/fleet/{gateway}", gateway.show),
        _get("/fleet/{gateway}/sensors/live", gateway.stream),
        _get("/fleet/{gateway}/{sensor}", sensor.show),
        _get("/motor-sensors", motors.list),
        _get("/pauses/choose", pauses.choose),
        _post("/pauses/pause", pauses.pause),
        _post("/pauses/resume", pauses.resume),
        _get("/actions", done.list),
        _get("/actions/{id}", done.show),
        _post("/actions/{id}/stop", done.stop),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    handlers = {ProblemError: _problem, ValidationError: _invalid, HTTPException: _http, Exception: _failed}
    app = Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type] # each its own error
    return Guard(app, settings, sessions, Proxies(settings))


def _get(path: str, handler: Handler) -> Route:
    return Route(path, handler, methods=["GET"])


def _post(path: str, handler: Handler) -> Route:
    return Route(path, handler, methods=["POST"])


async def _problem(request: Request, error: ProblemError) -> Response:
    said = error.problem.status
    status = said if 400 <= said < 600 else 502  # noqa: PLR2004 - HTTP's own
    return page(request, "problem.html", status, problem=error.problem)


async def _invalid(request: Request, error: ValidationError) -> Response:
    return await _problem(request, ProblemError.invalid(error))


async def _http(request: Request, error: HTTPException) -> Response:
    problem = Problem(type="about:blank", title=error.detail, status=error.status_code)
    return page(request, "problem.html", error.status_code, problem=problem)


async def _failed(request: Request, _: Exception) -> Response:
    problem = Problem(
        type="about:blank", title="the console failed on this page", status=500, hint="its log has the cause"
    )
    return page(request, "problem.html", 500, problem=problem)
