"""The ports of the stream of readings: one suite over nats-server and over the stream in memory of the simulation."""

import asyncio
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

import pytest

from ferry.contract import subjects, topology
from ferry.contract.dead import Reason
from ferry.runtime.direct import DirectClient
from ferry.telemetry.dead_letters.writer import NatsDeadLetters
from ferry.telemetry.stream.delivery import Cause
from ferry.telemetry.stream.nats.acks import NatsAcks
from ferry.telemetry.stream.nats.consumers import NatsConsumers
from ferry.telemetry.stream.nats.pulls import NatsPulls
from ferry.telemetry.stream.nats.stored import NatsStoredMessages
from ferry.telemetry.stream.ports import PullEnd
from harness.bus import bus as a_bus
from harness.processes import eventually
from memory.link import Link, MemoryAcks, MemoryConsumers, MemoryPulls, MemoryStoredMessages, Troubles
from memory.stream import MemoryStream

SERIES = subjects.sensor_series("g", "s")
OTHER = subjects.sensor_series("g", "other")
ACK_WAIT_S = 1.5


@dataclass
class Replica:
    consumers: Any
    pulls: Any
    acks: Any
    stored: Any


class Received:
    """What a pull brings; it ends with the `most`-th message."""

    def __init__(self, most):
        self.most = most
        self.messages = []
        self.numbers = []
        self.idle_at = []

    def receive(self, delivery, number):
        self.messages.append(delivery)
        self.numbers.append(number)
        return len(self.messages) < self.most

    def idle(self, last_number):
        self.idle_at.append(last_number)
        return False

    @property
    def sequences(self):
        return [delivery.sequence for delivery in self.messages]


class OverMemory:
    def __init__(self):
        loop = asyncio.get_running_loop()
        self.stream = MemoryStream(topology.PARTITIONS, ACK_WAIT_S, lambda: round(loop.time() * 1000))

    async def replica(self, name):
        link = Link(self.stream, name, copy_context(), Troubles())
        return Replica(MemoryConsumers(link), MemoryPulls(link), MemoryAcks(link), MemoryStoredMessages(link))

    async def publish(self, subject, body=b'{"value":"1"}', **headers):
        return self.stream.publish(subject, body, headers or None).sequence

    async def purge(self, subject):
        self.stream.purge(subject)

    async def left(self):
        return len(self.stream.messages)


class OverNats:
    def __init__(self, client):
        self._client = client
        self._jetstream = client.jetstream()

    async def replica(self, name):
        pulls = NatsPulls(self._client)
        stored = NatsStoredMessages(self._client)
        await pulls.start()
        await stored.start()
        consumers = NatsConsumers(self._jetstream, name, ACK_WAIT_S)
        return Replica(consumers, pulls, NatsAcks(self._client, pulls), stored)

    async def publish(self, subject, body=b'{"value":"1"}', **headers):
        return (await self._jetstream.publish(subject, body, headers=headers or None)).seq

    async def purge(self, subject):
        await self._jetstream.purge_stream(topology.READINGS.name, subject=f"*.{subject}")

    async def left(self):
        return (await self._jetstream.stream_info(topology.READINGS.name)).state.messages


@asynccontextmanager
async def connected(folder):
    async with a_bus(folder / "bus") as bus:
        await bus.lay()
        client = DirectClient()
        await client.connect(bus.url)
        yield client
        await client.close()


@pytest.fixture
async def client(tmp_path):
    async with connected(tmp_path) as client:
        yield client


@pytest.fixture(params=["memory", "nats"])
async def world(request, tmp_path):
    if request.param == "memory":
        yield OverMemory()
        return
    async with connected(tmp_path) as client:
        yield OverNats(client)


@pytest.fixture
async def one(world):
    return await world.replica("one")


async def partition_of(world, one, subject):
    """The only partition that has it, found as a replica finds it: by its consumers."""
    await world.publish(subject)
    for number in await one.consumers.partitions():
        if await one.stored.next_sequence(number, subject, 1):
            await world.purge(subject)
            return number
    raise AssertionError("no partition has it")


@pytest.fixture
async def owned(world, one):
    """A partition of gateway `g`, and its consumer."""
    number = await partition_of(world, one, SERIES)
    return number, await one.consumers.take(number)


async def pull(replica, owned, most):
    received = Received(most)
    end = await replica.pulls.pull(*owned, received)
    return received, end


async def test_a_partition_has_one_consumer_at_a_time(world, one, owned):
    number, consumer = owned
    two = await world.replica("two")
    assert await two.consumers.take(number) is None
    assert await one.consumers.take(number) == consumer
    assert (await two.consumers.holders())[number].replica == "one"
    await two.consumers.drop(two.consumers.name_of(number, "one"))
    assert await two.consumers.take(number) is not None
    await two.consumers.drop("nobody-1-has")  # no error


async def test_messages_come_in_order_and_are_numbered(world, one, owned):
    published = [await world.publish(SERIES, b"%d" % number) for number in range(5)]
    received, end = await pull(one, owned, 5)
    assert (received.sequences, received.numbers, end) == (published, [1, 2, 3, 4, 5], PullEnd.OVER)
    first = received.messages[0]
    assert (first.subject, first.body, first.replayed) == (SERIES, b"0", False)


async def test_an_acked_message_is_gone_and_one_that_is_not_comes_again(world, one, owned):
    first, second = await world.publish(SERIES), await world.publish(SERIES)
    await pull(one, owned, 2)
    one.acks.ack(owned[1], first)
    await one.acks.flush()
    again, _ = await pull(one, owned, 1)
    assert (again.sequences, again.numbers) == ([second], [3])
    assert await world.left() == 1


async def test_what_is_in_progress_is_not_delivered_again(world, one, owned):
    quiet, busy = await world.publish(SERIES), await world.publish(SERIES)
    await pull(one, owned, 2)

    async def keep_busy():
        while True:
            one.acks.in_progress(owned[1], busy)
            await asyncio.sleep(ACK_WAIT_S / 4)

    working = asyncio.create_task(keep_busy())
    again, _ = await pull(one, owned, 1)
    working.cancel()
    assert again.sequences == [quiet]


async def test_a_terminated_message_is_gone(world, one, owned):
    sequence = await world.publish(SERIES)
    await pull(one, owned, 1)
    one.acks.terminate(owned[1], sequence, "refused")
    await one.acks.flush()

    async def gone():
        return await world.left() == 0

    await eventually(gone, what="an empty stream")


async def test_a_new_consumer_gets_all_that_is_left_in_order(world, one, owned):
    published = [await world.publish(SERIES) for _ in range(4)]
    await pull(one, owned, 4)
    one.acks.ack(owned[1], published[1])
    await one.acks.flush()

    async def acked():
        return await world.left() == len(published) - 1

    await eventually(acked, what="the ack, which the server takes some time after it has it")
    await one.consumers.drop(owned[1])
    two = await world.replica("two")
    consumer = await two.consumers.take(owned[0])
    received, _ = await pull(two, (owned[0], consumer), 3)
    assert (received.sequences, received.numbers) == ([published[0], *published[2:]], [1, 2, 3])


async def test_a_pull_that_finds_nothing_tells_the_last_delivery(world, one, owned):
    sequence = await world.publish(SERIES)
    await pull(one, owned, 1)
    one.acks.ack(owned[1], sequence)
    await one.acks.flush()
    received, end = await pull(one, owned, 1)
    assert (end, received.sequences, set(received.idle_at)) == (PullEnd.OVER, [], {1})


async def test_a_pull_ends_where_its_consumer_is_deleted(one, owned):
    waiting = asyncio.create_task(pull(one, owned, 1))
    await asyncio.sleep(0.2)
    await one.consumers.drop(owned[1])
    _, end = await asyncio.wait_for(waiting, 5)
    assert end is PullEnd.SUSPECT


async def test_messages_are_read_again_by_subject_without_a_delivery(world, one, owned):
    published = []
    for number in range(6):
        published.append(await world.publish(SERIES, b"%d" % number))
        await world.publish(OTHER)
    found = await one.stored.read(owned[0], SERIES, published[1], 3)
    assert [(each.sequence, each.body, each.subject) for each in found] == [
        (published[number], b"%d" % number, SERIES) for number in (1, 2, 3)
    ]
    assert abs(found[0].published_ms - (await pulled_first(one, owned)).published_ms) < 1000


async def pulled_first(one, owned):
    received, _ = await pull(one, owned, 1)
    return received.messages[0]


async def test_the_leader_says_what_is_gone(world, one, owned):
    first = await world.publish(SERIES)
    await world.publish(OTHER)
    assert await one.stored.next_sequence(owned[0], SERIES, 1) == first
    assert (await one.stored.read_one(first)).body == b'{"value":"1"}'
    await world.purge(SERIES)
    assert await one.stored.next_sequence(owned[0], SERIES, 1) is None
    assert await one.stored.read_one(first) is None
    assert await one.stored.read(owned[0], SERIES, 1, 10) == []


@pytest.mark.parametrize("subject", ["ferry.v1.gateways.g", "ferry.v1.gateways.*.status"])
async def test_what_is_in_no_partition_comes_to_the_consumer_outside(world, one, owned, subject):
    inside, outside = await world.publish(SERIES), await world.publish(subject)
    assert topology.OUTSIDE in await one.consumers.partitions()
    consumer = await one.consumers.take(topology.OUTSIDE)
    received, _ = await pull(one, (topology.OUTSIDE, consumer), 1)
    assert [(each.sequence, each.subject) for each in received.messages] == [(outside, subject)]
    one.acks.ack(owned[1], inside)
    await pull(one, owned, 1)
    one.acks.ack(owned[1], inside)
    one.acks.terminate(consumer, outside, "invalid_subject")
    await one.acks.flush()

    async def empty():
        return await world.left() == 0

    await eventually(empty, what="an empty stream")


async def test_a_replayed_message_keeps_the_time_of_its_first_publication(world, one, owned):
    await world.publish(SERIES, **{"Ferry-Published-At": "1000"})
    received, _ = await pull(one, owned, 1)
    assert (received.messages[0].published_ms, received.messages[0].replayed) == (1000, True)


ODD_HEADERS = {
    "a place of its own": {
        "Nats-Sequence": "1",
        "Nats-Subject": OTHER,
        "Nats-Time-Stamp": "1999-01-01T00:00:00Z",
        "Nats-Num-Pending": "0",
        "Nats-Last-Sequence": "0",
        "Nats-Stream": "ANOTHER",
    },
    "the end of a batch": {"Status": "204", "Description": "EOB"},
    "a status": {"Status": "404", "Description": "Message Not Found"},
    "a heartbeat": {"Status": "100"},
    "no time": {"Nats-Time-Stamp": "now", "Ferry-Published-At": "now"},
    "a time with too many digits": {"Ferry-Published-At": "9" * 5000},
    "a time before all": {"Ferry-Published-At": "-1"},
    "a time to come": {"Ferry-Published-At": "9" * 18},
}


@pytest.mark.parametrize("odd", ODD_HEADERS)
async def test_no_header_of_a_publisher_changes_what_is_read(world, one, owned, odd):
    sequence = await world.publish(SERIES, b"7", **ODD_HEADERS[odd])
    after = await world.publish(SERIES, b"8")
    received, _ = await pull(one, owned, 2)
    found = await one.stored.read(owned[0], SERIES, 1, 10)
    alone = await one.stored.read_one(sequence)
    assert received.sequences == [each.sequence for each in found] == [sequence, after]
    for each in (received.messages[0], found[0], alone):
        assert (each.sequence, each.subject, each.body) == (sequence, SERIES, b"7")
        assert each.published_ms <= received.messages[1].published_ms + 1
        assert each.published_ms == received.messages[0].published_ms


ODD_BLOCKS = {
    "values that are not UTF-8": b"NATS/1.0\r\nFerry-Published-At: \xff\r\ntraceparent: \xff\r\nStatus: \xff\r\n\r\n",
    "a name that is not UTF-8": b"NATS/1.0\r\n\xff: 1\r\n\r\n",
    "a name twice": b"NATS/1.0\r\nFerry-Published-At: 5\r\nFerry-Published-At: 1000\r\n\r\n",
    "an encoded word": b"NATS/1.0\r\nFerry-Published-At: =?utf-8?q?5?=\r\n\r\n",
    "a line without a colon": b"NATS/1.0\r\nx\r\nFerry-Published-At: 1\r\n\r\n",
    "a folded line": b"NATS/1.0\r\nFerry-Published-At: 1\r\n 2\r\n\r\n",
    "a status of its own": b"NATS/1.0 204 EOB\r\n\r\n",
    "a status and more": b"NATS/1.0 404 No Messages\r\nStatus: 100\r\n\r\n",
    "no version": b"HTTP/1.1 200 OK\r\n\r\n",
    "no lines": b"\r\n\r\n",
    "no end": b"NATS/1.0\r\ntraceparent: 1",
    "nothing": b"\x00\x01\x02",
}


@pytest.mark.parametrize("odd", ODD_BLOCKS)
async def test_whatever_a_publisher_sends_as_headers_is_read_or_can_become_a_dead_letter(client, odd):
    world = OverNats(client)
    one = await world.replica("one")
    number = await partition_of(world, one, SERIES)
    owned = number, await one.consumers.take(number)
    block = ODD_BLOCKS[odd]
    client.send(b"HPUB %b %d %d\r\n%b7\r\n" % (SERIES.encode(), len(block), len(block) + 1, block))
    after = await world.publish(SERIES, b"8")
    received, _ = await pull(one, owned, 2)
    sequence = received.sequences[0]
    assert sequence < after == received.sequences[1]
    found = await one.stored.read(number, SERIES, 1, 10)
    assert [each.sequence for each in found] == [sequence, after]
    letters = NatsDeadLetters(client.jetstream())
    for each in (received.messages[0], found[0], await one.stored.read_one(sequence)):
        assert (each.subject, each.body, each.published_ms) == (
            SERIES,
            b"7",
            received.messages[0].published_ms,
        )
        assert await letters.store(each, Cause(Reason.REFUSED, "no"))


async def test_a_subject_that_is_not_utf8_hides_nothing_that_follows_it(client):
    world = OverNats(client)
    one = await world.replica("one")
    number = await partition_of(world, one, SERIES)
    owned = number, await one.consumers.take(number)
    client.send(b"PUB ferry.v1.gateways.g.sensors.\xff.series 2\r\n{}\r\n")
    await world.publish(SERIES)
    received, _ = await pull(one, owned, 2)
    odd = "ferry.v1.gateways.g.sensors.\udcff.series"
    assert [each.subject for each in received.messages] == [odd, SERIES]
