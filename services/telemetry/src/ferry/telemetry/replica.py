"""One replica of telemetry, built from its ports: over nats-server and HTTP in `app`, over memory in simulation."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ferry.contract.telemetry import Presence
from ferry.telemetry.clock import NowMs
from ferry.telemetry.dead_letters.unstored import UnstoredDeadLetters
from ferry.telemetry.delivery.implied_status import ImpliedStatus
from ferry.telemetry.delivery.limits.breaker import Breaker
from ferry.telemetry.delivery.limits.gate import Gate
from ferry.telemetry.delivery.limits.limiter import Limiter
from ferry.telemetry.delivery.ports import Cloud, Tokens
from ferry.telemetry.delivery.requests import Requests
from ferry.telemetry.delivery.retries import RetryPolicy
from ferry.telemetry.delivery.series import SeriesForwarder, Traced
from ferry.telemetry.delivery.status import StatusForwarder
from ferry.telemetry.forwarding.accept import Acceptor
from ferry.telemetry.forwarding.admit import Admission
from ferry.telemetry.forwarding.backlog_reader import BacklogReader
from ferry.telemetry.forwarding.series_runner import SeriesRunner
from ferry.telemetry.forwarding.status_runner import StatusRunner
from ferry.telemetry.forwarding.work import Work
from ferry.telemetry.lanes.pauses import PausedLanes
from ferry.telemetry.lanes.times import TimeBounds
from ferry.telemetry.operators.errors import LastErrors
from ferry.telemetry.operators.presence import Observer
from ferry.telemetry.registration.absent import AbsentMessages
from ferry.telemetry.registration.ports import Registry
from ferry.telemetry.registration.registered import Registered
from ferry.telemetry.settings import TelemetrySettings
from ferry.telemetry.stream.in_flight import DeadLetterStream, InFlight
from ferry.telemetry.stream.ownership import Ownership
from ferry.telemetry.stream.ports import Acks, Consumers, Pulls, StoredMessages
from ferry.telemetry.stream.puller import Puller
from ferry.telemetry.stream.replicas import Replicas

SWEEP_S, SILENT_S = 60.0, 300.0
LISTEN_S = 0.3
"""How long a new replica listens for the others before it takes anything: all answer a newcomer at once."""

Announce = Callable[[Presence], Awaitable[None]]
"""Tells all replicas of this one, on core NATS."""


@dataclass(frozen=True, slots=True)
class Ports:
    """All that a replica needs of the world."""

    consumers: Consumers
    pulls: Pulls
    acks: Acks
    stored: StoredMessages
    dead_letters: DeadLetterStream
    cloud: Cloud
    tokens: Tokens
    registry: Registry
    announce: Announce
    now_ms: NowMs


class Replica:
    def __init__(self, name: str, ports: Ports, settings: TelemetrySettings, traced: Traced) -> None:
        self._ports = ports
        self._settings = settings
        self.errors = LastErrors()
        self.now_ms = ports.now_ms
        self.paused = PausedLanes()
        self.gate = Gate(
            Limiter(settings.concurrency_max),
            Breaker(settings.breaker_open_s, settings.breaker_open_max_s, settings.pause_max_s),
        )
        self.in_flight = InFlight(
            ports.acks,
            ports.dead_letters,
            settings.in_flight_messages,
            settings.in_flight_bytes,
            ports.now_ms,
        )
        policy = RetryPolicy(
            *(settings.retry_base_s, settings.retry_cap_s, settings.retry_budget_s),
            pause_max_s=settings.pause_max_s,
            accept_any_json=settings.accept_any_json,
        )
        self.requests = Requests(
            *(ports.cloud, ports.tokens, self.gate, policy, self.errors, ports.now_ms),
            is_crowded_for=self.in_flight.is_crowded_for,
        )
        absent = AbsentMessages(settings.unknown_messages)
        self._registered = Registered(ports.registry, absent, settings.unknown_grace_s)
        self.statuses = StatusForwarder(self.requests, ports.now_ms, traced)
        self.replicas = Replicas(name, settings.silent_s)
        puller = Puller(ports.pulls, self.in_flight, lambda: self.gate.open, self._acceptor(traced).accept)
        self.ownership = Ownership(
            *(ports.consumers, self.replicas, puller, self.in_flight, ports.acks),
            asleep_s=settings.silent_s * 0.8,
            drain_s=settings.drain_s,
        )
        self.observer = Observer(self)
        self._unstored = UnstoredDeadLetters(self.in_flight, ports.stored, ports.dead_letters)

    def _acceptor(self, traced: Traced) -> Acceptor:
        settings, ports, in_flight = self._settings, self._ports, self.in_flight
        registered, absent = self._registered, self._registered.absent
        bounds = TimeBounds(settings.earliest_time_ms, settings.time_ahead_s * 1000)
        admission = Admission(in_flight, bounds)
        implied = ImpliedStatus(self.requests, registered, ports.now_ms) if settings.imply_status else None
        forwarder = SeriesForwarder(self.requests, settings.put_max_points, settings.put_max_bytes, traced)
        work = Work(self.gate, self.paused)
        series = SeriesRunner(
            *(forwarder, registered, in_flight, BacklogReader(in_flight, ports.stored, admission)),
            *(work, implied),
            linger_s=settings.linger_s,
        )
        statuses = StatusRunner(self.statuses, registered, in_flight, ports.stored, admission, work)
        return Acceptor(in_flight, admission, series, statuses, absent, settings.lane_messages)

    async def run(self, partitions: list[int]) -> None:
        """Until it is cancelled. `stop` must follow."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.ownership.keep_awake())
            tasks.create_task(self._beat())
            tasks.create_task(self._say_in_progress())
            tasks.create_task(self._unstored.run())
            tasks.create_task(self._forget_silent())
            await asyncio.sleep(LISTEN_S)
            tasks.create_task(self.ownership.run(partitions))

    async def _forget_silent(self) -> None:
        """A sensor that is silent keeps little memory."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            for partition in self.ownership.owned.values():
                partition.forget_silent(loop.time() - SILENT_S)
            self._registered.forget_expired()

    async def hear(self, body: bytes) -> None:
        """A heartbeat; a newcomer is answered at once."""
        alive = set(self.replicas.alive())
        heard = self.replicas.hear(body)
        if heard is not None and not heard.leaving and heard.replica not in alive:
            await self._ports.announce(self.observer.presence())

    async def stop(self) -> None:
        """Hands over what it owns."""
        await self._ports.announce(self.observer.presence(leaving=True))
        await self.ownership.release_all()
        await self.in_flight.stop()

    async def _beat(self) -> None:
        while True:
            await self._ports.announce(self.observer.presence())
            await asyncio.sleep(self._settings.heartbeat_s)

    async def _say_in_progress(self) -> None:
        while True:
            await asyncio.sleep(self._settings.ack_wait_s / 3)
            self.in_flight.say_in_progress()
