"""Telemetry with one promise broken, to see that the oracle catches it: `mutant.py NAME`."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

from ferry.contract import topology
from ferry.telemetry import leases, ownership
from ferry.telemetry.__main__ import main
from ferry.telemetry.cloud import Answer, ThingPlusCloud
from ferry.telemetry.held import Held
from ferry.telemetry.journey import Journey
from ferry.telemetry.ownership import Ownership
from ferry.telemetry.partition import Partition


def ack_before_put() -> None:
    """A message is acked when it is taken in hand."""
    accept = Journey.accept

    def mutated(self: Journey, partition: Partition, held: Held) -> None:
        self._hand._fates.ack(held)
        accept(self, partition, held)

    Journey.accept = mutated  # type: ignore[method-assign]


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

    class Nobody(leases.Leases):
        async def holders(self) -> dict[int, tuple[str, int]]:
            return {}

    def uncounted(self: Partition, delivery: int) -> bool:
        return True

    def unheard(self: Partition, delivery: int) -> None:
        return

    Partition.takes = uncounted  # type: ignore[method-assign]
    Partition.heard_of = unheard  # type: ignore[method-assign]
    setattr(ownership, "owner", mine)  # noqa: B010 - the module's own name, not its export
    setattr(topology, "partition_consumer", shared)  # noqa: B010 - the same
    setattr(sys.modules["ferry.telemetry.app"], "Leases", Nobody)  # noqa: B010 - the same


def drop_on_shutdown() -> None:
    """What is in hand at a stop is acked, sent or not."""
    release = Ownership.release

    async def mutated(self: Ownership, partition: Partition) -> None:
        for held in partition.in_hand.values():
            self._fates.ack(held)
        await release(self, partition)

    Ownership.release = mutated  # type: ignore[method-assign]


MUTANTS: dict[str, Callable[[], Any]] = {
    mutant.__name__: mutant for mutant in (ack_before_put, ack_on_5xx, two_owners, drop_on_shutdown)
}

if __name__ == "__main__":
    MUTANTS[sys.argv[1]]()
    main()
