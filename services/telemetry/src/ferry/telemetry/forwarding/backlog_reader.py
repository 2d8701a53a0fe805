"""Reads a lane's parked messages from the stream again, in order."""

import structlog

from ferry.telemetry.delivery.read_back import Deferred
from ferry.telemetry.forwarding.admit import Admission
from ferry.telemetry.forwarding.work import UNAVAILABLE_S
from ferry.telemetry.lanes.series_lane import SeriesLane
from ferry.telemetry.stream.in_flight import InFlight
from ferry.telemetry.stream.partition import Partition
from ferry.telemetry.stream.ports import StoredMessages, StreamUnavailable

READ_AGAIN = 256
"""Messages that a lane reads again at once."""
BEHIND_S = 0.25
"""How long a lane waits where the stream's answer came from a server that is behind."""

_log = structlog.get_logger(__name__)


class BacklogReader:
    def __init__(self, in_flight: InFlight, stored: StoredMessages, admission: Admission) -> None:
        self._in_flight = in_flight
        self._stored = stored
        self._admission = admission

    def park(self, partition: Partition, lane: SeriesLane) -> None:
        """Takes the lane's messages out of memory: they are read again."""
        for delivery in lane.give_up():
            if not delivery.settled and delivery.sequence in partition.in_flight:
                lane.backlog.add(delivery.sequence)
                self._in_flight.park(partition, delivery)

    async def read(self, partition: Partition, lane: SeriesLane) -> None:
        """The first of the backlog, as far as there is room. Raises LeaseLost and Deferred."""
        await self._in_flight.wait_for_room(partition, lane.address.gateway)
        key, first = lane.health.key, lane.backlog.first
        try:
            most = lane.most_in_memory(READ_AGAIN)
            found = await self._stored.read(partition.number, key, first, most)
            if not found or found[0].sequence != first:
                await self._drop_gone(partition, lane)
        except StreamUnavailable:
            raise Deferred(UNAVAILABLE_S) from None
        partition.check_new_work()
        admitted = False
        for delivery in found:
            if lane.backlog and lane.backlog.first < delivery.sequence:
                break  # what is missing before it is asked about first
            if delivery.sequence in lane.backlog:
                admitted = True
                self._admission.series(partition, lane, delivery)
                lane.backlog.take_through(delivery.sequence)
                if not self._in_flight.has_room_for(lane.address.gateway, failing=lane.health.failing):
                    break
        if lane.backlog and not admitted:
            raise Deferred(BEHIND_S)

    async def _drop_gone(self, partition: Partition, lane: SeriesLane) -> None:
        """Drops what was purged from the stream, once its leader confirms it."""
        key, first = lane.health.key, lane.backlog.first
        next_sequence = await self._stored.next_sequence(partition.number, key, first)
        end = lane.backlog.last if next_sequence is None else next_sequence - 1
        gone = lane.backlog.take_through(end) if end >= first else []
        if gone:
            _log.warning("lane.messages_gone", lane=key, messages=len(gone), first=gone[0], last=gone[-1])
