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
from ferry.sandbox.state.changes import State
from ferry.sandbox.state.journal import Journal
from ferry.sandbox.thingplus.accounts.oauth import OAuth
from ferry.sandbox.thingplus.accounts.routes import AccountRoutes
from ferry.sandbox.thingplus.accounts.tenants import Accounts
from ferry.sandbox.thingplus.accounts.tokens import TokenDesk as ThingPlusDesk
from ferry.sandbox.thingplus.fleet.catalogue import Catalogue
from ferry.sandbox.thingplus.fleet.changes import Changes
from ferry.sandbox.thingplus.fleet.registration import Registration
from ferry.sandbox.thingplus.fleet.routes import FleetRoutes
from ferry.sandbox.thingplus.fleet.store import Store
from ferry.sandbox.thingplus.guard import Guard
from ferry.sandbox.thingplus.reading.entities import Shown
from ferry.sandbox.thingplus.reading.formats import SeriesFormat
from ferry.sandbox.thingplus.reports.routes import ReportRoutes
from ferry.sandbox.thingplus.reports.series import SeriesReports
from ferry.sandbox.thingplus.reports.status import StatusReports
from ferry.sandbox.web import transport
from ferry.sandbox.web.http import Request, Route, Routes
from ferry.sandbox.web.pipeline import Pipeline, Receive, Send


class Sandbox:
    """An ASGI application."""

    def __init__(
        self,
        loaded: Fixtures,
        clock: Clock | None = None,
        course: scenario.Scenario | None = None,
        series_format: SeriesFormat | None = None,
        store: Store | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.series_format = series_format or SeriesFormat()
        self.faults = Faults(self.clock)
        recorder = Recorder()
        accounts = Accounts(loaded.thingplus, self.clock.now_ms())
        sensors = Sensors(loaded.otosense.connect, self.clock)
        self._thingplus_tokens = ThingPlusDesk(accounts, self.clock)
        self._otosense_tokens = OtoSenseDesk(loaded.otosense, self.clock)
        tokens = (self._thingplus_tokens, self._otosense_tokens)
        self.state = State(store or Store(), accounts, sensors, *tokens)
        self._oauth = OAuth(accounts, self._thingplus_tokens, self.clock)
        self.control = Control(self.clock, self.faults, recorder, self.state, self.series_format)
        self._live = Live(self.control)
        self._course = course
        self.routes = [
            *self._thingplus(loaded),
            *OtoSenseRoutes(self._otosense_tokens, sensors).routes(),
            *Admin(self.control).routes(),
            *pages.routes(),
        ]
        self._pipeline = Pipeline(Routes(self.routes), self.faults, recorder, self.clock, self._tenant_of)

    def _thingplus(self, loaded: Fixtures) -> list[Route]:
        store, accounts, clock = self.state.store, self.state.accounts, self.clock
        catalogue = Catalogue(loaded.thingplus, clock.now_ms())
        guard, shown = Guard(self._thingplus_tokens), Shown(self.series_format)
        registration = Registration(catalogue, accounts, store, clock)
        changes = Changes(catalogue, store, clock)
        statuses, series = StatusReports(store, clock), SeriesReports(store, clock)
        return [
            *AccountRoutes(accounts, self._thingplus_tokens, self._oauth, guard).routes(),
            *FleetRoutes(catalogue, registration, changes, store, shown, guard).routes(),
            *ReportRoutes(statuses, series, store, shown, self.series_format, guard).routes(),
        ]

    def _tenant_of(self, request: Request) -> str:
        authorization = request.header(b"authorization")
        return self._thingplus_tokens.tenant_of(authorization) or self._otosense_tokens.tenant_of(
            authorization
        )

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["path"] == "/admin/events":
            await self._live(receive, send)
        else:
            await self._pipeline(scope, receive, send)

    def keep(self, journal: Journal) -> None:
        """Notes every change from now on."""
        self.control.journal = journal
        self.state.store.note = self._oauth.note = self.state.sensors.note = journal.note
        self._thingplus_tokens.note = self._otosense_tokens.note = journal.note

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
    """Serves until it is told to stop. Raises ValueError for a file that does not fit, and OSError."""
    sandbox = Sandbox(
        fixtures.load(settings.fixtures),
        course=scenario.load(settings.scenario) if settings.scenario else None,
        series_format=settings.series_format,
        store=Store(settings.most_points),
    )
    if settings.state_dir is not None:
        sandbox.keep(Journal(settings.state_dir, sandbox.state))
    server = transport.server(sandbox, settings.host, settings.port)
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(server.serve())
