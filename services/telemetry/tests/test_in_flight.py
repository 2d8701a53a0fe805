"""What is in flight, over acks and dead letters in memory."""

import asyncio

import pytest

from ferry.contract.dead import Reason
from ferry.contract.subjects import Address
from ferry.telemetry.dead_letters.unstored import UnstoredDeadLetters
from ferry.telemetry.lanes.health import LaneHealth
from ferry.telemetry.lanes.series_lane import FAILING_MESSAGES, SeriesLane
from ferry.telemetry.stream.delivery import Cause, Delivery
from ferry.telemetry.stream.in_flight import InFlight
from ferry.telemetry.stream.partition import MAX_UNSTORED, Partition

BAD = Cause(Reason.INVALID_BODY, "no")


class MemoryStream:
    """Acks of a stream of readings, what is stored in it, and dead letters that take `room` more."""

    def __init__(self, room=0):
        self.room = room
        self.acked = []
        self.ended = []
        self.dead = []
        self.gone = set()

    def ack(self, consumer, sequence):
        self.acked.append(sequence)

    def in_progress(self, consumer, sequence):
        raise AssertionError("nobody waited so long")

    def terminate(self, consumer, sequence, reason):
        self.ended.append(sequence)

    async def flush(self):
        return

    async def store(self, delivery, cause):
        await asyncio.sleep(0)
        if not self.room:
            return False
        self.room -= 1
        self.dead.append(delivery.sequence)
        return True

    async def read(self, partition, subject, first, most):
        raise AssertionError("one at a time is read")

    async def next_sequence(self, partition, subject, first):
        raise AssertionError("one at a time is read")

    async def read_one(self, sequence):
        return None if sequence in self.gone else received(sequence)


def received(sequence):
    return Delivery(sequence, "s", b"", 1000)


@pytest.fixture
def partition():
    return Partition(1, "consumer", lambda: True)


def bounded(stream, messages=16, size=100_000):
    return InFlight(stream, stream, messages, size, lambda: 2000)


async def ended(in_flight):
    await asyncio.gather(*in_flight._tasks)


async def test_dead_letters_that_cannot_be_stored_take_no_room_from_others(partition):
    stream = MemoryStream(room=3)
    in_flight = bounded(stream, messages=40)
    for sequence in range(10):
        in_flight.reject(partition, received(sequence), f"g{sequence}", BAD)
    await ended(in_flight)
    assert (in_flight.messages, in_flight.counts.dead, stream.ended) == (0, 3, [0, 1, 2])
    assert list(partition.unstored) == list(range(3, 10))


async def test_what_could_not_be_stored_is_stored_when_there_is_room_again(partition):
    stream = MemoryStream()
    in_flight = bounded(stream, messages=40)
    in_flight.partitions.add(partition)
    retries = UnstoredDeadLetters(in_flight, stream, stream)
    for sequence in range(4):
        in_flight.reject(partition, received(sequence), f"g{sequence}", BAD)
    await ended(in_flight)
    assert await retries._store_all(partition) is False
    stream.room, stream.gone = 10, {2}
    assert await retries._store_all(partition) is True
    assert (stream.dead, stream.ended, partition.unstored) == ([0, 1, 3], [0, 1, 3], {})


async def test_rubbish_beyond_the_memory_is_remembered_by_its_sequence_up_to_a_bound(partition):
    stream = MemoryStream()
    in_flight = bounded(stream, messages=4)
    for sequence in range(MAX_UNSTORED + 50):
        in_flight.reject(partition, received(sequence), "g", BAD)
    assert in_flight.messages <= 4
    await ended(in_flight)
    assert len(partition.unstored) == MAX_UNSTORED


async def test_one_gateway_takes_a_quarter_of_the_memory(partition):
    in_flight = bounded(MemoryStream(), messages=16)
    for sequence in range(4):
        assert in_flight.has_room_for("hog")
        in_flight.take(partition, received(sequence), "hog")
    assert not in_flight.has_room_for("hog")
    assert in_flight.has_room_for("other")
    in_flight.settle(partition, partition.in_flight[0])
    assert in_flight.has_room_for("hog")


async def test_bytes_are_counted_with_the_decoded_points(partition):
    in_flight = bounded(MemoryStream(), messages=1000, size=200_000)
    in_flight.take(partition, received(1), "g", points=1000)
    assert in_flight.bytes > 100_000
    in_flight.settle(partition, partition.in_flight[1])
    assert (in_flight.bytes, in_flight.messages) == (0, 0)


async def test_a_lost_partition_acks_nothing_more(partition):
    stream = MemoryStream(room=5)
    in_flight = bounded(stream)
    good, bad = received(1), received(2)
    in_flight.take(partition, good, "g")
    in_flight.take(partition, bad, "g")
    bad.cause = BAD
    in_flight.settle(partition, bad)
    in_flight.release(partition)
    in_flight.settle(partition, good)
    await ended(in_flight)
    assert (stream.acked, stream.ended, in_flight.messages) == ([], [], 0)


async def test_a_failing_sensor_gives_up_its_gateways_memory_before_its_neighbours_have_none(partition):
    in_flight = bounded(MemoryStream(), messages=64)
    for sequence in range(8):
        in_flight.take(partition, received(sequence), "hog")
    assert in_flight.has_room_for("hog")
    assert not in_flight.has_room_for("hog", failing=True)
    assert in_flight.is_crowded_for("hog")
    assert not in_flight.is_crowded_for("other")


async def test_a_failing_lane_keeps_what_it_tries_with_and_no_more():
    lane = SeriesLane(Address("g", "s", "series"), LaneHealth("k", "g", "s"))
    lane.waiting = [(received(number), []) for number in range(FAILING_MESSAGES)]
    assert lane.has_room(99, 256)
    lane.health.failing = True
    assert not lane.has_room(99, 256)
