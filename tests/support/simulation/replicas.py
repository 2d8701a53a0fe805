"""The replicas of a run: processes that start, stop, are killed, paused and cut off."""

import asyncio
from contextlib import nullcontext
from random import Random
from typing import Any

from ferry.contract.telemetry import Presence
from ferry.telemetry.delivery.ports import Cloud
from ferry.telemetry.registration.ports import Registry
from ferry.telemetry.replica import Ports, Replica
from ferry.telemetry.settings import TelemetrySettings
from ferry.telemetry.stream.in_flight import DeadLetterStream
from ferry.telemetry.stream.ports import StreamUnavailable
from memory.link import Link, MemoryAcks, MemoryConsumers, MemoryPulls, MemoryStoredMessages, Troubles
from memory.loop import VirtualLoop, context_of
from memory.services import MemoryAuth, MemoryTokens
from memory.stream import MemoryStream

HEARD_S = 0.002


class Process:
    """One replica. `alive` until it was killed or has stopped."""

    def __init__(self, fleet: "Fleet", name: str) -> None:
        self.name = name
        self.alive = True
        self.stopping = False
        self.replica: Replica | None = None
        self._fleet = fleet
        self.context = context_of(name)
        self.link = Link(
            fleet.stream,
            name,
            self.context,
            fleet.troubles,
            fleet.latency_s,
            ack_log=fleet.on_ack,
        )
        self._main = fleet.loop.create_task(self._run(), context=self.context)

    async def _run(self) -> None:
        fleet, link = self._fleet, self.link
        skew_ms = fleet.random.randint(-20, 20)
        ports = Ports(
            consumers=MemoryConsumers(link),
            pulls=MemoryPulls(link),
            acks=MemoryAcks(link),
            stored=MemoryStoredMessages(link),
            dead_letters=fleet.dead_letters,
            cloud=fleet.cloud,
            tokens=MemoryTokens(fleet.auth),
            registry=fleet.registry,
            announce=self._announce,
            now_ms=lambda: fleet.now_ms() + skew_ms,
        )
        self.replica = Replica(self.name, ports, fleet.settings, lambda _: nullcontext())
        try:
            await self.replica.run(await ports.consumers.partitions())
        except asyncio.CancelledError:
            if not self.stopping:
                raise
        except BaseException as error:  # noqa: BLE001 - whatever ends a replica is a fault of it
            fleet.on_crash(self.name, error)

    async def _announce(self, presence: Presence) -> None:
        if self.link.up and self.alive:
            self._fleet.spread(self, presence)

    def hear(self, body: bytes) -> None:
        replica = self.replica
        if replica is not None and self.link.up and self.alive:
            self._fleet.loop.call_later(HEARD_S, self._hear, replica, body, context=self.context)

    def _hear(self, replica: Replica, body: bytes) -> None:
        task = self._fleet.loop.create_task(replica.hear(body), context=self.context)
        self._fleet.hearing.add(task)
        task.add_done_callback(self._fleet.hearing.discard)

    def kill(self) -> None:
        self.alive = self.link.alive = False
        self._fleet.loop.stop_process(self.name)
        self.link.disconnect()

    async def stop(self) -> None:
        """SIGTERM."""
        if self.stopping or not self.alive or self.replica is None:
            return
        self.stopping = True
        stopping = self._fleet.loop.create_task(self._stop(self.replica), context=self.context)
        await stopping
        self.alive = self.link.alive = False
        self.link.disconnect()

    async def _stop(self, replica: Replica) -> None:
        self._main.cancel()
        await asyncio.gather(self._main, return_exceptions=True)
        try:
            await replica.stop()
        except StreamUnavailable:
            return


class Fleet:
    """What all replicas share, and the replicas."""

    def __init__(
        self,
        loop: VirtualLoop,
        random: Random,
        settings: TelemetrySettings,
        stream: MemoryStream,
        cloud: Cloud,
        auth: MemoryAuth,
        registry: Registry,
        dead_letters: DeadLetterStream,
        now_ms: Any,
        troubles: Troubles,
        latency_s: float,
    ) -> None:
        self.loop = loop
        self.random = random
        self.settings = settings
        self.stream = stream
        self.cloud = cloud
        self.auth = auth
        self.registry = registry
        self.dead_letters = dead_letters
        self.now_ms = now_ms
        self.troubles = troubles
        self.latency_s = latency_s
        self.processes: list[Process] = []
        self.hearing: set[asyncio.Task[None]] = set()
        self.crashes: list[tuple[str, BaseException]] = []
        self.on_ack: Any = lambda *_: None
        self.heartbeat_is_lost: Any = lambda: False

    def on_crash(self, name: str, error: BaseException) -> None:
        self.crashes.append((name, error))

    @property
    def alive(self) -> list[Process]:
        return [process for process in self.processes if process.alive and not process.stopping]

    def start(self) -> Process:
        process = Process(self, f"r{len(self.processes)}")
        self.processes.append(process)
        return process

    def spread(self, sender: Process, presence: Presence) -> None:
        body = presence.model_dump_json().encode()
        for process in self.processes:
            if process is not sender and process.alive and not self.heartbeat_is_lost():
                process.hear(body)

    async def end(self) -> None:
        """All of it, in order: also what was killed."""
        for process in self.processes:
            await self.loop.end_process(process.name)
