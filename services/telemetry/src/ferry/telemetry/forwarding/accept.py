"""Accepts a delivery: into its lane's memory, or its sequence into the lane's backlog."""

import asyncio

import structlog

from ferry.contract import subjects
from ferry.contract.dead import Reason
from ferry.telemetry.dead_letters.address import address_of
from ferry.telemetry.forwarding.admit import Admission
from ferry.telemetry.forwarding.series_runner import SeriesRunner
from ferry.telemetry.forwarding.status_runner import StatusRunner
from ferry.telemetry.lanes.health import LaneHealth
from ferry.telemetry.lanes.series_lane import SeriesLane
from ferry.telemetry.lanes.status_lane import StatusLane
from ferry.telemetry.registration.absent import AbsentMessages
from ferry.telemetry.stream.delivery import Cause, Delivery
from ferry.telemetry.stream.in_flight import InFlight
from ferry.telemetry.stream.partition import Partition

_log = structlog.get_logger(__name__)
TOO_MANY_UNKNOWN = Cause(Reason.UNKNOWN_SENSOR, "too many messages of this gateway wait for unknown sensors")


class Acceptor:
    """`lane_messages` is the most that one lane keeps in memory."""

    def __init__(
        self,
        in_flight: InFlight,
        admission: Admission,
        series: SeriesRunner,
        statuses: StatusRunner,
        absent: AbsentMessages,
        lane_messages: int,
    ) -> None:
        self._in_flight = in_flight
        self._admission = admission
        self._series = series
        self._statuses = statuses
        self._absent = absent
        self._lane_messages = lane_messages
        self._loop = asyncio.get_running_loop()

    def accept(self, partition: Partition, delivery: Delivery) -> None:
        """Never raises: what fails here because of a bug is redelivered after ack_wait."""
        if delivery.sequence in partition.in_flight or delivery.sequence in partition.unstored:
            return
        try:
            lane = partition.lanes.get(delivery.subject)
            if lane is not None:
                self._accept_series(partition, lane, delivery)
            else:
                self._accept_new(partition, delivery)
        except Exception as error:  # noqa: BLE001 - it must not stop the other lanes
            _log.error("accept.failed", sequence=delivery.sequence, exc_info=error)

    def _accept_new(self, partition: Partition, delivery: Delivery) -> None:
        try:
            address = subjects.parse_published(delivery.subject)
        except ValueError as error:
            gateway, _ = address_of(delivery.subject)
            cause = Cause(Reason.INVALID_SUBJECT, str(error))
            self._in_flight.reject(partition, delivery, gateway or "", cause)
            return
        health = LaneHealth(delivery.subject, address.gateway, address.sensor)
        if address.kind == "series":
            lane = SeriesLane(address, health, last_ms=partition.newest_ms.pop(delivery.subject, -1))
            self._accept_series(partition, lane, delivery)
        else:
            status = partition.statuses.get(delivery.subject)
            self._accept_status(partition, status or StatusLane(address, health), delivery)

    def _accept_series(self, partition: Partition, lane: SeriesLane, delivery: Delivery) -> None:
        sequence, gateway = delivery.sequence, lane.address.gateway
        if sequence >= lane.backlog.first and sequence in lane.backlog:
            return
        if lane.absent and self._absent.is_full(gateway):
            self._in_flight.reject(partition, delivery, gateway, TOO_MANY_UNKNOWN)
            return
        has_room = self._in_flight.has_room_for(gateway, failing=lane.health.failing)
        partition.crowded_out += not has_room
        if has_room and lane.has_room(sequence, self._lane_messages):
            try:
                self._admission.series(partition, lane, delivery)
            except Exception as error:  # noqa: BLE001 - a bug: only this lane retries it
                _log.error("accept.failed", sequence=sequence, exc_info=error)
                self._in_flight.park(partition, delivery)
                lane.backlog.add(sequence)
        else:
            lane.backlog.add(sequence)
        if lane.absent:
            self._absent.update(lane)
        if delivery.subject not in partition.running and lane.has_work:
            partition.lanes[delivery.subject] = lane
            self._series.start(partition, lane)

    def _accept_status(self, partition: Partition, lane: StatusLane, delivery: Delivery) -> None:
        gateway = lane.address.gateway
        if (
            delivery.subject in partition.running_statuses
            and delivery.sequence == lane.latest > lane.finished
        ):
            return  # it is parked, or read again at this moment
        if lane.absent and self._absent.is_full(gateway) and not lane.has_work:
            self._in_flight.reject(partition, delivery, gateway, TOO_MANY_UNKNOWN)
            return
        lane.heard = self._loop.time()
        if self._in_flight.has_room_for(gateway, failing=lane.health.failing):
            self._admission.status(partition, lane, delivery)
        elif delivery.sequence >= lane.latest and delivery.sequence > lane.finished:
            self._park_status(partition, lane, delivery)
        else:
            self._in_flight.settle_parked(partition, delivery.sequence)
        if delivery.subject not in partition.running_statuses and lane.has_work:
            partition.statuses[delivery.subject] = lane
            self._statuses.start(partition, lane)

    def _park_status(self, partition: Partition, lane: StatusLane, delivery: Delivery) -> None:
        if not self._admission.is_status(partition, lane, delivery):
            return  # rubbish supersedes nothing
        if older := lane.park(delivery.sequence):
            self._in_flight.settle_parked(partition, older)
