"""The contract's streams, buckets and consumers in JetStream's API form: JSON, durations in ns (ADR-1, ADR-8)."""

import re
from typing import Any

from ferry.contract.topology import PARTITIONS, Bucket, Consumer, Stream

NS = 1_000_000_000
_PARTITION = re.compile(r"\{\{partition\((\d+),")
SMALLEST_DUPLICATE_WINDOW_NS = NS // 10
"""The server does not accept 0; de-duplication is stream-wide, so a publisher could suppress another's reading."""


def stream_config(
    stream: Stream, *, replicas: int = 1, partitions: int = PARTITIONS, max_bytes: int | None = None
) -> dict[str, Any]:
    config = {
        "name": stream.name,
        "subjects": list(stream.subjects),
        "retention": stream.retention,
        "storage": "file",
        "discard": stream.discard,
        "max_bytes": max_bytes or stream.max_bytes,
        "max_age": int(stream.max_age_s * NS),
        "max_msg_size": stream.max_msg_size,
        "num_replicas": replicas,
        "duplicate_window": SMALLEST_DUPLICATE_WINDOW_NS,
        "deny_delete": False,
        "allow_rollup_hdrs": False,
        "allow_direct": True,
    }
    if stream.partitions:
        config["subject_transform"] = {
            "src": "ferry.v1.gateways.*.>",
            "dest": f"{{{{partition({partitions},1)}}}}.ferry.v1.gateways.{{{{wildcard(1)}}}}.>",
        }
    return config


def partitions_of(destination: str) -> int | None:
    """How many partitions a stream has, by its transform's `dest`; None where that puts none in front."""
    match = _PARTITION.match(destination)
    return int(match[1]) if match else None


def bucket_config(bucket: Bucket, *, replicas: int = 1) -> dict[str, Any]:
    """A bucket is a stream (ADR-8), made without KV's own API because rollup must be denied: it wipes other keys."""
    return {
        "name": f"KV_{bucket.name}",
        "subjects": [f"$KV.{bucket.name}.>"],
        "retention": "limits",
        "storage": bucket.storage,
        "discard": "new",
        "max_bytes": bucket.max_bytes,
        "max_msg_size": bucket.max_value_size,
        "max_msgs_per_subject": 1,
        "num_replicas": replicas,
        "duplicate_window": SMALLEST_DUPLICATE_WINDOW_NS,
        "deny_delete": True,
        "allow_rollup_hdrs": False,
        "allow_direct": True,
        **({"allow_msg_ttl": True} if bucket.expires else {}),
    }


def consumer_config(consumer: Consumer) -> dict[str, Any]:
    """Unlimited `max_ack_pending`: a message that waits out its nak's delay counts as pending."""
    return {
        "durable_name": consumer.name,
        "ack_policy": "explicit",
        "ack_wait": int(consumer.ack_wait_s * NS),
        "max_deliver": -1,
        "max_ack_pending": -1,
    }
