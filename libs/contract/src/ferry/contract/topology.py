"""Streams and buckets. One job creates and migrates them; services never change them."""

import re
from dataclasses import dataclass
from typing import Literal

from ferry.contract import subjects

MIB = 1024 * 1024
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream's limits: `max_age_s` in s (0 means no limit), sizes in bytes."""

    name: str
    subjects: tuple[str, ...]
    retention: Literal["workqueue", "limits"]
    discard: Literal["new", "old"]
    max_bytes: int
    max_age_s: float = 0
    max_msg_size: int = MIB
    partitions: int | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    name: str
    storage: Literal["memory", "file"]
    max_bytes: int
    max_value_size: int = 64 * 1024
    expires: bool = False
    """Whether values may have a time to live."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """A durable pull consumer that replicas share; `ack_wait_s` in s. It redelivers without limit."""

    name: str
    stream: str
    ack_wait_s: float


PARTITIONS = 32
MAX_BODY = 512 * 1024
"""Bytes of one publication; the server refuses a larger one, so the publisher gets an error."""

READINGS = Stream(
    name="FERRY_READINGS",
    subjects=(subjects.PUBLISHED,),
    retention="workqueue",
    discard="new",
    max_bytes=2048 * MIB,
    max_msg_size=MAX_BODY,
    partitions=PARTITIONS,
)
DEAD = Stream(
    name="FERRY_DEAD",
    subjects=(subjects.DEAD,),
    retention="limits",
    discard="new",
    max_bytes=512 * MIB,
    max_age_s=30 * DAY_S,
)
EVENTS = Stream(
    name="FERRY_EVENTS",
    subjects=(subjects.EVENTS,),
    retention="limits",
    discard="old",
    max_bytes=256 * MIB,
    max_age_s=7 * DAY_S,
)
OTOSENSE_FOLLOW = Stream(
    name="FERRY_OTOSENSE_FOLLOW",
    subjects=(f"{subjects.OTOSENSE_FOLLOW}.>",),
    retention="workqueue",
    discard="new",
    max_bytes=64 * MIB,
)

TOKENS = Bucket("ferry-tokens", "memory", max_bytes=4 * MIB)
REGISTRY = Bucket("ferry-registry", "file", max_bytes=512 * MIB, expires=True)
OTOSENSE = Bucket("ferry-otosense", "file", max_bytes=128 * MIB)
TELEMETRY = Bucket("ferry-telemetry", "file", max_bytes=MIB)

OTOSENSE_FOLLOWER = Consumer("otosense-follow", OTOSENSE_FOLLOW.name, ack_wait_s=30)

STREAMS = (READINGS, DEAD, EVENTS, OTOSENSE_FOLLOW)
BUCKETS = (TOKENS, REGISTRY, OTOSENSE, TELEMETRY)
CONSUMERS = (OTOSENSE_FOLLOWER,)


OUTSIDE = -1
"""Stands for publications whose subject the stream's transform does not match, next to the partitions."""
OUTSIDE_FILTER = f"{subjects.PREFIX}.*.>"
"""Not the stream's own subject: nats-server 2.15.1 treats a consumer with it as one without a filter, in spite of
the transform, and then keeps what other consumers ack."""
_CONSUMER = re.compile(r"telemetry-(\d+|outside)-(.+)")


def partition_filter(partition: int) -> str:
    """The subjects of one partition in FERRY_READINGS: the stream's transform puts the number in front."""
    return OUTSIDE_FILTER if partition == OUTSIDE else f"{partition}.{subjects.PUBLISHED}"


def partition_consumer(partition: int, replica: str) -> str:
    """The consumer whose existence is the lease on the partition."""
    return f"telemetry-{'outside' if partition == OUTSIDE else partition}-{replica}"


def parse_partition_consumer(name: str) -> tuple[int, str] | None:
    """The partition and replica of a consumer that is a lease."""
    if (match := _CONSUMER.fullmatch(name)) is None:
        return None
    number, replica = match.groups()
    return OUTSIDE if number == "outside" else int(number), replica


def stored_subject(partition: int, published: str) -> str:
    """The subject of a publication in FERRY_READINGS."""
    return published if partition == OUTSIDE else f"{partition}.{published}"


def strip_partition(stored: str) -> str:
    """The subject as it was published."""
    first, _, rest = stored.partition(".")
    return rest if first.isdigit() else stored
