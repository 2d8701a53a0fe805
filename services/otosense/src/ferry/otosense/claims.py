"""A sensor is claimed: safe to repeat, found again after a crash, never posted blindly twice."""

import asyncio

import structlog

from ferry.clouds.errors import CloudError, RefusedError, UnreachableError
from ferry.clouds.otosense import CloudSensor
from ferry.contract.otosense import Sensor, SensorProvisioned, Step
from ferry.otosense import refusals
from ferry.otosense.certificates import Chain, read_chain
from ferry.otosense.records import Claim, Cloud, ConflictError, Now, Queue, Record, Store, Teller
from ferry.otosense.schedule import Schedule

_log = structlog.get_logger(__name__)

ATTEMPTS = 2
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
        teller: Teller,
        schedule: Schedule,
        now: Now,
        settle_s: float,
    ) -> None:
        self._cloud = cloud
        self._store = store
        self._queue = queue
        self._teller = teller
        self._schedule = schedule
        self._now = now
        self._settle_ms = settle_s * 1000

    async def provision(self, pem: str) -> Sensor:
        """Raises ProblemError: the certificate's, the cloud's, or auth's."""
        chain = read_chain(pem)
        claim = await self._store.read_claim(chain.fingerprint)
        if claim and claim.sensor_id and (known := await self._store.read(claim.sensor_id)):
            record, revision = known
            if record.fingerprint == chain.fingerprint:
                return await self._again(record, revision)
        found = None
        try:
            if claim and chain.sensor_id:  # a crash, or a failure that said nothing: it may be ours already
                found = await self._found(chain.sensor_id, chain.fingerprint)
            if found is None:
                await self._store.write_claim(
                    chain.fingerprint, Claim(at=self._now(), candidate=chain.sensor_id)
                )
                found = await self._post(chain)
        except CloudError as error:
            if not refusals.ambiguous(error):
                await self._store.forget_claim(chain.fingerprint)
            raise await self._refusal(error, chain) from None
        return await self._record(found, chain.fingerprint, chain.warnings)

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
                    await self._record(found, fingerprint, ())
        for sensor_id in await self._store.sensors():
            known = await self._store.read(sensor_id)
            if known and not known[0].told:
                await self._queue.follow(sensor_id)
        return settled

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
        known = await self._store.read(sensor_id)
        if known and known[0].fingerprint != fingerprint:
            return None
        return await self._cloud.get(sensor_id)

    async def _refusal(self, error: CloudError, chain: Chain) -> Exception:
        if not refusals.conflict(error) or not chain.sensor_id:
            return refusals.problem(error)
        try:
            ours = await self._cloud.get(chain.sensor_id) is not None
        except CloudError:
            return refusals.problem(error)
        return refusals.claimed_already(chain.sensor_id, ours=ours)

    async def _record(self, found: CloudSensor, fingerprint: str, warnings: tuple[str, ...]) -> Sensor:
        now = self._now()
        sensor = Sensor(
            sensor_id=found.sensor_id,
            provisioned=found.provisioned,
            provisioned_by=found.provisioned_by,
            stage="waiting",
            next_step=NEXT,
            claimed_at=now,
            next_poll_at=self._schedule.next_poll(now, now),
            warnings=warnings,
            story=(Step(at=now, what="claimed"),),
        )
        known = await self._store.read(found.sensor_id)
        if known is None or known[0].fingerprint != fingerprint:
            try:
                record = Record(sensor=sensor, fingerprint=fingerprint)
                await self._store.write(record, known[1] if known else 0)
            except ConflictError:  # the same request elsewhere was quicker
                known = await self._store.read(found.sensor_id)
        if known and known[0].fingerprint == fingerprint:
            sensor = known[0].sensor
        await self._queue.follow(sensor.sensor_id)
        told = SensorProvisioned(
            sensor_id=sensor.sensor_id,
            provisioned=sensor.provisioned,
            provisioned_by=sensor.provisioned_by,
        )
        await self._teller.tell("provisioned", told)
        claim = Claim(at=now, candidate=sensor.sensor_id, sensor_id=sensor.sensor_id)
        await self._store.write_claim(fingerprint, claim)
        return sensor

    async def _again(self, record: Record, revision: int) -> Sensor:
        """The same answer; one that stayed silent is followed anew, for somebody is beside it again."""
        if record.sensor.stage != "silent":
            return record.sensor
        now = self._now()
        sensor = record.sensor.model_copy(
            update={
                "stage": "waiting",
                "next_step": NEXT,
                "claimed_at": now,
                "polls": 0,
                "next_poll_at": self._schedule.next_poll(now, now),
                "story": (*record.sensor.story, Step(at=now, what="followed anew")),
            }
        )
        try:
            await self._store.write(Record(sensor=sensor, fingerprint=record.fingerprint), revision)
        except ConflictError:
            _log.info("sensor.followed_elsewhere", sensor=sensor.sensor_id)
        await self._queue.follow(sensor.sensor_id)
        return sensor
