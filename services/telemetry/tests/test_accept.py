"""Where a delivery goes, over acks in memory."""

from typing import Any

import pytest

from ferry.contract.subjects import Address
from ferry.telemetry.forwarding.accept import Acceptor
from ferry.telemetry.forwarding.admit import Admission
from ferry.telemetry.lanes.health import LaneHealth
from ferry.telemetry.lanes.status_lane import StatusLane
from ferry.telemetry.lanes.times import TimeBounds
from ferry.telemetry.registration.absent import AbsentMessages
from ferry.telemetry.stream.delivery import Delivery
from ferry.telemetry.stream.in_flight import InFlight
from ferry.telemetry.stream.partition import Partition

ADDRESS = Address("g", "s", "status")


class Bus:
    """Acks, and a runner that only notes what it is to run."""

    def __init__(self) -> None:
        self.acked: list[int] = []
        self.started: list[Any] = []

    def ack(self, consumer, sequence):
        self.acked.append(sequence)

    def start(self, partition, lane):
        self.started.append(lane)


@pytest.mark.parametrize("running", [True, False])
async def test_a_parked_status_that_is_delivered_again_where_there_is_no_room_is_not_acked(running):
    bus, partition = Bus(), Partition(1, "c", lambda: True)
    acks: Any = bus
    in_flight = InFlight(acks, acks, 0, 0, lambda: 1000)
    lane = partition.statuses[ADDRESS.subject] = StatusLane(ADDRESS, LaneHealth(), latest=5)
    if running:
        partition.running_statuses[ADDRESS.subject] = lane
    acceptor = Acceptor(in_flight, Admission(in_flight, TimeBounds(0, 0)), acks, acks, AbsentMessages(9), 9)
    acceptor.accept(partition, Delivery(5, ADDRESS.subject, b'{"value":"off"}', 1000))
    assert (bus.acked, bus.started, lane.parked) == ([], [] if running else [lane], 0 if running else 5)
    acceptor.accept(partition, Delivery(4, ADDRESS.subject, b'{"value":"on"}', 1000))
    assert bus.acked == [4]


async def test_rubbish_supersedes_no_parked_status():
    bus, partition = Bus(), Partition(1, "c", lambda: True)
    acks: Any = bus
    in_flight = InFlight(acks, acks, 0, 0, lambda: 1000)
    lane = partition.statuses[ADDRESS.subject] = StatusLane(ADDRESS, LaneHealth(), parked=5, latest=5)
    acceptor = Acceptor(in_flight, Admission(in_flight, TimeBounds(0, 0)), acks, acks, AbsentMessages(9), 9)
    acceptor.accept(partition, Delivery(6, ADDRESS.subject, b"rubbish", 1000))
    assert (bus.acked, lane.parked, list(partition.unstored)) == ([], 5, [6])
