"""Claims a sensor: safe to repeat, resumed after a crash, never posted twice blindly."""

import asyncio

import structlog

from ferry.clouds.errors import CloudError, RefusedError, UnreachableError
from ferry.clouds.otosense import ClaimedError, CloudSensor
from ferry.contract.otosense import ForgottenSensor, Sensor, SensorForgotten, SensorProvisioned, Step
from ferry.contract.problems import ProblemError
from ferry.otosense.certificates import Chain, read_chain
from ferry.otosense.sensors import refusals
from ferry.otosense.sensors.ports import Cloud, Events, Now, Queue, Store
from ferry.otosense.sensors.records import Claim, ConflictError, Record, Stored, waiting
from ferry.otosense.sensors.schedule import Schedule

_log = structlog.get_logger(__name__)

ATTEMPTS = 2
MOST_CONFLICTS = 10
LONGEST_PAUSE_S = 5.0
NEXT = (
    "claimed; the sensor tries to connect three times, 30 s apart, and then sleeps for 20 minutes: "
    "contact takes up to 20 minutes, and is watched"
)


class Claims:
    def __init__(
        self,
        cloud: Cloud,
        store: Store,
        queue: Queue,
        events: Events,
        schedule: Schedule,
        now: Now,
        settle_s: float,
    ) -> None:
        self._cloud = cloud
        self._store = store
        self._queue = queue
        self._events = events
        self._schedule = schedule
        self._now = now
        self._settle_ms = settle_s * 1000

    async def provision(self, pem: str) -> Sensor:
        """Raises ProblemError: the certificate's, the cloud's, or auth's."""
        chain = read_chain(pem)
        claim = await self._store.read_claim(chain.fingerprint)
        sensor_id = claim.sensor_id or claim.candidate if claim else None
        try:
            # Ours already, or a crash, or a failure that said nothing: it may be. The cloud knows.
            found = await self._found(sensor_id, chain.fingerprint) if sensor_id else None
            if found:
                return await self._known(found, chain)
            return await self._claimed(chain)
        except CloudError as error:
            raise await self._refusal(error, chain) from None

    async def forget(self, sensor_id: str) -> ForgottenSensor:
        """Also one whose record cannot be read. Raises ProblemError 404 for one that is not here."""
        for _ in range(MOST_CONFLICTS):
            stored = await self._store.read(sensor_id)
            if stored.record is None and not stored.unreadable:
                raise refusals.unknown(sensor_id)
            try:
                await self._store.delete(sensor_id, stored.revision)
            except ConflictError:
                continue
            if stored.record:
                await self._store.delete_claim(stored.record.fingerprint)
            await self._events.store("forgotten", SensorForgotten(sensor_id=sensor_id))
            _log.info("sensor.forgotten", sensor=sensor_id)
            stage = stored.record.sensor.stage if stored.record else None
            return ForgottenSensor(sensor_id=sensor_id, stage=stage)
        raise refusals.contended(sensor_id)

    async def recover(self) -> bool:
        """Takes up what a crash left: claims that the cloud has granted, sensors that nobody follows.

        False when a claim is so young that its request may still be at work: to be asked again.
        """
        settled = True
        for fingerprint in await self._store.claims():
            claim = await self._store.read_claim(fingerprint)
            if claim and claim.candidate and claim.sensor_id is None:
                if self._now() - claim.at < self._settle_ms:
                    settled = False
                    continue
                found = await self._found(claim.candidate, fingerprint)
                if found:
                    _log.info("claim.recovered", sensor=found.sensor_id)
                    await self._provisioned(found, fingerprint, ())
        for sensor_id in await self._store.sensors():
            record = (await self._store.read(sensor_id)).record
            if record and not record.told:
                await self._queue.follow(sensor_id)
        return settled

    async def _claimed(self, chain: Chain) -> Sensor:
        """Asks the cloud for the sensor. What it refuses for certain is no claim. Raises CloudError's family."""
        claim = Claim(at=self._now(), candidate=chain.sensor_id)
        await self._store.write_claim(chain.fingerprint, claim)
        try:
            found = await self._post(chain)
        except CloudError as error:
            if not refusals.ambiguous(error):
                await self._store.delete_claim(chain.fingerprint)
            raise
        return await self._provisioned(found, chain.fingerprint, chain.warnings)

    async def _post(self, chain: Chain) -> CloudSensor:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._cloud.provision(chain.pem)
            except CloudError as error:
                if attempt == ATTEMPTS or not await self._pause(error):
                    raise
                if refusals.ambiguous(error) and chain.sensor_id:
                    found = await self._found(chain.sensor_id, chain.fingerprint)
                    if found:
                        return found
        raise AssertionError("the last attempt returns or raises")

    async def _pause(self, error: CloudError) -> bool:
        """Whether another attempt is worth it, after the time that the cloud asks for."""
        if refusals.ambiguous(error) or isinstance(error, UnreachableError):
            return True
        wait_s = (error.retry_after_s or 1.0) if isinstance(error, RefusedError) else LONGEST_PAUSE_S
        if not refusals.busy(error) or wait_s >= LONGEST_PAUSE_S:
            return False
        await asyncio.sleep(wait_s)
        return True

    async def _found(self, sensor_id: str, fingerprint: str) -> CloudSensor | None:
        """What the cloud has of it, unless that was claimed with another certificate."""
        record = (await self._store.read(sensor_id)).record
        if record and record.fingerprint != fingerprint:
            return None
        return await self._cloud.get(sensor_id)

    async def _refusal(self, error: CloudError, chain: Chain) -> ProblemError:
        if isinstance(error, ClaimedError):
            return refusals.claimed_unreadable(error)
        if not refusals.conflict(error) or not chain.sensor_id:
            return refusals.problem(error)
        try:
            ours = await self._cloud.get(chain.sensor_id) is not None
        except CloudError:
            return refusals.problem(error)
        return refusals.claimed_already(chain.sensor_id, ours=ours)

    async def _known(self, found: CloudSensor, chain: Chain) -> Sensor:
        """The cloud has it for this account. If connected, it is answered as it is; otherwise it is followed again."""
        stored = await self._store.read(found.sensor_id)
        if stored.record is None:
            return await self._provisioned(found, chain.fingerprint, chain.warnings)
        sensor = stored.record.sensor
        if sensor.stage == "connected" and found.connected and sensor.provisioned == found.provisioned:
            return sensor.model_copy(update={"last_connected": found.last_connected})
        return await self._follow(found, chain.fingerprint, chain.warnings, "followed anew")

    async def _provisioned(self, found: CloudSensor, fingerprint: str, warnings: tuple[str, ...]) -> Sensor:
        sensor = await self._follow(found, fingerprint, warnings, "claimed")
        message = SensorProvisioned(
            sensor_id=sensor.sensor_id,
            provisioned=sensor.provisioned,
            provisioned_by=sensor.provisioned_by,
        )
        await self._events.store("provisioned", message)
        claim = Claim(at=self._now(), candidate=sensor.sensor_id, sensor_id=sensor.sensor_id)
        await self._store.write_claim(fingerprint, claim)
        return sensor

    async def _follow(
        self, found: CloudSensor, fingerprint: str, warnings: tuple[str, ...], what: str
    ) -> Sensor:
        """Retries until no other write intervened: whatever was decided before, it is followed from now on."""
        for _ in range(MOST_CONFLICTS):
            stored, now = await self._store.read(found.sensor_id), self._now()
            story = (*_story_of(stored, fingerprint), Step(at=now, what=what))
            sensor = waiting(found, now, self._schedule.next_poll(now, now), NEXT, story)
            sensor = sensor.model_copy(update={"warnings": warnings})
            try:
                await self._store.write(Record(sensor=sensor, fingerprint=fingerprint), stored.revision)
            except ConflictError:
                continue
            await self._queue.follow(sensor.sensor_id)
            return sensor
        raise refusals.contended(found.sensor_id)


def _story_of(stored: Stored, fingerprint: str) -> tuple[Step, ...]:
    record = stored.record
    return record.sensor.story if record and record.fingerprint == fingerprint else ()
