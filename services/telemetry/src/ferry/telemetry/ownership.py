"""Which partitions this replica holds: it takes what it should own, and hands over what it should not."""

import asyncio

import structlog

from ferry.contract.topology import partition_consumer
from ferry.telemetry.fates import BusFates
from ferry.telemetry.hand import Hand
from ferry.telemetry.leases import Leases
from ferry.telemetry.partition import Partition
from ferry.telemetry.readings_stream import ReadingsStream
from ferry.telemetry.replicas import Replicas, owner

TURN_S = 0.25
STRAYS_S = 5.0
"""How often a replica looks for consumers in its own name that it does not hold."""
_log = structlog.get_logger(__name__)


class Ownership:
    """`asleep_s`: this replica was paused for longer than that, so others may own what it holds."""

    def __init__(
        self,
        leases: Leases,
        replicas: Replicas,
        stream: ReadingsStream,
        hand: Hand,
        fates: BusFates,
        *,
        asleep_s: float,
        drain_s: float,
    ) -> None:
        self.held: dict[int, Partition] = {}
        self._leases = leases
        self._replicas = replicas
        self._stream = stream
        self._hand = hand
        self._fates = fates
        self._asleep_s = asleep_s
        self._drain_s = drain_s
        self._pulls: dict[int, asyncio.Task[None]] = {}
        self._loop = asyncio.get_running_loop()
        self._awake = self._loop.time()
        self._strays_at = self._awake + STRAYS_S

    def is_fresh(self) -> bool:
        return self._loop.time() - self._awake < self._asleep_s

    async def keep_awake(self) -> None:
        """A heartbeat of the loop itself: SIGSTOP or a stalled machine leave a gap in it."""
        while True:
            now = self._loop.time()
            if now - self._awake >= self._asleep_s:
                _log.warning("replica.was_paused", for_s=round(now - self._awake, 1))
                self._replicas.forget_absence()
                for partition in list(self.held.values()):
                    self._lose(partition)
                self._replicas.changed.set()
            self._awake = now
            await asyncio.sleep(TURN_S / 2)

    async def run(self, partitions: int) -> None:
        while True:
            self._replicas.changed.clear()
            try:
                await self._turn(partitions)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - JetStream may be away for a while
                _log.warning("leases.unanswered", error=type(error).__name__)
            try:
                async with asyncio.timeout(TURN_S):
                    await self._replicas.changed.wait()
            except TimeoutError:
                continue

    async def _turn(self, partitions: int) -> None:
        alive = self._replicas.alive()
        mine = {number for number in range(partitions) if owner(number, alive) == self._replicas.name}
        for number, task in list(self._pulls.items()):
            if task.done() and number in self.held and not self.held[number].draining:
                await self._check(self.held[number])
        leaving = [
            partition for number, partition in self.held.items() if number not in mine or partition.broken
        ]
        for partition in leaving:
            if partition.broken:
                _log.warning("partition.taken_anew", partition=partition.number)
        if leaving:
            await asyncio.gather(*(self.release(partition) for partition in leaving))
        wanted = mine - self.held.keys()
        if wanted:
            await self._take(wanted)
        if self._loop.time() >= self._strays_at:
            self._strays_at = self._loop.time() + STRAYS_S
            await self._drop_strays()

    async def _drop_strays(self) -> None:
        """A take or a drop that nobody answered may have been done, or not: the others wait as long as we live."""
        for number, (holder, _) in (await self._leases.holders()).items():
            if holder == self._replicas.name and number not in self.held:
                _log.warning("partition.stray", partition=number)
                await self._leases.drop(partition_consumer(number, holder))

    async def _take(self, wanted: set[int]) -> None:
        holders = await self._leases.holders()
        for number in sorted(wanted):
            holder = holders.get(number, (None, 0))[0]
            if holder is not None and self._replicas.is_dead(holder):
                _log.warning("partition.taken_over", partition=number, silent=holder)
                await self._leases.drop(partition_consumer(number, holder))
            elif holder is not None:
                continue
            consumer = await self._leases.take(number)
            if consumer is not None:
                self._open(Partition(number, consumer, self.is_fresh))

    def _open(self, partition: Partition) -> None:
        self.held[partition.number] = partition
        self._hand.partitions.add(partition)
        self._pulls[partition.number] = asyncio.create_task(self._stream.run(partition))

    async def _check(self, partition: Partition) -> None:
        """The pull ended by itself: the consumer is made anew if it is gone, or is another's by now."""
        consumer = await self._leases.take(partition.number)
        if consumer is None:
            _log.warning("partition.lost", partition=partition.number)
            self._lose(partition)
        else:
            self._pulls[partition.number] = asyncio.create_task(self._stream.run(partition))

    def _lose(self, partition: Partition) -> None:
        self._hand.release(partition)
        self.held.pop(partition.number, None)
        if pull := self._pulls.pop(partition.number, None):
            pull.cancel()

    async def release(self, partition: Partition) -> None:
        """Hands over: no new work, what is on its way returns, acks leave, then the consumer goes."""
        partition.draining = True
        deadline = self._loop.time() + self._drain_s
        while partition.busy and self._loop.time() < deadline:
            await asyncio.sleep(0.005)
        try:
            await self._fates.flush()
        finally:
            self._lose(partition)  # also when the bus is away: a draining partition would never pull again
        await self._leases.drop(partition.consumer)

    async def release_all(self) -> None:
        await asyncio.gather(*(self.release(partition) for partition in list(self.held.values())))
