"""One replica's connection to the bus: the ports over the stream in memory, and what a network does to them."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field

from ferry.contract import topology
from ferry.telemetry.stream.delivery import Delivery
from ferry.telemetry.stream.ports import Holder, PullEnd, Receiver, StreamUnavailable
from memory.stream import Consumer, MemoryStream, Pull, Stored

EXPIRES_S, HEARTBEAT_S, BATCH = 5.0, 2.0, 256
"""As the real pulls have them."""
MAX_BYTES = topology.MAX_BODY + 128 * 1024
API_S = 5.0
"""How long the API is waited for."""


@dataclass
class Troubles:
    """What the network does; each callable is asked anew each time."""

    delivery_is_lost: Callable[[Stored], bool] = lambda _: False
    ack_is_lost: Callable[[int], bool] = lambda _: False
    api_fails: Callable[[], bool] = lambda: False
    """A request of the API is not answered; half of those were done."""
    api_was_done: Callable[[], bool] = lambda: False
    direct_is_behind: Callable[[], bool] = lambda: False
    """A direct get is answered by a server that is behind."""


@dataclass
class Link:
    """`up`: connected. `context` is the replica's: what arrives is its to handle, or waits while it is stopped."""

    stream: MemoryStream
    replica: str
    context: Context
    troubles: Troubles
    latency_s: float = 0.001
    up: bool = True
    alive: bool = True
    """False once the process was killed: nothing leaves it any more."""
    ack_log: Callable[[str, int, bool], None] = lambda _how, _sequence, _lost: None
    _waiting: list[Callable[[], None]] = field(default_factory=list)
    _arriving: deque[tuple[float, Callable[[], None]]] = field(default_factory=deque)

    def arrive(self, callback: Callable[[], None]) -> None:
        """At the replica, after the way there, in order."""
        when = asyncio.get_running_loop().time() + self.latency_s
        self._arriving.append((when, callback))
        if len(self._arriving) == 1:
            asyncio.get_running_loop().call_at(when, self._arrived, context=self.context)

    def _arrived(self) -> None:
        loop = asyncio.get_running_loop()
        while self._arriving and self._arriving[0][0] <= loop.time():
            self._arriving[0][1]()
            self._arriving.popleft()
        if self._arriving:
            loop.call_at(self._arriving[0][0], self._arrived, context=self.context)

    async def ask(self) -> None:
        """The way of a request of the API. Raises StreamUnavailable."""
        if not self.up or self.troubles.api_fails():
            await asyncio.sleep(API_S)
            raise StreamUnavailable("no answer")
        await asyncio.sleep(2 * self.latency_s)

    def leave(self, send: Callable[[], None]) -> None:
        """What is sent while the connection is away leaves when it is back."""
        if not self.alive:
            return
        if self.up:
            send()
        else:
            self._waiting.append(send)

    def connect(self) -> None:
        self.up = True
        waiting, self._waiting = self._waiting, []
        for send in waiting:
            send()

    def disconnect(self) -> None:
        """The server ends the pulls that it has of this connection."""
        self.up = False
        for consumer in self.stream.consumers.values():
            if consumer.replica == self.replica:
                consumer.pull = None


class MemoryConsumers:
    def __init__(self, link: Link) -> None:
        self._link = link

    async def partitions(self) -> list[int]:
        return [*range(self._link.stream.partitions), topology.OUTSIDE]

    def name_of(self, partition: int, replica: str) -> str:
        return topology.partition_consumer(partition, replica)

    async def take(self, partition: int) -> str | None:
        name = topology.partition_consumer(partition, self._link.replica)

        def create() -> bool:
            return self._link.stream.create(partition, name, self._link.replica)

        await self._asked(create)
        return name if create() else None

    async def drop(self, consumer: str) -> None:
        def delete() -> None:
            self._link.stream.delete(consumer)

        await self._asked(delete)
        delete()

    async def _asked(self, work: Callable[[], object]) -> None:
        """A request that nobody answers may have been done all the same."""
        try:
            await self._link.ask()
        except StreamUnavailable:
            if self._link.up and self._link.troubles.api_was_done():
                work()
            raise

    async def holders(self) -> dict[int, Holder]:
        await self._link.ask()
        stream = self._link.stream
        return {
            number: Holder(consumer.replica, stream.undelivered(number))
            for number, consumer in stream.consumers.items()
        }


class MemoryPulls:
    def __init__(self, link: Link) -> None:
        self._link = link

    async def pull(self, partition: int, consumer: str, receiver: Receiver) -> PullEnd:
        link, loop = self._link, asyncio.get_running_loop()

        def deliver(delivery: Delivery, number: int) -> None:
            if not receiver.receive(delivery, number):
                pull.over.set()

        def hand_over(stored: Stored, number: int) -> None:
            if link.up and not link.troubles.delivery_is_lost(stored):
                delivery = stored.delivery()
                link.arrive(lambda: deliver(delivery, number))

        pull = Pull(hand_over, BATCH, MAX_BYTES, loop.time() + EXPIRES_S)
        if not link.up:
            await asyncio.sleep(EXPIRES_S)
            return PullEnd.SUSPECT
        served = link.stream.request(consumer, pull)
        if served is None:
            await asyncio.sleep(2 * link.latency_s)
            return PullEnd.SUSPECT
        try:
            await self._follow(pull, served, receiver)
        finally:
            link.stream.cancel(served, pull)
        # what was handed over is on its way: it arrives before the next pull's
        await asyncio.sleep(2 * link.latency_s)
        return PullEnd.SUSPECT if pull.gone or not link.up else PullEnd.OVER

    async def _follow(self, pull: Pull, served: Consumer, receiver: Receiver) -> None:
        """Until it is over. A server that had nothing to deliver for HEARTBEAT_S says so."""
        for wait_s in (HEARTBEAT_S, HEARTBEAT_S, EXPIRES_S - 2 * HEARTBEAT_S):
            before = served.delivered
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await pull.over.wait()
            if pull.over.is_set():
                return
            if self._link.up and served.delivered == before and not receiver.idle(before):
                return


class MemoryAcks:
    def __init__(self, link: Link) -> None:
        self._link = link

    def ack(self, consumer: str, sequence: int) -> None:
        self._send("ack", sequence, lambda: self._link.stream.ack(consumer, sequence, "ack"))

    def in_progress(self, consumer: str, sequence: int) -> None:
        self._send("wpi", sequence, lambda: self._link.stream.in_progress(consumer, sequence))

    def terminate(self, consumer: str, sequence: int, reason: str) -> None:
        self._send("term", sequence, lambda: self._link.stream.ack(consumer, sequence, "term"))

    def _send(self, how: str, sequence: int, send: Callable[[], None]) -> None:
        lost = self._link.troubles.ack_is_lost(sequence)
        self._link.ack_log(how, sequence, lost)
        if not lost:
            # acks leave in the loop's next turn: a process that is killed in this one sends none
            asyncio.get_running_loop().call_soon(self._link.leave, send, context=self._link.context)

    async def flush(self) -> None:
        await self._link.ask()


class MemoryStoredMessages:
    def __init__(self, link: Link) -> None:
        self._link = link

    async def read(self, partition: int, subject: str, first: int, most: int) -> list[Delivery]:
        await self._link.ask()
        found = self._link.stream.read(partition, subject, first, most)
        if self._link.troubles.direct_is_behind():
            found = found[: len(found) // 2]
        return [one.delivery() for one in found]

    async def next_sequence(self, partition: int, subject: str, first: int) -> int | None:
        await self._link.ask()
        found = self._link.stream.read(partition, subject, first, 1)
        return found[0].sequence if found else None

    async def read_one(self, sequence: int) -> Delivery | None:
        await self._link.ask()
        stored = self._link.stream.messages.get(sequence)
        return stored.delivery() if stored else None
