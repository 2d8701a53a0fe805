"""Takes the partitions that this replica should own, and hands over the others."""

import asyncio

import structlog

from ferry.telemetry.stream.in_flight import InFlight
from ferry.telemetry.stream.partition import Partition
from ferry.telemetry.stream.ports import Acks, Consumers
from ferry.telemetry.stream.puller import Puller
from ferry.telemetry.stream.replicas import Replicas, owner

TURN_S = 0.25
STRAYS_S = 5.0
"""How often a replica looks for consumers in its own name that it does not own."""
SAY_AGAIN_S = 60.0

_log = structlog.get_logger(__name__)


class Ownership:
    """`asleep_s`: this replica was paused for longer than that, so others may own what it owned."""

    def __init__(
        self,
        consumers: Consumers,
        replicas: Replicas,
        puller: Puller,
        in_flight: InFlight,
        acks: Acks,
        *,
        asleep_s: float,
        drain_s: float,
    ) -> None:
        self.owned: dict[int, Partition] = {}
        self._consumers = consumers
        self._replicas = replicas
        self._puller = puller
        self._in_flight = in_flight
        self._acks = acks
        self._asleep_s = asleep_s
        self._drain_s = drain_s
        self._pulls: dict[int, asyncio.Task[None]] = {}
        self._loop = asyncio.get_running_loop()
        self._awake = self._loop.time()
        self._strays_at = self._awake + STRAYS_S
        self._say_unanswered_at = self._awake

    def is_awake(self) -> bool:
        return self._loop.time() - self._awake < self._asleep_s

    async def keep_awake(self) -> None:
        """A heartbeat of the loop itself: SIGSTOP or a stalled machine leave a gap in it."""
        while True:
            now = self._loop.time()
            if now - self._awake >= self._asleep_s:
                _log.warning("replica.was_paused", for_s=round(now - self._awake, 1))
                self._replicas.forget_absence()
                for partition in list(self.owned.values()):
                    self._lose(partition)
                self._replicas.changed.set()
            self._awake = now
            await asyncio.sleep(self._asleep_s / 8)

    async def run(self, partitions: list[int]) -> None:
        while True:
            self._replicas.changed.clear()
            try:
                await self._turn(partitions)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - JetStream may be away for a while
                self._unanswered(error)
            try:
                async with asyncio.timeout(TURN_S):
                    await self._replicas.changed.wait()
            except TimeoutError:
                continue

    async def _turn(self, partitions: list[int]) -> None:
        alive = self._replicas.alive()
        mine = {number for number in partitions if owner(number, alive) == self._replicas.name}
        for number, task in list(self._pulls.items()):
            if task.done() and number in self.owned and not self.owned[number].draining:
                await self._check(self.owned[number])
        leaving = [
            partition for number, partition in self.owned.items() if number not in mine or partition.broken
        ]
        for partition in leaving:
            if partition.broken:
                _log.warning("partition.taken_anew", partition=partition.number)
        if leaving:
            await asyncio.gather(*(self.release(partition) for partition in leaving))
        wanted = mine - self.owned.keys()
        if wanted:
            await self._take(wanted)
        if self._loop.time() >= self._strays_at:
            self._strays_at = self._loop.time() + STRAYS_S
            await self._drop_strays()

    async def _drop_strays(self) -> None:
        """A take or a drop that nobody answered may have been done, or not: the others wait as long as we live."""
        for number, (replica, _) in (await self._consumers.holders()).items():
            if replica == self._replicas.name and number not in self.owned:
                _log.warning("partition.stray", partition=number)
                await self._consumers.drop(self._consumers.name_of(number, replica))

    async def _take(self, wanted: set[int]) -> None:
        holders = await self._consumers.holders()
        for number in sorted(wanted):
            holder = holders.get(number)
            if holder is not None and self._replicas.is_dead(holder.replica):
                _log.warning("partition.taken_over", partition=number, silent=holder.replica)
                await self._consumers.drop(self._consumers.name_of(number, holder.replica))
            elif holder is not None:
                continue
            consumer = await self._consumers.take(number)
            if consumer is not None:
                self._open(Partition(number, consumer, self.is_awake))

    def _unanswered(self, error: Exception) -> None:
        """Said once a minute: JetStream may be away for long."""
        if self._loop.time() >= self._say_unanswered_at:
            self._say_unanswered_at = self._loop.time() + SAY_AGAIN_S
            _log.warning("stream.unanswered", error=type(error).__name__, detail=str(error)[:200])

    def _open(self, partition: Partition) -> None:
        self.owned[partition.number] = partition
        self._in_flight.partitions.add(partition)
        self._pulls[partition.number] = asyncio.create_task(self._puller.run(partition))

    async def _check(self, partition: Partition) -> None:
        """The pull ended by itself: recreates the consumer if it is gone, unless another replica has it."""
        consumer = await self._consumers.take(partition.number)
        if consumer is None:
            _log.warning("partition.lost", partition=partition.number)
            self._lose(partition)
        else:
            self._pulls[partition.number] = asyncio.create_task(self._puller.run(partition))

    def _lose(self, partition: Partition) -> None:
        self._in_flight.release(partition)
        self.owned.pop(partition.number, None)
        if pull := self._pulls.pop(partition.number, None):
            pull.cancel()

    async def release(self, partition: Partition) -> None:
        """Hands over: no new work, what is on its way returns, acks leave, then the consumer goes."""
        partition.draining = True
        deadline = self._loop.time() + self._drain_s
        while partition.busy and self._loop.time() < deadline:
            await asyncio.sleep(0.005)
        try:
            await self._acks.flush()
        finally:
            self._lose(
                partition
            )  # also when the bus is unreachable: a draining partition would never pull again
        await self._consumers.drop(partition.consumer)

    async def release_all(self) -> None:
        await asyncio.gather(*(self.release(partition) for partition in list(self.owned.values())))
