"""Waits for the streams, which the topology job creates; services never change one."""

import asyncio

import structlog
from nats.js import JetStreamContext
from nats.js.api import StreamConfig, StreamInfo
from nats.js.errors import NotFoundError

from ferry.contract import topology
from ferry.contract.jetstream import bucket_config

AGAIN_S = 1.0

_log = structlog.get_logger(__name__)


async def until_laid(jetstream: JetStreamContext, stream: str) -> StreamInfo:
    """Waits for the job: a service may well be there before it. Raises nats-py's errors, but not of absence."""
    while True:
        try:
            return await jetstream.stream_info(stream)
        except NotFoundError:
            _log.warning("topology.missing", stream=stream, hint="run `ferry topology`")
        await asyncio.sleep(AGAIN_S)


async def restore(jetstream: JetStreamContext, bucket: topology.Bucket) -> bool:
    """Makes a bucket again that is not there; whether it did.

    A server that stands alone forgets a memory bucket when it restarts, its configuration too, and what
    lay in it can be had again. Raises nats-py's errors.
    """
    try:
        await jetstream.stream_info(f"KV_{bucket.name}")
    except NotFoundError:
        await jetstream.add_stream(StreamConfig.from_response(bucket_config(bucket)))
        return True
    return False
