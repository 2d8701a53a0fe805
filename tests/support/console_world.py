"""The suite as the console sees it, in memory: dead letters, fleet and motor sensors that change when asked to."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from pydantic import BaseModel, SecretStr

from ferry.console.actions.running import Actions
from ferry.console.bus import Take
from ferry.console.live.watch import Watch
from ferry.console.settings import PageSettings
from ferry.console.web import application
from ferry.contract import auth, otosense, registry, subjects, telemetry
from ferry.contract.console import ActionStarted
from ferry.contract.problems import ProblemError, no_service

TOKEN = "token-of-anna-0123456789-abc"
ORIGIN = "http://console.test"


def letter(id_: int, **fields: Any) -> telemetry.DeadLetter:
    named = {
        "reason": "refused",
        "detail": "no",
        "subject": "s",
        "gateway": "g1",
        "sensor": "s1",
        "body": "{}",
    }
    return telemetry.DeadLetter.model_validate({"id": id_, "dead_at": 1_700_000_000_000, **named, **fields})


def calm() -> telemetry.State:
    return telemetry.State(
        replicas=[telemetry.Presence(replica="r1", partitions=(0, 1))],
        partitions=[telemetry.PartitionState(partition=number, owner="r1") for number in range(2)],
        waiting=0,
        waiting_bytes=0,
        dead=0,
        dead_bytes=0,
        dead_max_bytes=1000,
    )


def well() -> auth.AuthState:
    states = [auth.CloudState(cloud=cloud, state="ok", generation=1) for cloud in ("thingplus", "otosense")]
    return auth.AuthState(clouds=states)


@dataclass
class World:
    """Implements the console's Bus. `silent` are subjects that nobody serves; `page` is a page of dead letters."""

    state: telemetry.State = field(default_factory=calm)
    tokens: auth.AuthState = field(default_factory=well)
    letters: dict[int, telemetry.DeadLetter] = field(default_factory=dict)
    gateways: list[registry.Gateway] = field(default_factory=list)
    sensors: list[registry.Sensor] = field(default_factory=list)
    motors: list[otosense.Sensor] = field(default_factory=list)
    clouds: dict[str, telemetry.SensorAtCloud] = field(default_factory=dict)
    """What the cloud has, by sensor."""
    silent: set[str] = field(default_factory=set)
    listening: dict[str, Take] = field(default_factory=dict)
    """Who hears what is published, by subject."""
    untold: bool = False
    page: int = 1000
    asked: list[tuple[str, BaseModel]] = field(default_factory=list)
    told: list[tuple[str, ActionStarted]] = field(default_factory=list)

    async def ask(self, subject: str, request: Any, answer: Any, *, timeout_s: float = 0) -> Any:
        self.asked.append((subject, request))
        if subject in self.silent:
            raise no_service(subject)
        return self._answers()[subject](request)

    async def listen(self, subject: str, take: Take) -> Callable[[], Awaitable[None]]:
        if subject in self.silent:
            raise ProblemError.of("no-bus", 503, "NATS does not answer")
        self.listening[subject] = take

        async def stop() -> None:
            del self.listening[subject]

        return stop

    async def tell(self, verb: str, action: ActionStarted) -> None:
        if self.untold:
            raise ProblemError.of("no-bus", 503, "NATS does not answer")
        self.told.append((verb, action))

    def add(self, *letters: telemetry.DeadLetter) -> None:
        self.letters |= {one.id: one for one in letters}

    def _answers(self) -> dict[str, Any]:
        return {
            subjects.TELEMETRY_STATE_GET: lambda _: self.state,
            subjects.AUTH_STATE_GET: lambda _: self.tokens,
            subjects.TELEMETRY_DEAD_LIST: self._list,
            subjects.TELEMETRY_DEAD_COUNT: self._count,
            subjects.TELEMETRY_LANES_PAUSE: self._pause,
            subjects.TELEMETRY_LANES_RESUME: self._resume,
            subjects.TELEMETRY_DEAD_GET: self._letter,
            subjects.TELEMETRY_DEAD_REPLAY: self._finish,
            subjects.TELEMETRY_DEAD_DISCARD: self._finish,
            subjects.TELEMETRY_SENSORS_GET: lambda asked: self.clouds.get(
                asked.sensor, telemetry.SensorAtCloud(points=[])
            ),
            subjects.REGISTRY_GATEWAYS_LIST: lambda asked: self._paged(
                self.gateways, asked, registry.GatewayList
            ),
            subjects.REGISTRY_GATEWAYS_GET: lambda asked: _named(self.gateways, asked.id),
            subjects.REGISTRY_DEVICES_LIST: lambda _: registry.DeviceList(items=[]),
            subjects.REGISTRY_SENSORS_LIST: lambda asked: self._paged(
                self.sensors, asked, registry.SensorList
            ),
            subjects.REGISTRY_SENSORS_GET: lambda asked: _named(self.sensors, asked.id),
            subjects.OTOSENSE_SENSORS_LIST: lambda _: otosense.SensorList(items=self.motors),
        }

    def _paged(self, items: list[Any], asked: registry.ListRequest, made: Any) -> Any:
        later = [one for one in items if one.id > asked.after]
        more = len(later) > asked.limit
        return made(items=later[: asked.limit], next=later[asked.limit - 1].id if more else None)

    def _letter(self, asked: telemetry.DeadId) -> telemetry.DeadLetter:
        if asked.id not in self.letters:
            raise ProblemError.of("no-dead-letter", 404, f"there is no dead letter {asked.id}")
        return self.letters[asked.id]

    def _matching(self, wanted: telemetry.DeadFilter) -> list[telemetry.DeadLetter]:
        return [
            one
            for id_, one in sorted(self.letters.items())
            if id_ > wanted.after
            and (wanted.until is None or one.dead_at <= wanted.until)
            and all(
                getattr(wanted, name) in {None, getattr(one, name)}
                for name in ("reason", "gateway", "sensor")
            )
        ]

    def _list(self, wanted: telemetry.DeadFilter) -> telemetry.DeadList:
        found, most = self._matching(wanted), min(wanted.limit, self.page)
        return telemetry.DeadList(items=found[:most], next=found[most - 1].id if len(found) > most else None)

    def _count(self, wanted: telemetry.DeadFilter) -> telemetry.DeadCount:
        found = Counter(one.reason for one in self._matching(wanted))
        return telemetry.DeadCount(total=found.total(), by_reason=found)

    def _pause(self, asked: telemetry.PauseLanes) -> telemetry.Pauses:
        pause = telemetry.Pause(gateway=asked.gateway, sensor=asked.sensor, reason=asked.reason, at=1)
        self.state = self.state.model_copy(update={"paused": [*self.state.paused, pause]})
        return telemetry.Pauses(items=self.state.paused)

    def _resume(self, asked: telemetry.ResumeLanes) -> telemetry.Pauses:
        left = [
            one for one in self.state.paused if (one.gateway, one.sensor) != (asked.gateway, asked.sensor)
        ]
        self.state = self.state.model_copy(update={"paused": left})
        return telemetry.Pauses(items=left)

    def _finish(self, choice: telemetry.DeadChoice) -> telemetry.DeadDone:
        if choice.id is not None:
            del self.letters[self._letter(telemetry.DeadId(id=choice.id)).id]
            return telemetry.DeadDone(done=1)
        page = self._list(choice)
        for one in page.items:
            del self.letters[one.id]
        return telemetry.DeadDone(done=len(page.items), next=page.next)


def _named(items: Iterable[Any], id_: str) -> Any:
    for one in items:
        if one.id == id_:
            return one
    raise ProblemError.of("unknown", 404, f"there is no {id_}")


@dataclass(frozen=True)
class Shown:
    """A console over a world, and somebody's browser at it."""

    world: World
    watch: Watch
    actions: Actions
    browser: httpx2.AsyncClient

    async def sign_in(self, token: str = TOKEN, **headers: str) -> httpx2.Response:
        return await self.browser.post("/sign-in", data={"token": token}, headers=headers)


@asynccontextmanager
async def console(world: World, *, address: str = "192.0.2.9", **settings: Any) -> AsyncIterator[Shown]:
    """Not signed in. `address` is where the browser connects from."""
    chosen = PageSettings(**{"tokens": {"anna": SecretStr(TOKEN)}, **settings})
    watch, actions = Watch(world), Actions(world)
    app = application(chosen, world, watch, actions)
    transport = httpx2.ASGITransport(app=app, client=(address, 1))
    headers = {"Origin": ORIGIN}
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers) as browser:
        yield Shown(world, watch, actions, browser)
    await actions.close()
    watch.close()
