"""A lane's backlog read again from a stream whose followers may lack what its leader has."""

from typing import Any

import pytest

from ferry.contract.subjects import Address
from ferry.telemetry.delivery.read_back import Deferred
from ferry.telemetry.forwarding.admit import Admission
from ferry.telemetry.forwarding.backlog_reader import BacklogReader
from ferry.telemetry.lanes.health import LaneHealth
from ferry.telemetry.lanes.series_lane import SeriesLane
from ferry.telemetry.lanes.times import TimeBounds
from ferry.telemetry.stream.delivery import Delivery
from ferry.telemetry.stream.in_flight import InFlight
from ferry.telemetry.stream.partition import Partition

ADDRESS = Address("g", "s", "series")


class Stored:
    """Sequences 1 to 6 of one subject. `lacking` are those that the follower does not show; `purged` are gone."""

    def __init__(self):
        self.lacking = set()
        self.purged = set()

    def _left(self, first):
        return [number for number in range(first, 7) if number not in self.purged]

    async def read(self, partition, subject, first, most):
        shown = [number for number in self._left(first) if number not in self.lacking][:most]
        return [Delivery(number, subject, b'{"value":"1"}', 1000) for number in shown]

    async def next_sequence(self, partition, subject, first):
        return next(iter(self._left(first)), None)

    async def read_one(self, sequence):
        raise AssertionError("they are read by their subject")


class Reading:
    def __init__(self):
        self.stored = Stored()
        nobody: Any = None
        self.partition = Partition(1, "c", lambda: True)
        in_flight = InFlight(nobody, nobody, 1000, 10**6, lambda: 1000)
        self._reader = BacklogReader(in_flight, self.stored, Admission(in_flight, TimeBounds(0, 0)))
        self.lane = SeriesLane(ADDRESS, LaneHealth(ADDRESS.subject, "g", "s"))
        for number in range(1, 7):
            self.lane.backlog.add(number)

    async def read(self):
        await self._reader.read(self.partition, self.lane)
        return [delivery.sequence for delivery, _ in self.lane.waiting]


@pytest.fixture
async def reading():
    return Reading()


async def test_all_that_is_stored_is_read_in_order(reading):
    assert await reading.read() == [1, 2, 3, 4, 5, 6]
    assert not reading.lane.backlog


@pytest.mark.parametrize(("lacking", "before"), [({1}, []), ({3}, [1, 2]), ({6}, [1, 2, 3, 4, 5])])
async def test_nothing_passes_what_a_follower_lacks(reading, lacking, before):
    reading.stored.lacking = lacking
    if before:
        assert await reading.read() == before
    with pytest.raises(Deferred):
        await reading.read()
    reading.stored.lacking = set()
    assert await reading.read() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("purged", [{1}, {3}, {1, 2, 4}, {6}, {1, 2, 3, 4, 5, 6}])
async def test_what_was_purged_is_forgotten(reading, purged):
    reading.stored.purged = purged
    while reading.lane.backlog:
        await reading.read()
    read = [delivery.sequence for delivery, _ in reading.lane.waiting]
    assert read == sorted({1, 2, 3, 4, 5, 6} - purged)
