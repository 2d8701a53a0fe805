"""Where a message goes once it is in hand: its lane, its fate, and back to the stream."""

import asyncio

import structlog

from ferry.contract import subjects
from ferry.contract.dead import Reason
from ferry.telemetry.hand import Hand
from ferry.telemetry.held import Held, Verdict
from ferry.telemetry.known import Known, LookupFailed
from ferry.telemetry.lane import Lane, Standing, doom, fail
from ferry.telemetry.lanes.decode import Invalid, decode_status
from ferry.telemetry.lanes.points import points_of
from ferry.telemetry.lanes.times import TimeBounds
from ferry.telemetry.partition import Partition
from ferry.telemetry.sender import Fenced, Sender
from ferry.telemetry.series import Carrying, SeriesForwarder
from ferry.telemetry.settings import JourneySettings
from ferry.telemetry.status import ImpliedStatus, NowMs, StatusForwarder
from ferry.telemetry.status_lane import StatusLane, Waiting

FAILING_SHARE = 16

_log = structlog.get_logger(__name__)


class Journey:
    def __init__(
        self,
        sender: Sender,
        known: Known,
        hand: Hand,
        settings: JourneySettings,
        carrying: Carrying,
        now_ms: NowMs,
    ) -> None:
        self._known = known
        self._hand = hand
        self._settings = settings
        self._absent = 0
        self._bounds = TimeBounds(settings.earliest_time_ms, settings.time_ahead_s * 1000)
        self._series = SeriesForwarder(
            sender, self._hand.settle, settings.put_max_points, settings.put_max_bytes, carrying
        )
        self._status = StatusForwarder(
            *(sender, known, self._hand.settle, settings.unknown_grace_s), now_ms=now_ms
        )
        self._implied = ImpliedStatus(sender, known, now_ms)
        self._loop = asyncio.get_running_loop()

    def accept(self, partition: Partition, held: Held) -> None:
        """Takes a message in hand and into its lane."""
        if not self._hand.take(partition, held):
            return
        lane = partition.lanes.get(held.subject)
        if lane is None:
            self._accept_new(partition, held)
        else:
            self._accept_series(partition, lane, held)

    def _accept_new(self, partition: Partition, held: Held) -> None:
        try:
            address = subjects.parse_published(held.subject)
        except ValueError as error:
            self._hand.condemn(held, Verdict(Reason.INVALID_SUBJECT, str(error)))
            return
        if address.kind == "series":
            lane = Lane(address, standing=Standing(address.gateway, address.sensor))
            self._accept_series(partition, lane, held)
        else:
            status = partition.statuses.get(held.subject)
            status = status or StatusLane(address, standing=Standing(address.gateway, address.sensor))
            self._accept_status(partition, status, held)

    def _accept_series(self, partition: Partition, lane: Lane, held: Held) -> None:
        try:
            points, bad = points_of(held.body, held.published_ms, self._bounds)
        except Invalid as invalid:
            self._hand.condemn(held, Verdict(invalid.reason, invalid.detail))
            return
        held.open = len(points)
        for index, wrong in bad:
            fail(held, index, Verdict(wrong.reason, wrong.detail))
        if not points:
            lane.forget(held.sequence)
            self._hand.settle(held)
            return
        room = self._settings.lane_messages
        if lane.standing.failing:
            room = max(1, room // FAILING_SHARE)
            for extra in lane.shed(room):
                self._hand.give_back(extra)
        if lane.absent and self._absent >= self._settings.unknown_messages:
            held.open = 1
            lane.forget(held.sequence)
            self._hand.condemn(
                held, Verdict(Reason.UNKNOWN_SENSOR, "too many readings wait for unknown sensors")
            )
            return
        if not lane.offer(held, points, room):
            self._hand.give_back(held)
            return
        self._absent += lane.absent
        if not lane.running:
            lane.running = True
            partition.lanes[held.subject] = lane
            self._hand.spawn(self._run_series(partition, lane, held.subject))

    async def _run_series(self, partition: Partition, lane: Lane, key: str) -> None:
        try:
            if self._settings.linger_s:
                await asyncio.sleep(self._settings.linger_s)
            known = self._is_known(lane.address) or await self._until_known(partition, lane)
            if not known and not lane.given_back:
                partition.lanes.pop(key, None)  # else whoever invents sensors would fill the memory
            while lane.waiting:
                partition.fence_new()
                newest_ms = lane.waiting[-1][0].published_ms
                taken = lane.take()
                for held in taken.done:
                    self._hand.settle(held)
                if taken.dots:
                    await self._series.forward(lane, key, taken.dots, partition.fence)
                if self._settings.imply_status and not lane.standing.failing:
                    self._imply(partition, lane, newest_ms)
        except Fenced:
            partition.lanes.pop(key, None)
        except Exception as error:  # noqa: BLE001 - our own mistake: it must not stop the other lanes
            self._quarantine(partition, lane, key, error)
        finally:
            lane.running = False

    def _quarantine(self, partition: Partition, lane: Lane, key: str, error: Exception) -> None:
        """Gives the lane's messages back to the stream: they come again later, in order."""
        messages = [held for held in partition.in_hand.values() if held.subject == key and not held.settled]
        first = min((held.sequence for held in messages), default=None)
        _log.error(
            "lane.quarantined",
            gateway=lane.address.gateway,
            sensor=lane.address.sensor,
            sequence=first,
            exc_info=error,
        )
        lane.restart(sorted(held.sequence for held in messages))
        for held in messages:
            self._hand.give_back(held)

    def _is_known(self, address: subjects.Address) -> bool:
        return self._known.sensor_now(address.gateway, str(address.sensor))

    async def _until_known(self, partition: Partition, lane: Lane) -> bool:
        """Waits for the registry within the grace, then dooms what waits for a sensor nobody knows."""
        gateway, sensor = lane.address.gateway, str(lane.address.sensor)
        deadline = self._loop.time() + self._settings.unknown_grace_s
        while True:
            partition.fence_new()
            try:
                known = await self._known.sensor(gateway, sensor)
            except LookupFailed:
                deadline += 0.25  # the bucket's silence is not the sensor's fault
                known = False
            else:
                if known:
                    self._absent -= len(lane.waiting) if lane.absent else 0
                    lane.absent = False
                    return True
                if not lane.absent:
                    lane.absent = True
                    self._absent += len(lane.waiting)
                if self._loop.time() >= deadline or self._absent > self._settings.unknown_messages:
                    break
            await asyncio.sleep(0.25)
        self._absent -= len(lane.waiting)
        lane.absent = False
        verdict = Verdict(Reason.UNKNOWN_SENSOR, f"the registry does not know sensor {sensor} of {gateway}")
        taken = lane.take()
        for held in [*taken.done, *(done for dot in taken.dots for done in doom(dot, verdict))]:
            self._hand.settle(held)
        return False

    def _accept_status(self, partition: Partition, lane: StatusLane, held: Held) -> None:
        try:
            value, valid_s = decode_status(held.body)
        except Invalid as invalid:
            self._hand.condemn(held, Verdict(invalid.reason, invalid.detail))
            return
        lane.heard = self._loop.time()
        superseded = lane.offer(Waiting(held, value, valid_s))
        if superseded is not None:
            self._hand.settle(superseded)
        if not lane.running:
            lane.running = True
            partition.statuses[held.subject] = lane
            self._hand.spawn(self._run_status(partition, lane, held.subject))

    async def _run_status(self, partition: Partition, lane: StatusLane, key: str) -> None:
        try:
            await self._status.forward(lane, key, partition.fence_new)
            if lane.address.sensor and not self._is_known(lane.address):
                partition.statuses.pop(key, None)
        except Fenced:
            partition.statuses.pop(key, None)
        except Exception as error:  # noqa: BLE001 - the same
            _log.error("lane.failed", exc_info=error)
            partition.broken = True
        finally:
            lane.running = False

    def _imply(self, partition: Partition, lane: Lane, published_ms: int) -> None:
        gateway = lane.address.gateway
        for sensor in (lane.address.sensor, None):
            if self._implied.due(gateway, sensor):
                address = subjects.Address(gateway, sensor, "status")
                own = partition.statuses.get(address.subject)
                self._hand.spawn(self._run_implied(partition, address, published_ms, own))

    async def _run_implied(
        self, partition: Partition, address: subjects.Address, published_ms: int, own: StatusLane | None
    ) -> None:
        try:
            await self._implied.imply(address, published_ms, own, partition.fence_new)
        except Fenced:
            return
