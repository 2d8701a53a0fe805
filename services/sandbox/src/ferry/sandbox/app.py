"""The one place where the sandbox is put together."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from ferry.sandbox import fixtures
from ferry.sandbox.admin import pages
from ferry.sandbox.admin.control import Control
from ferry.sandbox.admin.live import Live
from ferry.sandbox.admin.recorder import Recorder
from ferry.sandbox.admin.routes import Admin
from ferry.sandbox.clock import Clock
from ferry.sandbox.faults import scenario
from ferry.sandbox.faults.armed import Faults
from ferry.sandbox.fixtures import Fixtures
from ferry.sandbox.otosense.routes import OtoSenseRoutes
from ferry.sandbox.otosense.sensors import Sensors
from ferry.sandbox.otosense.tokens import TokenDesk as OtoSenseDesk
from ferry.sandbox.settings import Settings
from ferry.sandbox.state.journal import Journal
from ferry.sandbox.thingplus.accounts.oauth import OAuth
from ferry.sandbox.thingplus.accounts.tenants import Accounts
from ferry.sandbox.thingplus.accounts.tokens import TokenDesk as ThingPlusDesk
from ferry.sandbox.thingplus.fleet.registration import Registration
from ferry.sandbox.thingplus.fleet.store import Store
from ferry.sandbox.thingplus.reading.formats import SeriesFormat
from ferry.sandbox.thingplus.reports.reporting import Reporting
from ferry.sandbox.thingplus.routes import ThingPlusRoutes
from ferry.sandbox.web import transport
from ferry.sandbox.web.http import Request, Route, Routes
from ferry.sandbox.web.pipeline import Pipeline, Receive, Send


class Sandbox:
    """An ASGI application; everything that it knows is held by its parts."""

    def __init__(
        self,
        known: Fixtures,
        clock: Clock | None = None,
        course: scenario.Scenario | None = None,
        series_format: SeriesFormat | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.series_format = series_format or SeriesFormat()
        self.faults = Faults(self.clock)
        self.recorder = Recorder()
        self.store = Store()
        self.accounts = Accounts(known.thingplus, self.clock.now_ms())
        self.thingplus_tokens = ThingPlusDesk(self.accounts, self.clock)
        self.oauth = OAuth(self.accounts, self.thingplus_tokens, self.clock)
        self.otosense_tokens = OtoSenseDesk(known.otosense, self.clock)
        self.sensors = Sensors(known.otosense.connect, self.clock)
        self.control = self._control()
        self._live = Live(self.control)
        self._course = course
        self.routes = self._routes(known)
        self._pipeline = Pipeline(
            Routes(self.routes), self.faults, self.recorder, self.clock, self._tenant_of
        )

    def _control(self) -> Control:
        return Control(
            self.clock,
            self.faults,
            self.recorder,
            self.accounts,
            self.store,
            self.thingplus_tokens,
            self.otosense_tokens,
            self.sensors,
            self.series_format,
        )

    def _tenant_of(self, request: Request) -> str:
        authorization = request.header(b"authorization")
        return self.thingplus_tokens.tenant_of(authorization) or self.otosense_tokens.tenant_of(authorization)

    def _routes(self, known: Fixtures) -> list[Route]:
        thingplus = ThingPlusRoutes(
            self.accounts,
            self.thingplus_tokens,
            self.oauth,
            Registration(known.thingplus, self.accounts, self.store, self.clock),
            Reporting(self.store, self.clock),
            self.store,
            self.series_format,
            self.clock.now_ms(),
        )
        otosense = OtoSenseRoutes(self.otosense_tokens, self.sensors)
        return [*thingplus.routes(), *otosense.routes(), *Admin(self.control).routes(), *pages.routes()]

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["path"] == "/admin/events":
            await self._live(receive, send)
        else:
            await self._pipeline(scope, receive, send)

    def keep(self, journal: Journal) -> None:
        """Takes up what an earlier process left, and keeps every change from now on."""
        journal.restore(self.store, self.accounts, self.sensors)
        self.store.set_journal(journal.note)
        self.oauth.set_journal(journal.note)
        self.sensors.set_journal(journal.note)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        playing = asyncio.create_task(self._play())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        playing.cancel()
        await asyncio.wait([playing])
        await send({"type": "lifespan.shutdown.complete"})

    async def _play(self) -> None:
        if self._course is not None:
            await scenario.play(self._course, self.control)


def run(settings: Settings) -> None:
    """Serves until it is told to stop. Raises ValueError for a file that does not fit."""
    course = scenario.load(settings.scenario) if settings.scenario else None
    sandbox = Sandbox(fixtures.load(settings.fixtures), course=course, series_format=settings.series_format)
    if settings.state_dir is not None:
        sandbox.keep(Journal(settings.state_dir))
    server = transport.server(sandbox, settings.host, settings.port)
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(server.serve())
