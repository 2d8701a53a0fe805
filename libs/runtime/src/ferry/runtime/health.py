"""`/livez`, `/readyz` and `/metrics` on a separate HTTP port."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from faststream.asgi import AsgiResponse
from prometheus_client import make_asgi_app

from ferry.runtime.listening import listening
from ferry.runtime.settings import HealthSettings

Check = Callable[[], Awaitable[str | None]]
"""Answers None when all is well, else what is wrong, in a sentence without secrets."""

_log = structlog.get_logger(__name__)


def _app(live: Check, ready: Check) -> Callable[..., Awaitable[None]]:
    metrics = make_asgi_app()

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        path = scope.get("path")
        if path == "/metrics":
            await metrics(scope, receive, send)
            return
        check = {"/livez": live, "/readyz": ready}.get(str(path))
        if check is None:
            await _answer(404, "there are /livez, /readyz and /metrics")(scope, receive, send)
            return
        wrong = await check()
        await _answer(503 if wrong else 200, wrong or "ok")(scope, receive, send)

    return app


def _answer(status: int, text: str) -> Callable[..., Awaitable[None]]:
    return AsgiResponse(f"{text}\n".encode(), status, {"Content-Type": "text/plain; charset=utf-8"})


@asynccontextmanager
async def serve(settings: HealthSettings, live: Check, ready: Check) -> AsyncIterator[int]:
    """Serves from before the bus is reached until after the last drain; yields the port.

    Raises OSError when the port is taken.
    """
    async with listening(_app(live, ready), settings.host, settings.port) as port:
        _log.info("health.listening", host=settings.host, port=port)
        yield port
