"""What is in flight: received from the stream, kept in memory within bounds, until it is acked or parked.

A parked message stays unacked in the stream; its lane remembers its sequence and reads it again.
"""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from ferry.telemetry.clock import NowMs
from ferry.telemetry.stream.delivery import Cause, Delivery
from ferry.telemetry.stream.partition import Partition
from ferry.telemetry.stream.ports import Acks

GATEWAY_SHARE = 4
"""One gateway takes at most this part of the memory; what comes beyond that is parked."""
CROWDED = 0.5
"""From this part of the bounds on, lanes that wait give up their memory."""

ROOM_S = 0.02

_log = structlog.get_logger(__name__)


class AgeRecorder(Protocol):
    """Of the ages, in ms, of messages as they are acked."""

    def wants_one(self) -> bool: ...
    def record(self, age_ms: int) -> None: ...


class DeadLetterStream(Protocol):
    async def store(self, delivery: Delivery, cause: Cause) -> bool:
        """True once the dead letter is confirmed."""


@dataclass(slots=True)
class Counts:
    delivered: int = 0
    dead: int = 0


class InFlight:
    def __init__(
        self, acks: Acks, dead_letters: DeadLetterStream, max_messages: int, max_bytes: int, now_ms: NowMs
    ) -> None:
        self.counts = Counts()
        self.ages: AgeRecorder | None = None
        self.partitions: set[Partition] = set()
        self.messages = 0
        self.bytes = 0
        self._acks = acks
        self._dead_letters = dead_letters
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._now_ms = now_ms
        self._of_gateway: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        """Messages and bytes."""
        self._tasks: set[asyncio.Task[None]] = set()

    def is_crowded_for(self, gateway: str) -> bool:
        """Whether the lanes of this gateway that wait should give up their memory: the others need it."""
        messages, size = self._of_gateway.get(gateway, (0, 0))
        messages, size = max(self.messages, messages * GATEWAY_SHARE), max(self.bytes, size * GATEWAY_SHARE)
        return messages >= self._max_messages * CROWDED or size >= self._max_bytes * CROWDED

    @property
    def may_pull(self) -> bool:
        """What the pulls that are out bring must find room, too: else it is read twice."""
        return self.messages < self._max_messages * CROWDED and self.bytes < self._max_bytes * CROWDED

    def has_room_for(self, gateway: str, *, failing: bool = False) -> bool:
        """A failing lane may wait for long: it leaves half of its gateway's share to those that work."""
        if self.messages >= self._max_messages or self.bytes >= self._max_bytes:
            return False
        if failing and self.is_crowded_for(gateway):
            return False
        used = self._of_gateway.get(gateway)
        if used is None:
            return True
        return used[0] * GATEWAY_SHARE < self._max_messages and used[1] * GATEWAY_SHARE < self._max_bytes

    async def wait_for_room(self, partition: Partition, gateway: str) -> None:
        """Raises LeaseLost."""
        while not self.has_room_for(gateway):
            await asyncio.sleep(ROOM_S)
            partition.check_new_work()

    def take(self, partition: Partition, delivery: Delivery, gateway: str, points: int = 1) -> None:
        delivery.gateway = gateway
        weight = delivery.weigh(points)
        partition.in_flight[delivery.sequence] = delivery
        self.messages += 1
        self.bytes += weight
        used = self._of_gateway[gateway]
        used[0] += 1
        used[1] += weight

    def settle(self, partition: Partition, delivery: Delivery) -> None:
        """Nothing is left to do for it: acks it, or stores its dead letter where it has a cause."""
        if delivery.settled:
            return
        delivery.settled = True
        if delivery.cause is not None:
            self.spawn(self._dead_letter(partition, delivery, delivery.cause))
        elif self._drop(partition, delivery):
            self.counts.delivered += 1
            if self.ages is not None and self.ages.wants_one():
                self.ages.record(self._now_ms() - delivery.published_ms)
            self._acks.ack(partition.consumer, delivery.sequence)

    def reject(self, partition: Partition, delivery: Delivery, gateway: str, cause: Cause) -> None:
        """A message that cannot be delivered, as it arrives. Where memory is short its dead letter waits its turn."""
        if self.has_room_for(gateway):
            self.take(partition, delivery, gateway)
            delivery.cause = cause
            self.settle(partition, delivery)
        else:
            partition.keep_unstored(delivery, cause)

    def settle_parked(self, partition: Partition, sequence: int) -> None:
        """A parked message that needs not be sent any more."""
        self.counts.delivered += 1
        self._acks.ack(partition.consumer, sequence)

    async def _dead_letter(self, partition: Partition, delivery: Delivery, cause: Cause) -> None:
        if await self._dead_letters.store(delivery, cause):
            self.finish_dead_letter(partition, delivery, cause)
        elif self._drop(partition, delivery):
            partition.keep_unstored(delivery, cause)

    def finish_dead_letter(self, partition: Partition, delivery: Delivery, cause: Cause) -> None:
        """Its dead letter is stored: the original ends, unless it belongs to another replica by now."""
        if partition.lost:
            return
        self._drop(partition, delivery)
        self.counts.dead += 1
        self._acks.terminate(partition.consumer, delivery.sequence, cause.reason.value)

    def park(self, partition: Partition, delivery: Delivery) -> None:
        """Out of memory: it stays unacked, and its lane reads it again."""
        self._drop(partition, delivery)

    def _drop(self, partition: Partition, delivery: Delivery) -> bool:
        """False when its partition was lost meanwhile: the message is another's to ack."""
        if partition.in_flight.pop(delivery.sequence, None) is None:
            return False
        self.messages -= 1
        self.bytes -= delivery.weight
        used = self._of_gateway[delivery.gateway]
        used[0] -= 1
        used[1] -= delivery.weight
        if not used[0]:
            del self._of_gateway[delivery.gateway]
        return True

    def release(self, partition: Partition) -> None:
        """Forgets all of the partition: it is delivered again, to its next owner."""
        partition.lost = True
        self.partitions.discard(partition)
        for delivery in list(partition.in_flight.values()):
            self._drop(partition, delivery)
        partition.unstored.clear()

    def say_in_progress(self) -> None:
        """What waits in memory for its cloud must not be delivered a second time meanwhile."""
        for partition in self.partitions:
            for sequence in partition.in_flight:
                self._acks.in_progress(partition.consumer, sequence)

    def oldest_ms(self) -> int | None:
        """How long ago, in ms, the oldest message in flight was published."""
        # a partition's messages come in order, so that the first in flight is mostly its oldest
        firsts = (next(iter(partition.in_flight.values()), None) for partition in self.partitions)
        oldest = min((delivery.published_ms for delivery in firsts if delivery), default=None)
        return None if oldest is None else max(0, self._now_ms() - oldest)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Work for what is in flight, ended with it. It must handle its own exceptions."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("in_flight.task_failed", exc_info=error)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
