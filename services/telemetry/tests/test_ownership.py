"""Two replicas over one stream in memory: a take-over, a hand-over, a pause, and consumers that nobody looks after."""

import asyncio
from contextvars import copy_context

from ferry.contract.telemetry import Presence
from ferry.telemetry.stream.in_flight import InFlight
from ferry.telemetry.stream.ownership import STRAYS_S, Ownership
from ferry.telemetry.stream.puller import Puller
from ferry.telemetry.stream.replicas import Replicas
from memory.link import Link, MemoryAcks, MemoryConsumers, MemoryPulls, Troubles
from memory.loop import VirtualLoop, context_of, run_virtually
from memory.services import MemoryDeadLetters
from memory.stream import MemoryStream

PARTITIONS = [*range(8)]
SILENT_S = 5.0


class Replica:
    """Owns partitions and tells its peers, until it is silent."""

    def __init__(self, name: str, stream: MemoryStream, peers: list["Replica"]) -> None:
        link = Link(stream, name, copy_context(), Troubles())
        self.consumers = MemoryConsumers(link)
        self.replicas = Replicas(name, SILENT_S)
        acks = MemoryAcks(link)
        in_flight = InFlight(acks, MemoryDeadLetters(), 1000, 10**6, lambda: 0)
        puller = Puller(MemoryPulls(link), in_flight, lambda: True, lambda *_: None)
        self.ownership = Ownership(
            *(self.consumers, self.replicas, puller, in_flight, acks), asleep_s=4.0, drain_s=0.5
        )
        self._peers = peers
        peers.append(self)

    @property
    def owned(self) -> set[int]:
        return set(self.ownership.owned)

    def tell(self, *, leaving: bool = False) -> None:
        body = Presence(replica=self.replicas.name, leaving=leaving).model_dump_json().encode()
        for peer in self._peers:
            peer.replicas.hear(body)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.ownership.keep_awake())
            tasks.create_task(self._beat())
            tasks.create_task(self.ownership.run(PARTITIONS))

    async def _beat(self) -> None:
        while True:
            self.tell()
            await asyncio.sleep(0.5)


class World:
    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.stream = MemoryStream(len(PARTITIONS), 60.0, lambda: 0)
        self._peers: list[Replica] = []

    def start(self, name: str) -> Replica:
        replica = Replica(name, self.stream, self._peers)
        self.loop.create_task(replica.run(), context=context_of(name))
        return replica

    def holders(self) -> set[str]:
        return {consumer.replica for consumer in self.stream.consumers.values()}


def run(check) -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        try:
            await check(world)
        finally:
            for name in ("one", "two"):
                await loop.end_process(name)

    run_virtually(main)


def test_two_replicas_share_the_partitions_and_none_is_owned_twice():
    async def check(world: World) -> None:
        one = world.start("one")
        await asyncio.sleep(2)
        assert one.owned == set(PARTITIONS)
        two = world.start("two")
        await asyncio.sleep(2)
        assert one.owned | two.owned == set(PARTITIONS)
        assert not one.owned & two.owned
        assert two.owned

    run(check)


def test_a_stopping_replica_hands_over_within_a_second():
    async def check(world: World) -> None:
        one, two = world.start("one"), world.start("two")
        await asyncio.sleep(2)
        two.tell(leaving=True)
        world.loop.stop_process("two")
        await two.ownership.release_all()
        await asyncio.sleep(1)
        assert (one.owned, world.holders()) == (set(PARTITIONS), {"one"})

    run(check)


def test_a_crashed_replicas_partitions_are_taken_over_once_it_was_silent():
    async def check(world: World) -> None:
        one, two = world.start("one"), world.start("two")
        await asyncio.sleep(2)
        theirs = two.owned
        world.loop.stop_process("two")
        await asyncio.sleep(SILENT_S - 1)
        assert not one.owned & theirs, "it may only be slow"
        await asyncio.sleep(3)
        assert one.owned == set(PARTITIONS)

    run(check)


def test_a_replica_that_was_paused_past_its_lease_drops_all_that_it_had():
    async def check(world: World) -> None:
        one, two = world.start("one"), world.start("two")
        await asyncio.sleep(2)
        before = dict(two.ownership.owned)
        assert not any(partition.lost for partition in before.values())
        world.loop.stop_process("two")
        await asyncio.sleep(SILENT_S + 3)
        assert not two.ownership.is_awake()
        world.loop.go_on("two")
        await asyncio.sleep(5)
        assert all(partition.lost for partition in before.values())
        assert one.owned | two.owned == set(PARTITIONS)
        assert not one.owned & two.owned

    run(check)


def test_a_consumer_in_its_own_name_that_it_does_not_own_is_dropped():
    """A take that nobody answered may have been done."""

    async def check(world: World) -> None:
        one, two = world.start("one"), world.start("two")
        await asyncio.sleep(2)
        stray = min(one.owned)
        consumer = world.stream.consumers[stray].name
        world.stream.delete(consumer)
        assert await two.consumers.take(stray)
        await asyncio.sleep(2 * STRAYS_S)
        assert world.stream.consumers[stray].replica == "one"
        assert one.owned | two.owned == set(PARTITIONS)

    run(check)
