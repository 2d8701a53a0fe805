"""Runs a service as a process: from its settings to its exit code, with a bounded stop."""

import asyncio
import logging
import os
import signal
import sys
import threading
from typing import TypeVar

import structlog
import uvloop
from pydantic import ValidationError

from ferry.runtime import logs
from ferry.runtime.service import CANCEL_S, Lifespan, Service, running
from ferry.runtime.settings import RuntimeSettings
from ferry.runtime.signals import STOP_SIGNALS
from ferry.runtime.unconfigured import CloudName, is_configured, without

Settings = TypeVar("Settings", bound=RuntimeSettings)

_log = structlog.get_logger(__name__)


def run(name: str, settings: type[Settings], lifespan: Lifespan, *, cloud: CloudName | None = None) -> None:
    """A service's main. Exits 2 when its settings are wrong, naming each, never showing a value.

    `cloud` is the cloud that the service needs: without its URL, requests are answered with `unconfigured`.
    """
    wanted: type[RuntimeSettings] = settings
    if cloud and not is_configured(cloud):
        wanted, lifespan = RuntimeSettings, without(cloud)
    try:
        chosen = wanted()
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False, include_context=False):
            path = "__".join(str(part).upper() for part in item["loc"])
            variable = f"FERRY_{path}" if path else "settings"
            sys.stderr.write(f"ferry-{name}: {variable}: {item['msg']}\n")
        sys.exit(2)
    logs.configure(name, chosen.log)
    uvloop.run(_until_stopped(name, chosen, lifespan))


async def _until_stopped(name: str, settings: RuntimeSettings, lifespan: Lifespan) -> None:
    """Serves until a signal or a failure, which it raises. From then on the process has `shutdown_s` left."""
    stop = asyncio.Event()
    bound = _Bound(settings.shutdown_s)
    loop = asyncio.get_running_loop()

    def stop_now(*_: object) -> None:
        bound.begin()
        loop.call_soon_threadsafe(stop.set)

    for number in STOP_SIGNALS:  # not the loop's own handlers: a loop that is blocked would never call them
        signal.signal(number, stop_now)
    context = running(name, settings, lifespan)
    entering = asyncio.create_task(context.__aenter__(), name="start")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({entering, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not entering.done():
        _log.info("service.stopping_at_start")
        if await _cancelled(entering):
            return
    service = await entering
    failing = asyncio.create_task(service.wait_failed(), name="failure")
    await asyncio.wait({stopping, failing}, return_when=asyncio.FIRST_COMPLETED)
    bound.begin()
    stopping.cancel()
    await context.__aexit__(None, None, None)
    if failing.done():
        await failing
    failing.cancel()


async def _cancelled(entering: asyncio.Task[Service]) -> bool:
    """Whether the start ended by being cancelled. Repeated: Python 3.11's wait_for may swallow a cancellation."""
    while not entering.done():
        entering.cancel()
        await asyncio.wait({entering}, timeout=CANCEL_S)
    return entering.cancelled()


class _Bound:
    """Ends the process, in a thread of its own, when a stop takes longer than `limit_s`: whatever it hangs in."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._timer: threading.Timer | None = None

    def begin(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(self._limit_s, self._end)
            self._timer.daemon = True
            self._timer.start()

    def _end(self) -> None:
        _log.error("service.stop_timed_out", shutdown_s=self._limit_s)
        logging.shutdown()
        os._exit(1)
