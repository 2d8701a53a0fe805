"""Creates and migrates the streams, buckets and consumers of the contract."""

import asyncio
from collections.abc import Callable

from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, StreamConfig

from ferry.client.topology.migration import (
    Change,
    Infos,
    RefusedError,
    consumer_change,
    repartition,
    stream_change,
)
from ferry.client.topology.settings import TopologySettings
from ferry.contract import topology
from ferry.contract.jetstream import bucket_config, consumer_config, stream_config


async def apply(
    jetstream: JetStreamContext,
    settings: TopologySettings,
    say: Callable[[str], None] = lambda _: None,
    ended: asyncio.Event | None = None,
) -> list[Change]:
    """Creates what is missing, updates what differs; the changes, in order. `say` hears of each as it is made.

    Refuses before it touches anything; `ended` ends the wait for a stream to drain. Raises
    RefusedError, which says what to do, and nats-py's errors.
    """
    changes = await differences(jetstream, settings)
    for change in changes:
        if reason := change.refusal():
            raise RefusedError(f"{change.name}: {reason}")
    for change in changes:
        say(str(change))
        if change.repartitions:
            await repartition(jetstream, change, settings.drain_s, ended or asyncio.Event())
        await change.make(jetstream)
        if change.repartitions:
            say("restart every replica of telemetry now: it learns the number of partitions when it starts")
    return changes


async def differences(jetstream: Infos, settings: TopologySettings) -> list[Change]:
    """What the server has otherwise than the contract and the settings want it. Raises nats-py's errors."""
    found = [await stream_change(jetstream, config) for config in wanted_streams(settings)]
    found += [
        await consumer_change(
            jetstream, consumer.stream, ConsumerConfig.from_response(consumer_config(consumer))
        )
        for consumer in topology.CONSUMERS
    ]
    return [change for change in found if change is not None]


def wanted_streams(settings: TopologySettings) -> list[StreamConfig]:
    """The streams, then the buckets as streams."""
    streams = [
        stream_config(
            stream,
            replicas=settings.replicas,
            partitions=settings.partitions,
            max_bytes=settings.readings_max_bytes if stream is topology.READINGS else None,
        )
        for stream in topology.STREAMS
    ]
    buckets = [bucket_config(bucket, replicas=settings.replicas) for bucket in topology.BUCKETS]
    return [StreamConfig.from_response(config) for config in (*streams, *buckets)]
