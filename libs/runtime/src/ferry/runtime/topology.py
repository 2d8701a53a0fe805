"""Makes the streams and buckets that the contract names: `python -m ferry.runtime.topology`.

The one owner of the topology, run before the services; services never alter a stream.
"""

import asyncio
import sys

import nats
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    SubjectTransform,
)
from nats.js.errors import NotFoundError
from pydantic import ValidationError

from ferry.contract import topology
from ferry.runtime import connection
from ferry.runtime.settings import NatsSettings, RuntimeSettings

SMALLEST_DUPLICATE_WINDOW_S = 0.1
"""The server takes no 0; de-duplication is stream-wide, so a publisher could swallow another's reading."""


class TopologySettings(RuntimeSettings):
    """Its password may lie in a file too, as every service's."""

    replicas: int = 1
    partitions: int = topology.PARTITIONS
    readings_max_bytes: int = topology.READINGS.max_bytes


def stream_config(stream: topology.Stream, settings: TopologySettings) -> StreamConfig:
    transform = None
    if stream.partitions:
        source = "ferry.v1.gateways.*.>"
        target = f"{{{{partition({settings.partitions},1)}}}}.ferry.v1.gateways.{{{{wildcard(1)}}}}.>"
        transform = SubjectTransform(src=source, dest=target)
    return StreamConfig(
        name=stream.name,
        subjects=list(stream.subjects),
        retention=RetentionPolicy(stream.retention),
        storage=StorageType.FILE,
        discard=DiscardPolicy(stream.discard),
        max_bytes=settings.readings_max_bytes if stream is topology.READINGS else stream.max_bytes,
        max_age=stream.max_age_s,
        max_msg_size=stream.max_msg_size,
        num_replicas=settings.replicas,
        duplicate_window=SMALLEST_DUPLICATE_WINDOW_S,
        deny_delete=False,
        allow_rollup_hdrs=False,
        allow_direct=True,
        subject_transform=transform,
    )


def bucket_config(bucket: topology.Bucket, settings: TopologySettings) -> StreamConfig:
    """A bucket is a stream (ADR-8); made by hand because rollup must be denied: it wipes other keys."""
    return StreamConfig(
        name=f"KV_{bucket.name}",
        subjects=[f"$KV.{bucket.name}.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType(bucket.storage),
        discard=DiscardPolicy.NEW,
        max_bytes=bucket.max_bytes,
        max_msg_size=bucket.max_value_size,
        max_msgs_per_subject=1,
        num_replicas=settings.replicas,
        duplicate_window=SMALLEST_DUPLICATE_WINDOW_S,
        deny_delete=True,
        allow_rollup_hdrs=False,
        allow_direct=True,
    )


def consumer_config(consumer: topology.Consumer) -> ConsumerConfig:
    """Unlimited `max_ack_pending`: a message that waits out its nak's delay counts as pending."""
    return ConsumerConfig(
        durable_name=consumer.name,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=consumer.ack_wait_s,
        max_deliver=-1,
        max_ack_pending=-1,
    )


async def apply(jetstream: JetStreamContext, settings: TopologySettings) -> list[str]:
    """Creates what is missing and updates what differs; the names of what it touched, in order."""
    wanted = [stream_config(stream, settings) for stream in topology.STREAMS]
    wanted += [bucket_config(bucket, settings) for bucket in topology.BUCKETS]
    touched = []
    for config in wanted:
        name = str(config.name)
        try:
            await jetstream.stream_info(name)
        except NotFoundError:
            await jetstream.add_stream(config)
            touched.append(f"created {name}")
        else:
            await jetstream.update_stream(config)
    for consumer in topology.CONSUMERS:
        await jetstream.add_consumer(consumer.stream, consumer_config(consumer))
    return touched


async def restore(jetstream: JetStreamContext, bucket: topology.Bucket, settings: NatsSettings) -> bool:
    """Makes a bucket again that is not there; whether it did.

    A server that stands alone forgets a memory bucket when it restarts, its configuration too, and what
    lay in it can be had again. Raises nats-py's errors.
    """
    try:
        await jetstream.stream_info(f"KV_{bucket.name}")
    except NotFoundError:
        await jetstream.add_stream(bucket_config(bucket, TopologySettings(nats=settings)))
        return True
    return False


async def _main(settings: TopologySettings) -> None:
    client = await nats.connect(**connection.options(settings.nats))
    try:
        for line in await apply(client.jetstream(timeout=10), settings):
            sys.stderr.write(f"topology: {line}\n")
    finally:
        await client.close()


def main() -> None:
    try:
        settings = TopologySettings()
    except ValidationError as error:
        sys.stderr.write(f"topology: {error}\n")
        sys.exit(2)
    asyncio.run(_main(settings))


if __name__ == "__main__":
    main()
