"""Starts a service (traces, health, bus, requests) and stops it; `process` runs it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar, cast

import nats.errors
import structlog
from faststream import FastStream
from faststream.nats import NatsBroker
from nats.js import JetStreamContext
from pydantic import BaseModel

from ferry.contract.operations import OPERATIONS
from ferry.runtime import connection, health
from ferry.runtime.direct import DirectClient
from ferry.runtime.events import Events
from ferry.runtime.loop_lag import LoopLag
from ferry.runtime.observability import Observability, observe
from ferry.runtime.requests.answering import Handler, serve
from ferry.runtime.requests.discovery import discoverable
from ferry.runtime.requests.durations import Durations
from ferry.runtime.requests.endpoints import Endpoint
from ferry.runtime.requests.inboxes import Inboxes
from ferry.runtime.settings import RuntimeSettings

Asked = TypeVar("Asked", bound=BaseModel)

_log = structlog.get_logger(__name__)

CANCEL_S = 2.0
"""A background task that still runs so long after its cancellation is cancelled again."""


class Service:
    """What a service's wiring is given: the bus, the events, the meters, and a place to answer requests."""

    def __init__(self, name: str, settings: RuntimeSettings, broker: NatsBroker, seen: Observability) -> None:
        self.name = name
        self.settings = settings
        self.broker = broker
        self.seen = seen
        self.ready_checks: list[health.Check] = []
        self.endpoints: list[Endpoint] = []
        self.inboxes = Inboxes(seen.meter)
        self.durations = Durations(seen.meter)
        self.serving = False
        """From when the server has the subscriptions until this service is asked to stop."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def nats(self) -> DirectClient:
        return cast("DirectClient", self.broker.config.broker_config.connection_state.connection)

    @property
    def jetstream(self) -> JetStreamContext:
        return self.broker.config.broker_config.connection_state.stream

    @property
    def events(self) -> Events:
        return Events(self.jetstream, self.name)

    def serve(self, subject: str, request: type[Asked], handler: Handler[Asked]) -> None:
        """Answers requests on `subject` once the lifespan has been entered. Raises TypeError."""
        operation = OPERATIONS.get(subject)
        if operation and operation.request is not request:
            raise TypeError(f"the contract has another request for {subject} than {request.__name__}")
        answer = operation.answer if operation else None
        endpoint = Endpoint(subject, f"ferry-{self.name}", request, answer)
        self.endpoints.append(endpoint)
        serve(self.broker, endpoint, handler, self.inboxes, self.durations, timeout_s=self.settings.request_s)

    def background(self, work: Awaitable[None], name: str) -> None:
        """Runs until the lifespan ends. Work that fails ends the service: a dead part is not left unseen."""

        async def supervised() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - carried to run(), which raises it
                _log.error("task.failed", task=name, exc_info=error)
                if not self._failed.done():
                    self._failed.set_exception(error)

        task = asyncio.create_task(supervised(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait_failed(self) -> None:
        """Returns never; raises what a background task failed with."""
        await asyncio.shield(self._failed)

    async def cancel_background(self) -> None:
        pending = set(self._tasks)
        while (
            pending
        ):  # asyncio.wait_for of Python 3.11, which nats-py is built on, may swallow a cancellation
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=CANCEL_S)

    async def alive(self) -> str | None:
        """A client that closed for good never comes back: only a restart helps (facts: auth expiry)."""
        state = self.broker.config.broker_config.connection_state
        return (
            "the connection to NATS is closed permanently" if state and state.connection.is_closed else None
        )

    async def ready(self) -> str | None:
        """Its requests are served, a JetStream round trip, then what the service itself watches."""
        if not self.broker.config.broker_config.connection_state:
            return "not connected to NATS yet"
        if not self.serving:
            return "not serving requests: starting or stopping"
        try:
            async with asyncio.timeout(2):
                await self.jetstream.account_info()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not ready
            return f"no JetStream round trip: {type(error).__name__}"
        for check in self.ready_checks:
            if wrong := await check():
                return wrong
        return None


Lifespan = Callable[[Service], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def running(name: str, settings: RuntimeSettings, lifespan: Lifespan) -> AsyncIterator[Service]:
    """The whole service, from its first log line to its last, as a context; tests run it in-process."""
    async with observe(name, settings.otlp) as seen:
        broker = connection.broker(name, settings.nats, seen, settings.shutdown_s / 2)
        service = Service(name, settings, broker, seen)
        service.background(LoopLag(seen.meter).run(), "loop-lag")
        async with health.serve(settings.health, service.alive, service.ready):
            _log.info("nats.connecting", servers=len(settings.nats.servers))
            try:
                await broker.connect()
                async with lifespan(service):
                    app = FastStream(broker, logger=None)
                    await app.start()
                    async with _discoverable(service):
                        for _ in range(2):  # nats-py's PING overtakes a SUB that is still in its buffer
                            await service.nats.flush()  # only now does the server have the subscriptions
                        service.serving = True
                        _log.info("service.started")
                        try:
                            yield service
                        finally:
                            service.serving = False
                            _log.info("service.stopping")
                    await _finish_requests(broker)
            finally:
                await service.cancel_background()
                with contextlib.suppress(nats.errors.Error):  # an unreachable bus has nothing left to drain
                    await broker.stop()


def _discoverable(service: Service) -> AbstractAsyncContextManager[object]:
    """Who answers no request is no service on the bus."""
    if not service.endpoints:
        return contextlib.nullcontext()
    return discoverable(service.nats, service.name, service.endpoints, service.inboxes)


async def _finish_requests(broker: NatsBroker) -> None:
    """Accepts no more requests and answers those received; the connection stays open until the end of the lifespan."""
    for subscriber in broker.subscribers:
        await subscriber.stop()
