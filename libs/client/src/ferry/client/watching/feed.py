"""The lines of one watch, in a bounded queue that counts what it drops."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import SlowConsumerError

from ferry.client.connection import denial, open_client
from ferry.client.errors import NotPermittedError
from ferry.client.settings import NatsSettings
from ferry.client.watching.deliveries import Deliveries, watched_put
from ferry.client.watching.lines import Line, dead_letter, event, published
from ferry.contract import subjects
from ferry.contract.watching import WATCH_S, WatchRequest

Topic = Literal["readings", "dead", "events", "deliveries"]
TOPICS: tuple[Topic, ...] = get_args(Topic)
MOST = 1000
PENDING_BYTES = 16 * 1024 * 1024
LOOK_S = 0.5
LOST = "the connection is lost; trying again"
CONNECTED = "connected again: what passed meanwhile was not seen"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Only of this gateway and sensor, where they are named. Deliveries are then single PUTs, else counts."""

    topics: tuple[Topic, ...] = TOPICS
    gateway: str | None = None
    sensor: str | None = None

    @property
    def filtered(self) -> bool:
        return self.gateway is not None or self.sensor is not None

    @property
    def deliveries(self) -> str:
        return (
            subjects.watched_puts(self.gateway, self.sensor) if self.filtered else subjects.TELEMETRY_PRESENCE
        )

    def takes(self, line: Line) -> bool:
        """An event is known by what it says."""
        return (self.gateway is None or line.gateway == self.gateway) and (
            self.sensor is None or line.sensor == self.sensor
        )

    def subjects(self) -> dict[str, Topic]:
        gateway, sensor = self.gateway or "*", self.sensor or "*"
        readings = f"{subjects.PREFIX}.gateways.{gateway}.>" if self.gateway else subjects.PUBLISHED
        if self.sensor:
            readings = f"{subjects.PREFIX}.gateways.{gateway}.sensors.{sensor}.*"
        found: dict[str, Topic] = {
            readings: "readings",
            f"{subjects.PREFIX}.dead.*.{gateway}.{sensor}": "dead",
            subjects.EVENTS: "events",
        }
        found[self.deliveries] = "deliveries"
        return {subject: topic for subject, topic in found.items() if topic in self.topics}


class Feed:
    """Messages go in, lines come out; `lost` counts those for which there was no room."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._lines: asyncio.Queue[Line] = asyncio.Queue(MOST)
        self._deliveries = Deliveries()
        self.lost = 0

    def put(self, topic: Topic, subject: str, headers: dict[str, str] | None, body: bytes) -> None:
        line = self._line(topic, subject, headers, body)
        if line and (not self._wanted.filtered or self._wanted.takes(line)):
            self.note(line)

    def note(self, line: Line) -> None:
        try:
            self._lines.put_nowait(line)
        except asyncio.QueueFull:
            self.lost += 1

    async def next(self, within_s: float) -> Line | None:
        """None if there is none; lines that were dropped before it are reported first."""
        if self.lost:
            lost, self.lost = self.lost, 0
            return Line("note", f"{lost} messages are not shown: they came faster than they can be")
        try:
            return await asyncio.wait_for(self._lines.get(), within_s)
        except TimeoutError:
            return None

    def _line(self, topic: Topic, subject: str, headers: dict[str, str] | None, body: bytes) -> Line | None:
        match topic:
            case "readings":
                return published(subject, body)
            case "dead":
                return dead_letter(subject, headers, body)
            case "events":
                return event(subject, body)
            case "deliveries":
                return watched_put(body) if self._wanted.filtered else self._deliveries.since(body)


@asynccontextmanager
async def watching(settings: NatsSettings, wanted: Wanted) -> AsyncIterator[AsyncIterator[Line | None]]:
    """The lines as they come, and None now and then where none comes. Reconnects, and says so.

    Raises FerryError without a bus, NotPermittedError when nothing of it may be seen.
    """
    feed = Feed(wanted)
    troubles = _Troubles(settings, feed, wanted)
    asking: asyncio.Task[None] | None = None
    client = await open_client(settings, name="ferry-watch", on_error=troubles.note, reconnects=True)
    try:
        for subject, topic in wanted.subjects().items():
            take = _taking(feed, topic)
            await client.subscribe(subject, cb=take, pending_bytes_limit=PENDING_BYTES)
        await client.flush()
        if wanted.filtered and "deliveries" in wanted.topics:
            asking = asyncio.create_task(_ask_for_puts(client, wanted))
        yield _lines(client, feed, troubles, len(wanted.subjects()))
    finally:
        if asking:
            asking.cancel()
        await client.close()


async def _ask_for_puts(client: Client, wanted: Wanted) -> None:
    """Telemetry reports them for a while after each request, and reports nothing that nobody asked for."""
    request = WatchRequest(gateway=wanted.gateway, sensor=wanted.sensor)
    while True:
        with contextlib.suppress(nats.errors.Error):  # while the bus is away
            await client.publish(
                subjects.TELEMETRY_WATCH, request.model_dump_json(exclude_none=True).encode()
            )
        await asyncio.sleep(WATCH_S / 3)


def _taking(feed: Feed, topic: Topic) -> Callable[[Msg], "asyncio.Future[None]"]:
    async def take(message: Msg) -> None:
        feed.put(topic, message.subject, message.headers, message.data)

    return take  # type: ignore[return-value] # nats-py wants a coroutine function


class _Troubles:
    """What nats-py reports: rights that are missing, and messages that it had no room for."""

    def __init__(self, settings: NatsSettings, feed: Feed, wanted: Wanted) -> None:
        self._whom = f"user {settings.user!r}" if settings.user else "this user"
        self._feed = feed
        self._wanted = wanted
        self.denied: dict[str, NotPermittedError] = {}
        """By the subject that is not seen."""

    def note(self, error: Exception) -> None:
        if isinstance(error, SlowConsumerError):
            self._feed.lost += 1
        found = denial(error)
        if not found:
            return
        unseen = found.subject if found.verb == "subscribe" else self._wanted.deliveries.lower()
        if unseen in self.denied:
            return
        detail = f"{self._whom} may not {found.verb} to {found.subject}"
        allow = f'permissions {{ {found.verb}: {{ allow: [ "{found.subject}" ] }} }}'
        self.denied[unseen] = NotPermittedError.saying(
            "not permitted", detail=detail, hint=f"the server's configuration must allow it: {allow}"
        )
        self._feed.note(Line("note", f"not shown: {detail}"))


async def _lines(client: Client, feed: Feed, troubles: _Troubles, asked: int) -> AsyncIterator[Line | None]:
    connected = True
    while True:
        line = await feed.next(LOOK_S)
        if len(troubles.denied) >= asked:
            raise next(iter(troubles.denied.values()))
        if client.is_connected != connected:
            connected = client.is_connected
            yield Line("note", CONNECTED if connected else LOST)
        yield line
