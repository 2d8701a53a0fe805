"""nats-server's stream of readings in memory: a work queue whose consumers are leases.

The rules that are played: a second consumer for a partition is refused; what is unacked comes again after `ack_wait`,
behind newer messages; deleting a consumer forgets what was pending, and a new one gets all that is left, in order;
an ack counts only while the message is pending; a purge takes messages that were delivered; what the transform does
not match lies outside the partitions; a full stream refuses publishers.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ferry.contract import topology
from ferry.telemetry.stream.delivery import Delivery, published_ms_of

ACCEPTED_TOKENS = 4
"""The transform's source, `ferry.v1.gateways.*.>`, has one more."""


class StreamFullError(Exception):
    """The publisher is told."""


@dataclass(slots=True)
class Stored:
    sequence: int
    partition: int
    subject: str
    body: bytes
    stored_ms: int
    headers: dict[str, str] | None = None

    def delivery(self) -> Delivery:
        """A new object each time: what a replica changes of it is its own."""
        published_ms = published_ms_of(self.headers, self.stored_ms)
        return Delivery(
            sequence=self.sequence,
            subject=self.subject,
            body=self.body,
            published_ms=published_ms,
            headers=self.headers,
            replayed=published_ms < self.stored_ms,
        )


@dataclass(slots=True)
class Pull:
    """A request for messages, as the server has it. `hand_over` gets a message and the consumer's number of it."""

    hand_over: Callable[[Stored, int], None]
    batch: int
    max_bytes: int
    ends: float
    """In s: the server forgets it then."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False
    """The consumer was deleted meanwhile."""


@dataclass(slots=True)
class Consumer:
    """`pending` has when each message is delivered again, in s, in that order; `cursor` is a place in `order`."""

    name: str
    partition: int
    replica: str
    cursor: int = 0
    delivered: int = 0
    pending: dict[int, float] = field(default_factory=dict)
    again: deque[int] = field(default_factory=deque)
    pull: Pull | None = None
    timer: asyncio.TimerHandle | None = None


class MemoryStream:
    """`on_end(sequence, how)` is told of each message that leaves: "ack", "term" or "purge"."""

    def __init__(self, partitions: int, ack_wait_s: float, now_ms: Callable[[], int]) -> None:
        self.partitions = partitions
        self.max_ack_pending = 1_000_000
        self.max_messages: int | None = None
        self.messages: dict[int, Stored] = {}
        self.consumers: dict[int, Consumer] = {}
        self.taken: list[tuple[float, int]] = []
        """When, in s of the loop, which partition's consumer was made."""
        self.last_sequence = 0
        self.on_end: Callable[[int, str], None] = lambda _sequence, _how: None
        self._ack_wait_s = ack_wait_s
        self._now_ms = now_ms
        self._of: dict[int, dict[int, Stored]] = {
            number: {} for number in [*range(partitions), topology.OUTSIDE]
        }
        self._order: dict[int, list[int]] = {number: [] for number in self._of}
        self._loop = asyncio.get_running_loop()

    def partition_of(self, subject: str) -> int:
        tokens = subject.split(".")
        if len(tokens) <= ACCEPTED_TOKENS or "*" in tokens or ">" in tokens:
            return topology.OUTSIDE
        number = 0x811C9DC5  # FNV-1a of the gateway, as nats-server's partition() has it
        for byte in tokens[3].encode(errors="surrogateescape"):
            number = ((number ^ byte) * 0x01000193) & 0xFFFFFFFF
        return number % self.partitions

    def publish(self, subject: str, body: bytes, headers: dict[str, str] | None = None) -> Stored:
        if self.max_messages is not None and len(self.messages) >= self.max_messages:
            raise StreamFullError
        self.last_sequence += 1
        partition = self.partition_of(subject)
        stored = Stored(self.last_sequence, partition, subject, body, self._now_ms(), headers)
        self.messages[stored.sequence] = stored
        self._of[partition][stored.sequence] = stored
        self._order[partition].append(stored.sequence)
        self._serve(partition)
        return stored

    def create(self, partition: int, name: str, replica: str) -> bool:
        """False where another consumer has the partition. The same once more changes nothing."""
        there = self.consumers.get(partition)
        if there is not None:
            return there.name == name
        self._order[partition] = sorted(self._of[partition])
        self.consumers[partition] = Consumer(name, partition, replica)
        self.taken.append((self._loop.time(), partition))
        return True

    def delete(self, name: str) -> None:
        consumer = self._named(name)
        if consumer is None:
            return
        del self.consumers[consumer.partition]
        if consumer.timer:
            consumer.timer.cancel()
        if consumer.pull:
            consumer.pull.gone = True
            consumer.pull.over.set()

    def _named(self, name: str) -> Consumer | None:
        return next((one for one in self.consumers.values() if one.name == name), None)

    def undelivered(self, partition: int) -> int:
        there, cursor = self._of[partition], self.consumers[partition].cursor
        return sum(sequence in there for sequence in self._order[partition][cursor:])

    def request(self, name: str, pull: Pull) -> Consumer | None:
        """None where there is no such consumer: nobody answers."""
        consumer = self._named(name)
        if consumer is not None:
            consumer.pull = pull
            self._serve(consumer.partition)
        return consumer

    def cancel(self, consumer: Consumer, pull: Pull) -> None:
        if consumer.pull is pull:
            consumer.pull = None

    def _serve(self, partition: int) -> None:
        consumer = self.consumers.get(partition)
        if consumer is None or consumer.pull is None:
            return
        pull = consumer.pull
        if self._loop.time() >= pull.ends:
            consumer.pull = None
            return
        while pull.batch > 0 and (stored := self._next(consumer)) is not None:
            size = len(stored.body) + len(stored.subject)
            if size > pull.max_bytes:
                self._give_back(consumer, stored.sequence)
                pull.batch = 0
                break
            pull.max_bytes -= size
            pull.batch -= 1
            consumer.delivered += 1
            consumer.pending.pop(stored.sequence, None)
            consumer.pending[stored.sequence] = self._loop.time() + self._ack_wait_s
            pull.hand_over(stored, consumer.delivered)
        self._watch(consumer)
        if pull.batch <= 0:
            consumer.pull = None
            pull.over.set()

    def _next(self, consumer: Consumer) -> Stored | None:
        there = self._of[consumer.partition]
        while consumer.again:
            sequence = consumer.again.popleft()
            if sequence in there and sequence in consumer.pending:
                return there[sequence]
        if len(consumer.pending) >= self.max_ack_pending:
            return None
        order = self._order[consumer.partition]
        while consumer.cursor < len(order):
            consumer.cursor += 1
            if (stored := there.get(order[consumer.cursor - 1])) is not None:
                return stored
        return None

    def _give_back(self, consumer: Consumer, sequence: int) -> None:
        if sequence in consumer.pending:
            consumer.again.appendleft(sequence)
        else:
            consumer.cursor -= 1

    def _watch(self, consumer: Consumer) -> None:
        """The oldest pending message is delivered again when its time is over."""
        if consumer.timer is None and consumer.pending:
            when = next(iter(consumer.pending.values()))
            consumer.timer = self._loop.call_at(when, self._expire, consumer)

    def _expire(self, consumer: Consumer) -> None:
        consumer.timer = None
        if self.consumers.get(consumer.partition) is not consumer:
            return
        now = self._loop.time()
        for sequence, when in list(consumer.pending.items()):
            if when > now:
                break
            del consumer.pending[sequence]
            consumer.pending[sequence] = now + self._ack_wait_s
            consumer.again.append(sequence)
        self._serve(consumer.partition)
        self._watch(consumer)

    def deliver_again(self, partition: int, sequence: int) -> None:
        """As after a leader change: what is pending comes again though nobody asked for it."""
        consumer = self.consumers.get(partition)
        if consumer is not None and sequence in consumer.pending and sequence not in consumer.again:
            consumer.again.append(sequence)
            self._serve(partition)

    def ack(self, name: str, sequence: int, how: str) -> None:
        """`how` is "ack" or "term": both end a message of a work queue."""
        consumer = self._named(name)
        if consumer is not None and consumer.pending.pop(sequence, None) is not None:
            self._remove(sequence, how)

    def in_progress(self, name: str, sequence: int) -> None:
        consumer = self._named(name)
        if consumer is not None and consumer.pending.pop(sequence, None) is not None:
            consumer.pending[sequence] = self._loop.time() + self._ack_wait_s

    def purge(self, subject: str | None = None) -> list[int]:
        """All messages, or those of one subject. Returns their sequences."""
        gone = [one.sequence for one in self.messages.values() if subject is None or one.subject == subject]
        for sequence in gone:
            consumer = self.consumers.get(self.messages[sequence].partition)
            if consumer is not None:
                consumer.pending.pop(sequence, None)
            self._remove(sequence, "purge")
        return gone

    def _remove(self, sequence: int, how: str) -> None:
        stored = self.messages.pop(sequence, None)
        if stored is not None:
            del self._of[stored.partition][sequence]
            self.on_end(sequence, how)

    def read(self, partition: int, subject: str, first: int, most: int) -> list[Stored]:
        """Messages of one subject from sequence `first` on."""
        there = self._of[partition].values()
        return [one for one in there if one.sequence >= first and one.subject == subject][:most]
