"""A sensor's lane at work: its readings leave in order, and what has no room in memory is read again."""

import asyncio

import structlog

from ferry.contract.dead import Reason
from ferry.contract.subjects import Address
from ferry.telemetry.delivery.implied_status import ImpliedStatus
from ferry.telemetry.delivery.limits.gate import Gate
from ferry.telemetry.delivery.read_back import Deferred
from ferry.telemetry.delivery.series import SeriesForwarder
from ferry.telemetry.forwarding.admit import Admission
from ferry.telemetry.forwarding.quarantine import Quarantine
from ferry.telemetry.lanes.series_lane import SeriesLane
from ferry.telemetry.registration.ports import SensorState
from ferry.telemetry.registration.registered import Registered
from ferry.telemetry.stream.delivery import Cause, Delivery
from ferry.telemetry.stream.in_flight import InFlight
from ferry.telemetry.stream.partition import Partition
from ferry.telemetry.stream.ports import LeaseLost, StoredMessages, StreamUnavailable

READ_AGAIN = 256
"""Messages that a lane reads again at once."""
ROOM_S = 0.02
UNAVAILABLE_S = 1.0
BEHIND_S = 0.25
"""How long a lane waits where the stream's answer came from a server that is behind."""

_log = structlog.get_logger(__name__)


class SeriesRunner:
    def __init__(
        self,
        forwarder: SeriesForwarder,
        registered: Registered,
        in_flight: InFlight,
        stored: StoredMessages,
        admission: Admission,
        gate: Gate,
        implied: ImpliedStatus | None,
        linger_s: float,
    ) -> None:
        self._forwarder = forwarder
        self._registered = registered
        self._in_flight = in_flight
        self._stored = stored
        self._admission = admission
        self._gate = gate
        self._implied = implied
        self._linger_s = linger_s

    def start(self, partition: Partition, lane: SeriesLane) -> None:
        lane.running = True
        self._in_flight.spawn(self._run(partition, lane))

    async def _run(self, partition: Partition, lane: SeriesLane) -> None:
        key = lane.health.key
        quarantine = Quarantine()
        try:
            if self._linger_s:
                await asyncio.sleep(self._linger_s)
            while lane.has_work:
                try:
                    await self._step(partition, lane)
                    quarantine.passed()
                except LeaseLost:
                    raise
                except Deferred as deferred:
                    self._park(partition, lane)
                    await self._gate.back_off(deferred.wait_s)
                except Exception as error:  # noqa: BLE001 - a bug of ours stops this lane alone
                    self._park(partition, lane)
                    first = lane.backlog.first if lane.backlog else None
                    await asyncio.sleep(quarantine.failed(key, first, error))
            if lane.unregistered:
                partition.lanes.pop(key, None)  # else whoever invents sensors would fill the memory
        except LeaseLost:
            partition.lanes.pop(key, None)
        finally:
            lane.running = lane.absent = False
            self._registered.absent.update(lane)

    async def _step(self, partition: Partition, lane: SeriesLane) -> None:
        """Sends what waits, once the sensor is registered. Raises LeaseLost and Deferred."""
        partition.check_new_work()
        state = await self._state(partition, lane)
        if not lane.waiting:
            await self._read_again(partition, lane)
            if not lane.waiting:
                return
        newest_ms = lane.waiting[-1][0].published_ms
        taken = lane.take()

        def settle(delivery: Delivery) -> None:
            self._in_flight.settle(partition, delivery)

        for delivery in taken.done:
            settle(delivery)
        if state != "registered":
            cause = _not_registered(state, lane.address)
            for point in taken.points:
                for delivery in point.fail(cause):
                    settle(delivery)
        elif taken.points:
            await self._forwarder.forward(lane, taken.points, settle, partition.check_lease)
            if not lane.health.failing:
                self._imply(partition, lane, newest_ms)

    async def _state(self, partition: Partition, lane: SeriesLane) -> SensorState:
        gateway, sensor = lane.address.gateway, str(lane.address.sensor)
        if self._registered.is_remembered(gateway, sensor):
            lane.unregistered = False
            return "registered"

        def unconfirmed() -> None:
            lane.unregistered = True
            self._park(partition, lane)

        state: SensorState = "absent"
        if not lane.absent:  # else it has had its grace period, and this is the rest of its backlog
            state = await self._registered.wait(
                lane, lambda: self._registered.sensor(gateway, sensor), unconfirmed, partition.check_new_work
            )
        lane.unregistered = state != "registered"
        return state

    def _park(self, partition: Partition, lane: SeriesLane) -> None:
        """Takes the lane's messages out of memory: they are read again."""
        key = lane.health.key
        lane.waiting.clear()
        for delivery in [one for one in partition.in_flight.values() if one.subject == key]:
            if not delivery.settled:
                lane.backlog.add(delivery.sequence)
                self._in_flight.park(partition, delivery)

    async def _read_again(self, partition: Partition, lane: SeriesLane) -> None:
        """The first of the backlog, as far as there is room. Raises LeaseLost and Deferred."""
        while not self._in_flight.has_room_for(lane.address.gateway):
            await asyncio.sleep(ROOM_S)
            partition.check_new_work()
        key, first = lane.health.key, lane.backlog.first
        try:
            found = await self._stored.read(partition.number, key, first, READ_AGAIN)
            if not found or found[0].sequence != first:
                await self._drop_gone(partition, lane)
        except StreamUnavailable:
            raise Deferred(UNAVAILABLE_S) from None
        partition.check_new_work()
        for delivery in found:
            if delivery.sequence in lane.backlog:
                self._admission.series(partition, lane, delivery)
                lane.backlog.take_through(delivery.sequence)
                if not self._in_flight.has_room_for(lane.address.gateway):
                    break
        if not found and lane.backlog:
            raise Deferred(BEHIND_S)

    async def _drop_gone(self, partition: Partition, lane: SeriesLane) -> None:
        """Forgets what is in the stream no more, by the word of its leader: it was purged."""
        key, first = lane.health.key, lane.backlog.first
        next_sequence = await self._stored.next_sequence(partition.number, key, first)
        end = lane.backlog.last if next_sequence is None else next_sequence - 1
        gone = lane.backlog.take_through(end) if end >= first else []
        if gone:
            _log.warning("lane.messages_gone", lane=key, messages=len(gone), first=gone[0], last=gone[-1])

    def _imply(self, partition: Partition, lane: SeriesLane, published_ms: int) -> None:
        gateway = lane.address.gateway
        for sensor in (lane.address.sensor, None):
            if self._implied is not None and self._implied.due(gateway, sensor):
                address = Address(gateway, sensor, "status")
                self._in_flight.spawn(self._send_implied(self._implied, partition, address, published_ms))

    async def _send_implied(
        self, implied: ImpliedStatus, partition: Partition, address: Address, published_ms: int
    ) -> None:
        own = partition.statuses.get(address.subject)
        try:
            await implied.imply(address, published_ms, own, partition.check_new_work)
        except LeaseLost:
            return


def _not_registered(state: SensorState, address: Address) -> Cause:
    if state == "retired":
        return Cause(Reason.RETIRED_SENSOR, f"sensor {address.sensor} of {address.gateway} was retired")
    detail = f"the registry does not know sensor {address.sensor} of {address.gateway}"
    return Cause(Reason.UNKNOWN_SENSOR, detail)
