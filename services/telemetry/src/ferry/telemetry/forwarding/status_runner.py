"""Runs the status lane of a gateway or sensor: sends the latest once its entity is registered."""

from ferry.contract.dead import Reason
from ferry.telemetry.delivery.read_back import Deferred
from ferry.telemetry.delivery.status import StatusForwarder
from ferry.telemetry.forwarding.admit import Admission
from ferry.telemetry.forwarding.work import UNAVAILABLE_S, Work
from ferry.telemetry.lanes.status_lane import StatusLane
from ferry.telemetry.registration.ports import SensorState
from ferry.telemetry.registration.registered import Registered
from ferry.telemetry.stream.delivery import Cause, Delivery
from ferry.telemetry.stream.in_flight import InFlight
from ferry.telemetry.stream.partition import Partition
from ferry.telemetry.stream.ports import LeaseLost, StoredMessages, StreamUnavailable


class StatusRunner:
    def __init__(
        self,
        forwarder: StatusForwarder,
        registered: Registered,
        in_flight: InFlight,
        stored: StoredMessages,
        admission: Admission,
        work: Work,
    ) -> None:
        self._forwarder = forwarder
        self._registered = registered
        self._in_flight = in_flight
        self._stored = stored
        self._admission = admission
        self._work = work

    def start(self, partition: Partition, lane: StatusLane) -> None:
        partition.running_statuses[lane.health.key] = lane
        self._in_flight.spawn(self._run(partition, lane))

    async def _run(self, partition: Partition, lane: StatusLane) -> None:
        key = lane.health.key
        registered = True

        async def step() -> None:
            nonlocal registered
            registered = await self._step(partition, lane)

        try:
            await self._work.off(partition, lane, step, lambda: self._park(partition, lane))
            if not registered:
                partition.statuses.pop(key, None)
        except LeaseLost:
            partition.statuses.pop(key, None)
        finally:
            del partition.running_statuses[key]
            lane.absent = False
            self._registered.absent.update(lane)

    async def _step(self, partition: Partition, lane: StatusLane) -> bool:
        """Whether the entity is registered; sends its latest status if so. Raises LeaseLost and Deferred."""
        cause = await self._not_registered(partition, lane)
        await self._read_again(partition, lane)
        if lane.waiting is None:
            return cause is None

        def settle(delivery: Delivery) -> None:
            self._in_flight.settle(partition, delivery)

        if cause is not None:
            lane.waiting.delivery.cause = cause
            settle(lane.waiting.delivery)
            lane.waiting = None
            return False
        interval_ms = await self._registered.report_interval_ms(lane.address.gateway)
        await self._forwarder.forward(lane, interval_ms or 0, settle, partition.check_new_work)
        return True

    async def _not_registered(self, partition: Partition, lane: StatusLane) -> Cause | None:
        address = lane.address
        missing = Cause(Reason.UNKNOWN_GATEWAY, "the registry does not know the gateway")

        async def look_up() -> SensorState:
            nonlocal missing
            if await self._registered.report_interval_ms(address.gateway) is None:
                return "absent"
            if address.sensor is None:
                return "registered"
            missing = Cause(Reason.UNKNOWN_SENSOR, "the registry does not know the sensor")
            return await self._registered.sensor(address.gateway, address.sensor)

        state = await self._registered.wait(
            lane, look_up, lambda: self._park(partition, lane), partition.check_new_work
        )
        if state == "retired":
            return Cause(Reason.RETIRED_SENSOR, "the sensor was retired")
        return None if state == "registered" else missing

    def _park(self, partition: Partition, lane: StatusLane) -> None:
        """Takes the status out of memory: it is read again."""
        if lane.waiting is None:
            return
        delivery, lane.waiting = lane.waiting.delivery, None
        self._in_flight.park(partition, delivery)
        if older := lane.park(delivery.sequence):
            self._in_flight.settle_parked(partition, older)

    async def _read_again(self, partition: Partition, lane: StatusLane) -> None:
        """What was parked, unless a newer one is in memory by now. Raises LeaseLost and Deferred."""
        if not lane.parked:
            return
        parked, lane.parked = lane.parked, 0
        if lane.waiting is not None and lane.waiting_sequence > parked:
            self._in_flight.settle_parked(partition, parked)
            return
        await self._in_flight.wait_for_room(partition, lane.address.gateway)
        try:
            delivery = await self._stored.read_one(parked)
        except StreamUnavailable:
            lane.parked = max(lane.parked, parked)
            raise Deferred(UNAVAILABLE_S) from None
        partition.check_new_work()
        if delivery is not None:
            self._admission.status(partition, lane, delivery)
