"""Decodes a delivery into its lane, or rejects it."""

from ferry.telemetry.lanes.decode import Invalid, decode_status
from ferry.telemetry.lanes.points import points_of
from ferry.telemetry.lanes.series_lane import SeriesLane
from ferry.telemetry.lanes.status_lane import StatusLane, Waiting
from ferry.telemetry.lanes.times import TimeBounds
from ferry.telemetry.stream.delivery import Cause, Delivery
from ferry.telemetry.stream.in_flight import InFlight
from ferry.telemetry.stream.partition import Partition


class Admission:
    def __init__(self, in_flight: InFlight, bounds: TimeBounds) -> None:
        self._in_flight = in_flight
        self._bounds = bounds

    def series(self, partition: Partition, lane: SeriesLane, delivery: Delivery) -> None:
        gateway = lane.address.gateway
        try:
            points, bad = points_of(delivery, self._bounds)
        except Invalid as invalid:
            self._in_flight.reject(partition, delivery, gateway, Cause(invalid.reason, invalid.detail))
            return
        self._in_flight.take(partition, delivery, gateway, len(points) or 1)
        delivery.open = len(points)
        for index, wrong in bad:
            delivery.fail(index, Cause(wrong.reason, wrong.detail))
        if points:
            lane.waiting.append((delivery, points))
        else:
            self._in_flight.settle(partition, delivery)

    def status(self, partition: Partition, lane: StatusLane, delivery: Delivery) -> None:
        gateway = lane.address.gateway
        try:
            value, valid_s = decode_status(delivery.body)
        except Invalid as invalid:
            self._in_flight.reject(partition, delivery, gateway, Cause(invalid.reason, invalid.detail))
            return
        self._in_flight.take(partition, delivery, gateway)
        superseded = lane.offer(Waiting(delivery, value, valid_s))
        if superseded is not None:
            self._in_flight.settle(partition, superseded)

    def is_status(self, partition: Partition, lane: StatusLane, delivery: Delivery) -> bool:
        """Whether its body is one; else it is rejected."""
        try:
            decode_status(delivery.body)
        except Invalid as invalid:
            cause = Cause(invalid.reason, invalid.detail)
            self._in_flight.reject(partition, delivery, lane.address.gateway, cause)
            return False
        return True
