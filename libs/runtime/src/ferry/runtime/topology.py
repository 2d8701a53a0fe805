"""Makes and migrates the streams, buckets and consumers that the contract names: `python -m ferry.runtime.topology`.

The one owner of the topology, run before the services; services never alter a stream.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable
from typing import Annotated

import nats
import structlog
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
    SubjectTransform,
)
from nats.js.errors import APIError, NotFoundError
from pydantic import Field, ValidationError

from ferry.contract import topology
from ferry.runtime import connection
from ferry.runtime.migration import Change, RefusedError, consumer_change, repartition, stream_change
from ferry.runtime.settings import NatsSettings, RuntimeSettings

AGAIN_S = 1.0
REFUSED = 3
"""The exit code for what would lose messages: another try ends the same, as with 2 for wrong settings."""
SMALLEST_DUPLICATE_WINDOW_S = 0.1
"""The server takes no 0; de-duplication is stream-wide, so a publisher could swallow another's reading."""

_log = structlog.get_logger(__name__)


class TopologySettings(RuntimeSettings):
    """Its password may lie in a file too, as every service's. `drain_s` (s) bounds a change of `partitions`."""

    replicas: Annotated[int, Field(ge=1, le=5)] = 1
    partitions: Annotated[int, Field(ge=1, le=1024)] = topology.PARTITIONS
    readings_max_bytes: Annotated[int, Field(ge=topology.MAX_BODY)] = topology.READINGS.max_bytes
    drain_s: Annotated[float, Field(gt=0)] = 300.0


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
        allow_msg_ttl=bucket.expires or None,
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


async def apply(
    jetstream: JetStreamContext,
    settings: TopologySettings,
    say: Callable[[str], None] = lambda _: None,
    ended: asyncio.Event | None = None,
) -> list[Change]:
    """Creates what is missing, updates what differs; the changes, in order. `say` hears of each as it is made.

    Refuses before it touches anything; `ended` ends the wait for a stream to be worked off. Raises
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


async def differences(jetstream: JetStreamContext, settings: TopologySettings) -> list[Change]:
    """What the server has otherwise than the contract and the settings want it. Raises nats-py's errors."""
    wanted = [stream_config(stream, settings) for stream in topology.STREAMS]
    wanted += [bucket_config(bucket, settings) for bucket in topology.BUCKETS]
    found = [await stream_change(jetstream, config) for config in wanted]
    found += [
        await consumer_change(jetstream, consumer.stream, consumer_config(consumer))
        for consumer in topology.CONSUMERS
    ]
    return [change for change in found if change is not None]


async def until_laid(jetstream: JetStreamContext, stream: str) -> StreamInfo:
    """Waits for the job: a service may well be there before it. Raises nats-py's errors, but not of absence."""
    while True:
        try:
            return await jetstream.stream_info(stream)
        except NotFoundError:
            _log.warning("topology.missing", stream=stream, hint="run `python -m ferry.runtime.topology`")
        await asyncio.sleep(AGAIN_S)


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


async def _main(settings: TopologySettings, *, check: bool) -> int:
    ended = asyncio.Event()  # no cancellation: nats-py, built on Python 3.11's wait_for, may swallow one
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    client = await nats.connect(**{**connection.options(settings.nats), "disconnected_cb": None})
    jetstream = client.jetstream(timeout=10)
    try:
        changes = await (
            differences(jetstream, settings) if check else apply(jetstream, settings, _say, ended)
        )
    except RefusedError as error:
        _say(str(error))
        return 1 if ended.is_set() else REFUSED
    except APIError as error:  # such as a cluster without room for three replicas
        _say(f"the server refuses: {error.description}")
        return 1
    finally:
        await client.close()
    if not changes:
        _say("streams, buckets and consumers are as they should be")
    if check:
        for change in changes:
            _say(str(change))
    return int(check and bool(changes))


def _say(line: str) -> None:
    sys.stderr.write(f"topology: {line}\n")


def main() -> None:
    """0: all is as it should be; 1: it differs (--check), or the server refuses; 2: wrong settings; 3: refused."""
    parser = argparse.ArgumentParser(prog="ferry.runtime.topology", description=__doc__)
    parser.add_argument("--check", action="store_true", help="say what differs, change nothing")
    chosen = parser.parse_args()
    try:
        settings = TopologySettings()
    except ValidationError as error:
        _say(str(error))
        sys.exit(2)
    sys.exit(asyncio.run(_main(settings, check=chosen.check)))


if __name__ == "__main__":
    main()
