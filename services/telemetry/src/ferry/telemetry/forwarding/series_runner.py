"""Runs a sensor's lane: sends its readings in order and reads parked ones again."""

import asyncio
from functools import partial

from ferry.contract.dead import Reason
from ferry.contract.subjects import Address
from ferry.telemetry.delivery.implied_status import ImpliedStatus
from ferry.telemetry.delivery.series import SeriesForwarder, fail
from ferry.telemetry.forwarding.backlog_reader import BacklogReader
from ferry.telemetry.forwarding.work import Work
from ferry.telemetry.lanes.series_lane import SeriesLane
from ferry.telemetry.lanes.status_lane import StatusLane
from ferry.telemetry.registration.ports import SensorState
from ferry.telemetry.registration.registered import Registered
from ferry.telemetry.stream.delivery import Cause
from ferry.telemetry.stream.in_flight import InFlight
from ferry.telemetry.stream.partition import Partition
from ferry.telemetry.stream.ports import LeaseLost


class SeriesRunner:
    def __init__(
        self,
        forwarder: SeriesForwarder,
        registered: Registered,
        in_flight: InFlight,
        backlog: BacklogReader,
        work: Work,
        implied: ImpliedStatus | None,
        linger_s: float,
    ) -> None:
        self._forwarder = forwarder
        self._registered = registered
        self._in_flight = in_flight
        self._backlog = backlog
        self._work = work
        self._implied = implied
        self._linger_s = linger_s

    def start(self, partition: Partition, lane: SeriesLane) -> None:
        partition.running[lane.health.key] = lane
        self._in_flight.spawn(self._run(partition, lane))

    async def _run(self, partition: Partition, lane: SeriesLane) -> None:
        key = lane.health.key
        try:
            if self._linger_s:
                await asyncio.sleep(self._linger_s)
            await self._work.off(
                *(partition, lane),
                step=lambda: self._step(partition, lane),
                park=lambda: self._backlog.park(partition, lane),
            )
            if lane.unregistered:
                partition.lanes.pop(key, None)  # else a publisher that invents sensors would fill the memory
        except LeaseLost:
            partition.lanes.pop(key, None)
        finally:
            del partition.running[key]
            lane.absent = False
            lane.sending = []
            lane.idle_since = asyncio.get_running_loop().time()
            self._registered.absent.update(lane)

    async def _step(self, partition: Partition, lane: SeriesLane) -> None:
        """Sends what waits, once the sensor is registered. Raises LeaseLost and Deferred."""
        state = await self._state(partition, lane)
        if not lane.waiting:
            await self._backlog.read(partition, lane)
            if not lane.waiting:
                return
        newest_ms = lane.waiting[-1][0].published_ms
        taken = lane.take()
        settle = partial(self._in_flight.settle, partition)
        for delivery in taken.done:
            settle(delivery)
        if state != "registered":
            fail(taken.points, _not_registered(state, lane.address), settle)
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
            self._backlog.park(partition, lane)

        state: SensorState = "absent"
        if not lane.absent:  # else it has had its grace period, and this is the rest of its backlog
            state = await self._registered.wait(
                lane, lambda: self._registered.sensor(gateway, sensor), unconfirmed, partition.check_new_work
            )
        lane.unregistered = state != "registered"
        return state

    def _imply(self, partition: Partition, lane: SeriesLane, published_ms: int) -> None:
        gateway = lane.address.gateway
        for sensor in (lane.address.sensor, None):
            if self._implied is not None and self._implied.due(partition.implied, gateway, sensor):
                address = Address(gateway, sensor, "status")
                self._in_flight.spawn(self._send_implied(self._implied, partition, address, published_ms))

    async def _send_implied(
        self, implied: ImpliedStatus, partition: Partition, address: Address, published_ms: int
    ) -> None:
        def own() -> StatusLane | None:
            return partition.statuses.get(address.subject)

        try:
            await implied.imply(partition.implied, address, published_ms, own, partition.check_new_work)
        except LeaseLost:
            return


def _not_registered(state: SensorState, address: Address) -> Cause:
    if state == "retired":
        return Cause(Reason.RETIRED_SENSOR, f"sensor {address.sensor} of {address.gateway} was retired")
    detail = f"the registry does not know sensor {address.sensor} of {address.gateway}"
    return Cause(Reason.UNKNOWN_SENSOR, detail)
