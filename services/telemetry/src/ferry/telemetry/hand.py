"""What is in hand: taken from the stream, bounded, and let go when its fate is told."""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from ferry.telemetry.held import Held, Verdict
from ferry.telemetry.partition import Partition


class Fates(Protocol):
    """How a message's fate is told to the stream."""

    def ack(self, held: Held) -> None: ...
    def give_back(self, held: Held) -> None: ...
    async def bury(self, held: Held, verdict: Verdict) -> bool:
        """True when the dead letter is confirmed and the original terminated."""


@dataclass(slots=True)
class Counts:
    delivered: int = 0
    dead: int = 0
    given_back: int = 0


class Hand:
    def __init__(self, fates: Fates, max_messages: int, max_bytes: int) -> None:
        self.counts = Counts()
        self.partitions: set[Partition] = set()
        self.messages = 0
        self.bytes = 0
        self._fates = fates
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def has_room(self) -> bool:
        return self.messages < self._max_messages and self.bytes < self._max_bytes

    def take(self, partition: Partition, held: Held) -> bool:
        """False when it came again while in hand: only where its fate is told has changed."""
        among = partition.in_hand
        before = among.get(held.sequence)
        if before is not None:
            before.ack = held.ack
            return False
        held.among = among
        among[held.sequence] = held
        self.messages += 1
        self.bytes += held.size
        return True

    def condemn(self, held: Held, verdict: Verdict) -> None:
        held.verdict = verdict
        self.settle(held)

    def settle(self, held: Held) -> None:
        """Nothing is left to do for it: acks it, or buries it when it carries a verdict."""
        if held.settled:
            return
        held.settled = True
        if held.verdict is not None:
            self.spawn(self._bury(held, held.verdict))
        elif self._drop(held):
            self.counts.delivered += 1
            self._fates.ack(held)

    async def _bury(self, held: Held, verdict: Verdict) -> None:
        if not await self._fates.bury(held, verdict):
            self.give_back(held)  # it comes again later and takes no room from others meanwhile
        elif self._drop(held):
            self.counts.dead += 1

    def give_back(self, held: Held) -> None:
        if self._drop(held):
            self.counts.given_back += 1
            self._fates.give_back(held)

    def _drop(self, held: Held) -> bool:
        """Out of hand. False when its partition was lost meanwhile: its fate is another's to tell."""
        if held.among.pop(held.sequence, None) is None:
            return False
        self.messages -= 1
        self.bytes -= held.size
        return True

    def release(self, partition: Partition) -> None:
        """Forgets all that the partition has in hand: it is delivered again, to its next owner."""
        partition.lost = True
        self.partitions.discard(partition)
        for held in list(partition.in_hand.values()):
            self._drop(held)

    def oldest_ms(self) -> int | None:
        """How long ago, in ms, the oldest message in hand was published."""
        # a partition's messages come in order, so that the first in hand is its oldest
        firsts = (next(iter(partition.in_hand.values()), None) for partition in self.partitions)
        oldest = min((held.published_ms for held in firsts if held), default=None)
        return None if oldest is None else time.time_ns() // 1_000_000 - oldest

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Work for what is in hand, ended with it."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
