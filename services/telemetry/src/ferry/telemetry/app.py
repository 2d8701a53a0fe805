"""Wiring: a replica over nats-server and HTTP, started in order and stopped so that the next owner starts at once."""

import gc
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import cast
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry.trace import Tracer

from ferry.contract import subjects
from ferry.contract.telemetry import Presence
from ferry.runtime.events import Events
from ferry.runtime.http_calls import measured
from ferry.runtime.service import Service
from ferry.runtime.tokens import Tokens
from ferry.telemetry import handlers
from ferry.telemetry.dead_letters.count import DeadLetterCounts
from ferry.telemetry.dead_letters.store import DeadLetters
from ferry.telemetry.dead_letters.writer import NatsDeadLetters
from ferry.telemetry.delivery.at_the_cloud import SensorReader
from ferry.telemetry.delivery.cloud.client import thingplus
from ferry.telemetry.delivery.cloud.tokens import BusTokens
from ferry.telemetry.delivery.cloud.traced import TracedCloud
from ferry.telemetry.delivery.cloud.watched import WatchedCloud, Watchers
from ferry.telemetry.delivery.ports import Cloud
from ferry.telemetry.delivery.series import Traced
from ferry.telemetry.operators import metrics, per_partition
from ferry.telemetry.operators.events import Watch
from ferry.telemetry.operators.fill import Fill
from ferry.telemetry.operators.measured import Ages, MeasuredCloud, MeasuredDeadLetters
from ferry.telemetry.operators.pauses import PauseDocument
from ferry.telemetry.operators.state import StateReader
from ferry.telemetry.operators.traces import TracedDeadLetters, Traces, sampled_traceparent
from ferry.telemetry.registration.bucket import RegistryBucket
from ferry.telemetry.replica import Announce, Ports, Replica
from ferry.telemetry.settings import Settings
from ferry.telemetry.stream.in_flight import DeadLetterStream
from ferry.telemetry.stream.nats.acks import NatsAcks
from ferry.telemetry.stream.nats.clock import BusClock
from ferry.telemetry.stream.nats.consumers import NatsConsumers
from ferry.telemetry.stream.nats.pulls import NatsPulls
from ferry.telemetry.stream.nats.stored import NatsStoredMessages


def _calm_collector() -> None:
    """What lives as long as the service is not looked at again; the rest dies by its reference count.

    Measured: a fifth of the processor time of the hot path with the interpreter's own thresholds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@asynccontextmanager
async def lifespan(service: Service) -> AsyncIterator[None]:
    settings = cast("Settings", service.settings)
    tracer = service.seen.tracer if settings.otlp.endpoint else None
    trace = sampled_traceparent if tracer else lambda: None
    async with thingplus(settings.thingplus, settings.telemetry.concurrency_max, trace) as cloud:
        clock = BusClock()
        name = f"{socket.gethostname().split('.')[0][:32]}-{secrets.token_hex(4)}".replace("_", "-")
        meter = service.seen.meter
        host = urlsplit(settings.thingplus.url).hostname or ""
        counted = MeasuredCloud(cloud, host, measured(meter), meter)
        watchers = Watchers(service.nats)
        watched = WatchedCloud(counted, watchers)
        seen = TracedCloud(watched, tracer) if tracer else watched
        traces = Traces(service.seen.decided.get_tracer("ferry"), settings.otlp.sample_ratio)
        spans: Traced = traces.sending if tracer else nullcontext
        ports = await _ports(service, settings, name, seen, clock, tracer)
        replica = Replica(name, ports, settings.telemetry, spans)
        partitions = await ports.consumers.partitions()
        await clock.look(service.nats)  # first: by a wrong clock of the machine statuses would expire
        events = Events(service.jetstream, "telemetry")
        pauses = PauseDocument(service.jetstream, replica.paused, events)
        state = StateReader(
            *(service.jetstream, ports.consumers, replica.replicas, replica.observer, partitions, pauses),
            now_ms=clock.now_ms,
        )
        letters = DeadLetters(service.jetstream, traces.replaying if tracer else nullcontext)
        sensors = SensorReader(seen, ports.tokens)
        handlers.serve(service, state, letters, DeadLetterCounts(service.nats, letters), pauses, sensors)
        fill = Fill(service.jetstream)
        foreign = replica.requests.foreign.counts
        metrics.observe(meter, replica.observer.presence, fill.ratios, len(partitions), foreign)
        per_partition.observe(meter, lambda: replica.ownership.owned, clock.now_ms)
        replica.in_flight.ages = Ages(meter)
        await _hear(service.nats, replica)
        await watchers.listen()
        service.background(watchers.report(), "watchers")
        service.background(fill.watch(), "fill")
        service.background(clock.watch(service.nats), "bus-clock")
        service.background(pauses.watch(), "pauses")
        service.background(Watch(replica, events, fill.ratios).run(), "events")
        service.background(replica.run(partitions), "replica")
        _calm_collector()
        try:
            yield
        finally:
            await service.cancel_background()
            await replica.stop()


async def _ports(
    service: Service, settings: Settings, name: str, cloud: Cloud, clock: BusClock, tracer: Tracer | None
) -> Ports:
    client, jetstream = service.nats, service.jetstream
    dead_letters: DeadLetterStream = MeasuredDeadLetters(NatsDeadLetters(jetstream), service.seen.meter)
    pulls = NatsPulls(client)
    stored = NatsStoredMessages(client)
    await pulls.start()
    await stored.start()
    return Ports(
        consumers=NatsConsumers(jetstream, name, settings.telemetry.ack_wait_s),
        pulls=pulls,
        acks=NatsAcks(client, pulls),
        stored=stored,
        dead_letters=TracedDeadLetters(dead_letters, tracer) if tracer else dead_letters,
        cloud=cloud,
        tokens=BusTokens(Tokens(client, "thingplus")),
        registry=RegistryBucket(jetstream),
        announce=_announcing(client),
        now_ms=clock.now_ms,
    )


def _announcing(client: Client) -> Announce:
    async def announce(presence: Presence) -> None:
        await client.publish(subjects.TELEMETRY_PRESENCE, presence.model_dump_json().encode())

    return announce


async def _hear(client: Client, replica: Replica) -> None:
    async def hear(msg: Msg) -> None:
        await replica.hear(msg.data)

    await client.subscribe(subjects.TELEMETRY_PRESENCE, cb=hear)
