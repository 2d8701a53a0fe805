"""A partition's consumer is its lease: a work queue's server refuses a second one for the same filter."""

from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError, NotFoundError

from ferry.contract import topology
from ferry.contract.jetstream import partitions_of
from ferry.runtime.topology import until_laid
from ferry.telemetry.stream.ports import Holder, StreamUnavailable

STREAM = topology.READINGS.name
NOT_UNIQUE = {10099, 10100}
"""JSConsumerWQRequiresExplicitAck… is 10098; 10099 and 10100 say that another consumer has the filter."""
MAX_PENDING = 1_000_000
"""Parked messages are pending: a window that they could fill would stop the partition."""
INACTIVE_S = 120.0
PAGE = 256


class NatsConsumers:
    """`ack_wait_s`: after so long, in s, an unacked message that is not said to be in progress is delivered again."""

    def __init__(self, jetstream: JetStreamContext, replica: str, ack_wait_s: float) -> None:
        self._jetstream = jetstream
        self._replica = replica
        self._ack_wait_s = ack_wait_s

    async def partitions(self) -> list[int]:
        """Those that the stream was made with, and OUTSIDE. Waits for the stream to be made."""
        transform = (await until_laid(self._jetstream, STREAM)).config.subject_transform
        number = partitions_of(transform.dest) if transform else None
        if number is None:
            raise RuntimeError(f"{STREAM} has no partition transform: run `ferry topology`")
        return [*range(number), topology.OUTSIDE]

    def name_of(self, partition: int, replica: str) -> str:
        return topology.partition_consumer(partition, replica)

    async def take(self, partition: int) -> str | None:
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
            inactive_threshold=INACTIVE_S,
        )
        try:
            await self._jetstream.add_consumer(STREAM, config)
        except APIError as error:
            if error.err_code in NOT_UNIQUE:
                return None
            raise StreamUnavailable(str(error)) from None
        except (Error, TimeoutError) as error:
            raise StreamUnavailable(str(error) or type(error).__name__) from None
        return name

    async def drop(self, consumer: str) -> None:
        try:
            await self._jetstream.delete_consumer(STREAM, consumer)
        except NotFoundError:
            return
        except (Error, TimeoutError) as error:
            raise StreamUnavailable(str(error) or type(error).__name__) from None

    async def holders(self) -> dict[int, Holder]:
        found: dict[int, Holder] = {}
        offset = 0
        while True:
            try:
                page = await self._jetstream.consumers_info(STREAM, offset=offset)
            except (Error, TimeoutError) as error:
                raise StreamUnavailable(str(error) or type(error).__name__) from None
            for info in page:
                if (parsed := topology.parse_partition_consumer(info.name)) is not None:
                    found[parsed[0]] = Holder(parsed[1], info.num_pending or 0)
            offset += len(page)
            if len(page) < PAGE:
                return found
