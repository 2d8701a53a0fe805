"""Where a message goes once it is in hand: its lane, its fate, and back to the stream."""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from ferry.contract import subjects
from ferry.contract.dead import Reason
from ferry.telemetry.decode import Invalid, decode_series, decode_status
from ferry.telemetry.held import Held, Verdict
from ferry.telemetry.known import Known, LookupFailed
from ferry.telemetry.lane import Lane, doom
from ferry.telemetry.partition import Partition
from ferry.telemetry.sender import Fenced, Sender
from ferry.telemetry.series import SeriesForwarder
from ferry.telemetry.settings import JourneySettings
from ferry.telemetry.status import ImpliedStatus, StatusForwarder
from ferry.telemetry.status_lane import StatusLane, Waiting

FAILING_SHARE = 16

_log = structlog.get_logger(__name__)


class Fates(Protocol):
    """How a message's fate is told to the stream."""

    def ack(self, held: Held) -> None: ...
    def give_back(self, held: Held, delay_s: float) -> None: ...
    async def bury(self, held: Held, verdict: Verdict) -> None:
        """Returns when the dead letter is confirmed and the original terminated."""


@dataclass(slots=True)
class Counts:
    delivered: int = 0
    dead: int = 0
    given_back: int = 0


class Journey:
    def __init__(self, sender: Sender, known: Known, fates: Fates, settings: JourneySettings) -> None:
        self.counts = Counts()
        self.partitions: set[Partition] = set()
        self.in_hand = 0
        self.in_hand_bytes = 0
        self._known = known
        self._fates = fates
        self._settings = settings
        self._absent = 0
        self._owner_of: dict[int, Partition] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._series = SeriesForwarder(sender, self._settle, settings.put_max_points, settings.put_max_bytes)
        self._status = StatusForwarder(sender, known, self._settle, settings.unknown_grace_s)
        self._implied = ImpliedStatus(sender, known)
        self._loop = asyncio.get_running_loop()

    @property
    def has_room(self) -> bool:
        return (
            self.in_hand < self._settings.in_flight_messages
            and self.in_hand_bytes < self._settings.in_flight_bytes
        )

    def accept(self, partition: Partition, held: Held) -> None:
        """Takes a message in hand. It came again while in hand: only where its fate is told has changed."""
        before = partition.in_hand.get(held.sequence)
        if before is not None:
            before.ack = held.ack
            return
        self._take(partition, held)
        lane = partition.lanes.get(held.subject)
        if lane is not None:
            self._accept_series(partition, lane, held)
            return
        try:
            address = subjects.parse_published(held.subject)
        except ValueError as error:
            self._condemn(held, Verdict(Reason.INVALID_SUBJECT, str(error)))
            return
        if address.kind == "series":
            lane = partition.lanes[held.subject] = Lane(address)
            self._accept_series(partition, lane, held)
        else:
            status = partition.statuses.setdefault(held.subject, StatusLane(address))
            self._accept_status(partition, status, held)

    def _accept_series(self, partition: Partition, lane: Lane, held: Held) -> None:
        try:
            points = decode_series(held.body)
        except Invalid as invalid:
            self._condemn(held, Verdict(invalid.reason, invalid.detail))
            return
        held.open = len(points)
        room = self._settings.lane_messages
        if lane.standing.failing:
            room = max(1, room // FAILING_SHARE)
            for extra in lane.shed(room):
                self._give_back(extra)
        if lane.absent and self._absent >= self._settings.unknown_messages:
            held.open = 1
            lane.forget(held.sequence)
            self._condemn(held, Verdict(Reason.UNKNOWN_SENSOR, "too many readings wait for unknown sensors"))
            return
        if not lane.offer(held, points, room):
            self._give_back(held)
            return
        self._absent += lane.absent
        if not lane.running:
            lane.running = True
            self._spawn(self._run_series(partition, lane, held.subject))

    async def _run_series(self, partition: Partition, lane: Lane, key: str) -> None:
        try:
            if self._settings.linger_s:
                await asyncio.sleep(self._settings.linger_s)
            if not self._known.sensor_now(lane.address.gateway, str(lane.address.sensor)):
                await self._until_known(partition, lane)
            newest_ms = 0
            while lane.waiting:
                partition.fence_new()
                newest_ms = lane.waiting[-1][0].published_ms
                taken = lane.take()
                for held in taken.done:
                    self._settle(held)
                if taken.dots:
                    await self._series.forward(lane, key, taken.dots, partition.fence)
            if newest_ms and self._settings.imply_status and not lane.standing.failing:
                self._imply(partition, lane, newest_ms)
        except Fenced:
            partition.lanes.pop(key, None)
        except Exception as error:  # noqa: BLE001 - our own mistake: the partition is taken anew, nothing is lost
            _log.error("lane.failed", exc_info=error)
            partition.broken = True
        finally:
            lane.running = False

    async def _until_known(self, partition: Partition, lane: Lane) -> None:
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
                    return
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
            self._settle(held)

    def _accept_status(self, partition: Partition, lane: StatusLane, held: Held) -> None:
        try:
            value, valid_s = decode_status(held.body)
        except Invalid as invalid:
            self._condemn(held, Verdict(invalid.reason, invalid.detail))
            return
        lane.heard = self._loop.time()
        superseded = lane.offer(Waiting(held, value, valid_s))
        if superseded is not None:
            self._settle(superseded)
        if not lane.running:
            lane.running = True
            self._spawn(self._run_status(partition, lane, held.subject))

    async def _run_status(self, partition: Partition, lane: StatusLane, key: str) -> None:
        try:
            await self._status.forward(lane, key, partition.fence_new)
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
                self._spawn(self._run_implied(partition, address, published_ms, own.heard if own else 0.0))

    async def _run_implied(
        self, partition: Partition, address: subjects.Address, published_ms: int, heard: float
    ) -> None:
        try:
            await self._implied.imply(address, published_ms, heard, partition.fence_new)
        except Fenced:
            return

    def _condemn(self, held: Held, verdict: Verdict) -> None:
        held.verdict = verdict
        self._settle(held)

    def _settle(self, held: Held) -> None:
        if held.settled:
            return
        held.settled = True
        if held.verdict is not None:
            self._spawn(self._bury(held, held.verdict))
            return
        if self._drop(held):
            self.counts.delivered += 1
            self._fates.ack(held)

    async def _bury(self, held: Held, verdict: Verdict) -> None:
        await self._fates.bury(held, verdict)
        if self._drop(held):
            self.counts.dead += 1

    def _give_back(self, held: Held) -> None:
        if self._drop(held):
            self.counts.given_back += 1
            self._fates.give_back(held, self._settings.give_back_s)

    def _take(self, partition: Partition, held: Held) -> None:
        partition.in_hand[held.sequence] = held
        self._owner_of[held.sequence] = partition
        self.in_hand += 1
        self.in_hand_bytes += held.size

    def _drop(self, held: Held) -> bool:
        """Out of hand. False when its partition was lost meanwhile: its fate is another's to tell."""
        partition = self._owner_of.pop(held.sequence, None)
        if partition is None or partition.in_hand.pop(held.sequence, None) is None:
            return False
        self.in_hand -= 1
        self.in_hand_bytes -= held.size
        return True

    def release(self, partition: Partition) -> None:
        """Forgets all that the partition has in hand: it is delivered again, to its next owner."""
        partition.lost = True
        self.partitions.discard(partition)
        for held in list(partition.in_hand.values()):
            self._drop(held)

    def busy(self, partition: Partition) -> bool:
        running = any(lane.running for lane in partition.lanes.values())
        return running or any(lane.running for lane in partition.statuses.values())

    def oldest_ms(self) -> int | None:
        """How long ago, in ms, the oldest message in hand was published."""
        # a partition's messages come in order, so that the first in hand is its oldest
        firsts = (next(iter(partition.in_hand.values()), None) for partition in self.partitions)
        oldest = min((held.published_ms for held in firsts if held), default=None)
        return None if oldest is None else time.time_ns() // 1_000_000 - oldest

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
