"""Follows a claimed sensor until it connects or its time is over."""

import structlog

from ferry.clouds.errors import CloudError, RefusedError
from ferry.contract.ids import is_safe_id
from ferry.contract.problems import ProblemError
from ferry.otosense.sensors.endings import NOT_THERE, Endings, connected, released, silent
from ferry.otosense.sensors.ports import Cloud, Delivery, Now, Queue, Store
from ferry.otosense.sensors.records import ConflictError, Record, step
from ferry.otosense.sensors.schedule import Schedule

_log = structlog.get_logger(__name__)

EARLY_MS = 20
"""A nak's delay ends a little early or late; this much early is on time."""


class Following:
    def __init__(
        self, cloud: Cloud, store: Store, queue: Queue, endings: Endings, schedule: Schedule, now: Now
    ) -> None:
        self._cloud = cloud
        self._store = store
        self._queue = queue
        self._endings = endings
        self._schedule = schedule
        self._now = now

    async def handle(self, delivery: Delivery) -> None:
        """One look. The message goes back for the next one, or is done."""
        if not is_safe_id(delivery.sensor_id):
            _log.warning("follow.no_sensor", sensor=ascii(delivery.sensor_id[:100]))
            await delivery.done()
            return
        if (wait_s := await self.look(delivery.sensor_id)) is not None:
            await delivery.again_in(wait_s)
            return
        await delivery.done()
        # Who provisioned it again meanwhile found this message still in the queue, and put none there.
        stored = await self._store.read(delivery.sensor_id)
        if stored.record and stored.record.sensor.stage == "waiting":
            await self._queue.follow(delivery.sensor_id)

    async def look(self, sensor_id: str) -> float | None:
        """Seconds until the next check; None if following has ended and its event was stored."""
        stored = await self._store.read(sensor_id)
        if stored.record is None:
            return None
        record = stored.record
        if record.sensor.stage != "waiting":
            await self._endings.tell(record, stored.revision, again=True)
            return None
        early = (record.sensor.next_poll_at or 0) - self._now()
        if early > EARLY_MS:  # a message that came again early is no reason to ask the cloud twice
            return early / 1000
        looked = await self._poll(record)
        try:
            revision = await self._store.write(looked, stored.revision)
        except ConflictError:
            return 1.0
        if looked.sensor.stage == "waiting":
            return max(0.001, ((looked.sensor.next_poll_at or 0) - self._now()) / 1000)
        await self._endings.tell(looked, revision, again=False)
        return None

    async def _poll(self, record: Record) -> Record:
        found, trouble, retry_after_s = None, None, None
        try:
            found = await self._cloud.get(record.sensor.sensor_id)
        except CloudError as error:
            trouble = f"the cloud could not be asked: {error}"
            retry_after_s = error.retry_after_s if isinstance(error, RefusedError) else None
        except ProblemError as error:
            trouble = f"there is no token: {error}"
        now, claimed_at = self._now(), record.sensor.claimed_at
        next_poll_at = self._schedule.next_poll(claimed_at, now, retry_after_s=retry_after_s)
        sensor = record.sensor.model_copy(
            update={"polls": record.sensor.polls + 1, "next_poll_at": next_poll_at}
        )
        if trouble or found is None:
            sensor = sensor.model_copy(update={"story": step(sensor, now, trouble or NOT_THERE)})
        record = record.model_copy(update={"sensor": sensor})
        if trouble:  # an outage of the cloud is no silence of the sensor
            return record
        if found and found.connected:
            return connected(record, found, now, await self._endings.position())
        if not self._schedule.over(claimed_at, now):
            return record
        end = released if found is None else silent
        return end(record, now, await self._endings.position())
