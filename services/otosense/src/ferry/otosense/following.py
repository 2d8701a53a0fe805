"""One look at a claimed sensor: connected, silent, or when to look again."""

import structlog

from ferry.clouds.errors import CloudError, RefusedError
from ferry.clouds.otosense import CloudSensor
from ferry.contract.otosense import SensorConnected, SensorSilent
from ferry.contract.problems import ProblemError
from ferry.otosense.records import Cloud, ConflictError, Now, Record, Store, Teller, step
from ferry.otosense.schedule import Schedule

_log = structlog.get_logger(__name__)

SILENT = (
    "not heard in 26 minutes: after three tries a sensor sleeps for 20 minutes; check that its Wi-Fi profile "
    "is right and reaches the internet, wake it, and provision it again, which follows it anew"
)
EARLY_MS = 20
"""A nak's delay ends a little early or late; this much early is on time."""


class Following:
    def __init__(self, cloud: Cloud, store: Store, teller: Teller, schedule: Schedule, now: Now) -> None:
        self._cloud = cloud
        self._store = store
        self._teller = teller
        self._schedule = schedule
        self._now = now

    async def look(self, sensor_id: str) -> float | None:
        """Seconds until the next look; None when the following has ended and was told."""
        known = await self._store.read(sensor_id)
        if known is None:
            return None
        record, revision = known
        if record.sensor.stage != "waiting":
            await self._tell(record, revision, again=True)
            return None
        early = (record.sensor.next_poll_at or 0) - self._now()
        if early > EARLY_MS:  # a message that came again early is no reason to ask the cloud twice
            return early / 1000
        ended = await self._poll(record)
        try:
            await self._store.write(ended, revision)
        except ConflictError:
            return 1.0
        if ended.sensor.stage == "waiting":
            return max(0.001, ((ended.sensor.next_poll_at or 0) - self._now()) / 1000)
        written = await self._store.read(sensor_id)
        if written:
            await self._tell(*written, again=False)
        return None

    async def _poll(self, record: Record) -> Record:
        retry_after_s = None
        found: CloudSensor | None = None
        trouble = None
        try:
            found = await self._cloud.get(record.sensor.sensor_id)
        except CloudError as error:
            trouble = f"the cloud could not be asked: {error}"
            retry_after_s = error.retry_after_s if isinstance(error, RefusedError) else None
        except ProblemError as error:
            trouble = f"there is no token: {error}"
        now = self._now()
        polled = record.sensor.model_copy(
            update={
                "polls": record.sensor.polls + 1,
                "next_poll_at": self._schedule.next_poll(
                    record.sensor.claimed_at, now, retry_after_s=retry_after_s
                ),
            }
        )
        if trouble is None and found is None:
            polled = polled.model_copy(update={"story": step(polled, now, "not known to the cloud (404)")})
        if trouble:  # an outage of the cloud is no silence of the sensor
            story = step(polled, now, trouble)
            return record.model_copy(update={"sensor": polled.model_copy(update={"story": story})})
        if found and found.connected:
            end = {
                "stage": "connected",
                "last_connected": found.last_connected,
                "next_step": "nothing: the sensor is connected",
                "story": step(polled, now, "connected"),
            }
        elif self._schedule.over(record.sensor.claimed_at, now):
            end = {"stage": "silent", "next_step": SILENT, "story": step(polled, now, "silent")}
        else:
            return record.model_copy(update={"sensor": polled})
        sensor = polled.model_copy(update={**end, "next_poll_at": None})
        after = await self._teller.position()
        return record.model_copy(update={"sensor": sensor, "told": False, "tell_after": after})

    async def _tell(self, record: Record, revision: int, *, again: bool) -> None:
        """Once: after a crash between telling and writing that down, the stream itself is asked."""
        sensor = record.sensor
        if record.told:
            return
        message: SensorConnected | SensorSilent
        if sensor.stage == "connected":
            message = SensorConnected(
                sensor_id=sensor.sensor_id,
                last_connected=sensor.last_connected or "",
                claimed_at=sensor.claimed_at,
                polls=sensor.polls,
            )
        else:
            message = SensorSilent(
                sensor_id=sensor.sensor_id, claimed_at=sensor.claimed_at, polls=sensor.polls, hint=SILENT
            )
        if not again or not await self._teller.was_told(sensor.stage, sensor.sensor_id, record.tell_after):
            await self._teller.tell(sensor.stage, message)
            _log.info("sensor.ended", sensor=sensor.sensor_id, stage=sensor.stage, polls=sensor.polls)
        try:
            await self._store.write(record.model_copy(update={"told": True}), revision)
        except ConflictError:
            _log.info("sensor.followed_elsewhere", sensor=sensor.sensor_id)
