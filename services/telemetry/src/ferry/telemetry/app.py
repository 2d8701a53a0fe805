"""Wiring: the parts of the journey, started in order and stopped so that the next owner starts within a second."""

import asyncio
import gc
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import cast

from nats.aio.client import Client
from nats.aio.msg import Msg

from ferry.contract import subjects
from ferry.contract.telemetry import Presence
from ferry.runtime.service import Service
from ferry.runtime.tokens import Tokens
from ferry.telemetry import handlers, metrics
from ferry.telemetry.bearer import BusTokens
from ferry.telemetry.breaker import Breaker
from ferry.telemetry.bus_clock import BusClock
from ferry.telemetry.cloud import thingplus
from ferry.telemetry.dead_letters import DeadLetters
from ferry.telemetry.fates import BusFates
from ferry.telemetry.fill import Fill
from ferry.telemetry.gate import Gate
from ferry.telemetry.hand import Hand
from ferry.telemetry.journey import Journey
from ferry.telemetry.known import Known
from ferry.telemetry.leases import Leases
from ferry.telemetry.limiter import Failures, Limiter
from ferry.telemetry.ownership import Ownership
from ferry.telemetry.readings_stream import ReadingsStream
from ferry.telemetry.registry_bucket import RegistryBucket
from ferry.telemetry.replicas import Replicas
from ferry.telemetry.sender import RetryPolicy, Sender
from ferry.telemetry.series import Carrying
from ferry.telemetry.settings import JourneySettings, Settings
from ferry.telemetry.state import Observer, StateReader
from ferry.telemetry.traced import TracedCloud, Traces

TRICKLE = 512
"""Messages that are taken from the stream while the breaker is open."""
LISTEN_S = 0.3
"""How long a new replica listens for the others before it takes anything: all answer a newcomer at once."""


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
    async with thingplus(settings.thingplus, settings.telemetry.concurrency_max) as cloud:
        chosen = settings.telemetry
        replica = f"{socket.gethostname().split('.')[0][:32]}-{secrets.token_hex(4)}".replace("_", "-")
        failures = Failures()
        clock = BusClock()
        gate = Gate(
            Limiter(chosen.concurrency_max),
            Breaker(chosen.breaker_open_s, chosen.breaker_open_max_s, chosen.pause_max_s),
        )
        policy = RetryPolicy(
            *(chosen.retry_base_s, chosen.retry_cap_s, chosen.retry_budget_s),
            pause_max_s=chosen.pause_max_s,
            accept_any_json=chosen.accept_any_json,
        )
        traced = bool(settings.otlp.endpoint)
        seen = TracedCloud(cloud, service.seen.tracer) if traced else cloud
        carrying: Carrying = Traces(service.seen.tracer).carrying if traced else nullcontext
        sender = Sender(seen, BusTokens(Tokens(service.nats, "thingplus")), gate, policy, failures)
        fates = BusFates(service.nats, service.jetstream, chosen.give_back_s)
        hand = Hand(fates, chosen.in_flight_messages, chosen.in_flight_bytes)
        journey = Journey(
            sender, Known(RegistryBucket(service.jetstream)), hand, chosen, carrying, clock.now_ms
        )
        leases = Leases(service.jetstream, replica, chosen.ack_wait_s)
        replicas = Replicas(replica, chosen.silent_s)

        def may_pull() -> bool:
            # An open breaker needs lanes to probe with; those that fail must not keep the others in the stream.
            return hand.has_room and (gate.open or hand.messages < TRICKLE)

        stream = ReadingsStream(service.nats, journey.accept, may_pull)
        ownership = Ownership(
            *(leases, replicas, stream, hand, fates),
            asleep_s=chosen.silent_s * 0.8,
            drain_s=chosen.drain_s,
        )
        observer = Observer(replica, ownership, hand, sender, failures)
        partitions = await leases.partitions()
        handlers.serve(
            service,
            StateReader(service.jetstream, leases, replicas, observer, partitions),
            DeadLetters(service.jetstream),
        )
        fill = Fill(service.jetstream)
        metrics.observe(service.seen.meter, observer.presence, fill.ratios)
        await stream.start()
        await _listen(service.nats, replicas, observer.presence)
        service.background(fill.watch(), "fill")
        service.background(clock.watch(service.nats), "bus-clock")
        service.background(ownership.keep_awake(), "awake")
        service.background(_beat(service.nats, observer.presence, chosen), "heartbeat")
        service.background(_say_in_progress(ownership, fates, chosen), "in-progress")
        await asyncio.sleep(LISTEN_S)
        service.background(ownership.run(partitions), "ownership")
        _calm_collector()
        try:
            yield
        finally:
            await service.cancel_background()
            await service.nats.publish(
                subjects.TELEMETRY_PRESENCE, observer.presence(leaving=True).model_dump_json().encode()
            )
            await ownership.release_all()
            await hand.stop()


async def _listen(client: Client, replicas: Replicas, presence: Callable[..., Presence]) -> None:
    async def hear(msg: Msg) -> None:
        known = set(replicas.alive())
        heard = replicas.hear(msg.data)
        if heard is not None and not heard.leaving and heard.replica not in known:
            await client.publish(subjects.TELEMETRY_PRESENCE, presence().model_dump_json().encode())

    await client.subscribe(subjects.TELEMETRY_PRESENCE, cb=hear)
    await client.publish(subjects.TELEMETRY_PRESENCE, presence().model_dump_json().encode())


async def _beat(client: Client, presence: Callable[..., Presence], settings: JourneySettings) -> None:
    while True:
        await client.publish(subjects.TELEMETRY_PRESENCE, presence().model_dump_json().encode())
        await asyncio.sleep(settings.heartbeat_s)


async def _say_in_progress(ownership: Ownership, fates: BusFates, settings: JourneySettings) -> None:
    """What waits in hand for its cloud must not be delivered a second time meanwhile."""
    while True:
        await asyncio.sleep(settings.ack_wait_s / 3)
        for partition in ownership.held.values():
            for held in partition.in_hand.values():
                fates.in_progress(held)
