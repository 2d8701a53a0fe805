"""A partition's consumer is its lease: a work queue's server refuses a second one for the same filter."""

import structlog
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError, NotFoundError

from ferry.contract import topology
from ferry.runtime.topology import until_laid

STREAM = topology.READINGS.name
NOT_UNIQUE = {10099, 10100}
"""JSConsumerWQRequiresExplicitAck… is 10098; 10099 and 10100 say that another consumer has the filter."""
MAX_PENDING = 1_000_000
"""Given-back messages count as pending: a window that they could fill would stop the partition."""


_log = structlog.get_logger(__name__)


class Leases:
    """Raises nats errors when JetStream does not answer; the caller tries again."""

    def __init__(self, jetstream: JetStreamContext, replica: str, ack_wait_s: float) -> None:
        self._jetstream = jetstream
        self._replica = replica
        self._ack_wait_s = ack_wait_s

    async def partitions(self) -> int:
        """How many the stream was made with: its transform says it. Waits for the stream to be made."""
        transform = (await until_laid(self._jetstream, STREAM)).config.subject_transform
        if transform is None or not transform.dest.startswith("{{partition("):
            raise RuntimeError(f"{STREAM} has no partition transform: run `ferry topology`")
        return int(transform.dest.removeprefix("{{partition(").split(",")[0])

    async def take(self, partition: int) -> str | None:
        """The consumer's name, or None when another replica holds the partition."""
        name = topology.partition_consumer(partition, self._replica)
        config = ConsumerConfig(
            name=name,
            durable_name=name,
            filter_subject=topology.partition_filter(partition),
            ack_policy=AckPolicy.EXPLICIT,
            deliver_policy=DeliverPolicy.ALL,
            ack_wait=self._ack_wait_s,
            max_deliver=-1,
            max_ack_pending=MAX_PENDING,
            inactive_threshold=self._ack_wait_s * 2,
        )
        try:
            await self._jetstream.add_consumer(STREAM, config)
        except APIError as error:
            if error.err_code in NOT_UNIQUE:
                return None
            raise
        return name

    async def drop(self, consumer: str) -> None:
        try:
            await self._jetstream.delete_consumer(STREAM, consumer)
        except NotFoundError:
            return

    async def holders(self) -> dict[int, tuple[str, int]]:
        """Who holds which partition, and how many of its messages are not yet delivered."""
        found: dict[int, tuple[str, int]] = {}
        offset = 0
        while True:
            page = await self._jetstream.consumers_info(STREAM, offset=offset)
            for info in page:
                prefix, partition, replica = [*info.name.split("-", 2), "", ""][:3]
                if prefix == "telemetry" and partition.isdigit():
                    found[int(partition)] = (replica, info.num_pending or 0)
            offset += len(page)
            if len(page) < 256:  # noqa: PLR2004 - the server's page
                return found
