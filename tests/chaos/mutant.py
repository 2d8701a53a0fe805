"""Telemetry with one promise broken, to see that the oracle catches it: `mutant.py NAME`."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

from ferry.contract import topology
from ferry.telemetry.__main__ import main
from ferry.telemetry.delivery.cloud.client import ThingPlusCloud
from ferry.telemetry.delivery.ports import Answer
from ferry.telemetry.forwarding.accept import Acceptor
from ferry.telemetry.stream import ownership
from ferry.telemetry.stream.delivery import Delivery
from ferry.telemetry.stream.nats.consumers import NatsConsumers
from ferry.telemetry.stream.ownership import Ownership
from ferry.telemetry.stream.partition import Partition
from ferry.telemetry.stream.ports import Holder


def ack_before_put() -> None:
    """A message is acked when it is received."""
    accept = Acceptor.accept

    def mutated(self: Acceptor, partition: Partition, delivery: Delivery) -> None:
        self._in_flight._acks.ack(partition.consumer, delivery.sequence)
        accept(self, partition, delivery)

    Acceptor.accept = mutated  # type: ignore[method-assign]


def ack_on_5xx() -> None:
    """A failure of the cloud is taken for a success."""
    put = ThingPlusCloud.put

    async def mutated(self: ThingPlusCloud, path: str, body: bytes, bearer: str) -> Answer:
        answer = await put(self, path, body, bearer)
        return Answer(200, b'{"statusCode":200}') if answer.status >= 500 else answer

    ThingPlusCloud.put = mutated  # type: ignore[method-assign]


def two_owners() -> None:
    """Every replica thinks that it owns everything, all share one consumer, and nobody counts deliveries."""

    def mine(_: int, replicas: Iterable[str]) -> str:
        return next(iter(replicas))

    def shared(partition: int, _: str) -> str:
        return f"telemetry-{partition}-shared"

    class Nobody(NatsConsumers):
        async def holders(self) -> dict[int, Holder]:
            return {}

    def uncounted(self: Partition, number: int) -> bool:
        return True

    Partition.takes = uncounted  # type: ignore[method-assign]
    Partition.is_up_to_date = uncounted  # type: ignore[method-assign,assignment]
    setattr(ownership, "owner", mine)  # noqa: B010 - the module's own name, not its export
    setattr(topology, "partition_consumer", shared)  # noqa: B010 - the same
    setattr(sys.modules["ferry.telemetry.app"], "NatsConsumers", Nobody)  # noqa: B010 - the same


def drop_on_shutdown() -> None:
    """What is in flight at a stop is acked, sent or not."""
    release = Ownership.release

    async def mutated(self: Ownership, partition: Partition) -> None:
        for sequence in partition.in_flight:
            self._acks.ack(partition.consumer, sequence)
        await release(self, partition)

    Ownership.release = mutated  # type: ignore[method-assign]


MUTANTS: dict[str, Callable[[], Any]] = {
    mutant.__name__: mutant for mutant in (ack_before_put, ack_on_5xx, two_owners, drop_on_shutdown)
}

if __name__ == "__main__":
    MUTANTS[sys.argv[1]]()
    main()
