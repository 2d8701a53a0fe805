"""Checks sensors that are not followed from time to time: the cloud may have forgotten one."""

import structlog

from ferry.otosense.sensors.endings import NOT_THERE, Endings, connected, released
from ferry.otosense.sensors.ports import Cloud, Now, Store
from ferry.otosense.sensors.records import ConflictError, Record, step

_log = structlog.get_logger(__name__)

CONFIRM_PART = 0.1
"""Of the time between two checks: so much later a sensor that the cloud did not have is asked about once more."""


class Checks:
    """`every_s` (s) is how often each sensor is asked about, by one replica or another."""

    def __init__(self, cloud: Cloud, store: Store, endings: Endings, every_s: float, now: Now) -> None:
        self._cloud = cloud
        self._store = store
        self._endings = endings
        self._every_ms = every_s * 1000
        self._now = now

    async def check(self, sensor_id: str) -> float:
        """Asks if it is time. Seconds until it is to be checked again. Raises CloudError's family, ProblemError."""
        stored = await self._store.read(sensor_id)
        record = stored.record
        if record is None or record.sensor.stage in {"waiting", "released"}:
            return self._every_ms / 1000
        now = self._now()
        if (wait_ms := self._due(record) - now) > 0:
            return wait_ms / 1000
        record = record.model_copy(update={"checked_at": now})
        try:  # before the cloud is asked, so that the other replicas do not
            revision = await self._store.write(record, stored.revision)
            record = await self._ask(record, revision)
        except ConflictError:
            _log.info("sensor.changed_meanwhile", sensor=sensor_id)
        return (self._due(record) - now) / 1000

    def _due(self, record: Record) -> float:
        after = min(
            self._now(), max(record.checked_at, record.sensor.claimed_at)
        )  # a clock may have been set back
        return after + self._every_ms * (CONFIRM_PART if record.missing_since else 1)

    async def _ask(self, record: Record, revision: int) -> Record:
        """What the record is now. Raises ConflictError."""
        sensor, now = record.sensor, self._now()
        found = await self._cloud.get(sensor.sensor_id)
        if found is None and record.missing_since:
            return await self._ended(released(record, now, await self._endings.position()), revision)
        if found and found.connected and sensor.stage == "silent":
            return await self._ended(connected(record, found, now, await self._endings.position()), revision)
        if found is None:
            sensor = sensor.model_copy(update={"story": step(sensor, now, NOT_THERE)})
        else:
            last = found.last_connected or sensor.last_connected
            sensor = sensor.model_copy(update={"last_connected": last})
        changed = record.model_copy(update={"sensor": sensor, "missing_since": 0 if found else now})
        if changed != record:
            await self._store.write(changed, revision)
        return changed

    async def _ended(self, record: Record, revision: int) -> Record:
        record = record.model_copy(update={"missing_since": 0})
        await self._endings.tell(record, await self._store.write(record, revision), again=False)
        return record
