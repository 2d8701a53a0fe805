"""Wiring of the console."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import structlog

from ferry.console.actions.running import Actions
from ferry.console.bus import NatsBus
from ferry.console.live.watch import Watch
from ferry.console.settings import ConsoleServiceSettings
from ferry.console.web import application
from ferry.runtime.listening import listening
from ferry.runtime.service import Service

MOST_CONNECTIONS = 256

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def lifespan(service: Service) -> AsyncIterator[None]:
    settings = cast("ConsoleServiceSettings", service.settings).console
    bus = NatsBus(service)
    watch, actions = Watch(bus), Actions(bus)
    service.background(watch.run(), "watch")
    app = application(settings, bus, watch, actions)
    async with listening(app, settings.host, settings.port, limit_concurrency=MOST_CONNECTIONS) as port:
        _log.info("console.listening", host=settings.host, port=port)
        try:
            yield
        finally:
            await actions.close()
            watch.close()
