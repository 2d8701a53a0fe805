"""Wiring of otosense."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import nats.errors
import structlog

from ferry.clouds.errors import CloudError
from ferry.clouds.http import CloudHttp
from ferry.clouds.otosense import CloudSensor, OtoSense
from ferry.contract import subjects, topology
from ferry.contract.otosense import ForgetSensor, GetSensor, ListSensors, ProvisionSensor
from ferry.contract.problems import ProblemError
from ferry.otosense.bus.bucket import Bucket
from ferry.otosense.bus.events import SensorEvents
from ferry.otosense.bus.queue import FollowQueue
from ferry.otosense.handlers import Handlers
from ferry.otosense.sensors.checks import Checks
from ferry.otosense.sensors.claims import Claims
from ferry.otosense.sensors.endings import Endings
from ferry.otosense.sensors.following import Following
from ferry.otosense.sensors.rounds import Rounds
from ferry.otosense.sensors.schedule import Schedule
from ferry.otosense.sensors.stages import Stages
from ferry.otosense.settings import OtoSenseServiceSettings
from ferry.runtime.http_calls import measured
from ferry.runtime.service import Service
from ferry.runtime.tokens import Tokens
from ferry.runtime.topology import until_laid
from ferry.runtime.unreadable import UnreadableRecords

_log = structlog.get_logger(__name__)
AGAIN_S = 2.0


class TokenedCloud:
    """Implements Cloud: every call has a token, and a newer one after a 401."""

    def __init__(self, cloud: OtoSense, tokens: Tokens) -> None:
        self._cloud = cloud
        self._tokens = tokens

    async def provision(self, cert: str) -> CloudSensor:
        return await self._tokens.with_token(lambda token: self._cloud.provision(token.access_token, cert))

    async def get(self, sensor_id: str) -> CloudSensor | None:
        return await self._tokens.with_token(lambda token: self._cloud.get(token.access_token, sensor_id))


@asynccontextmanager
async def lifespan(service: Service) -> AsyncIterator[None]:
    settings = cast("OtoSenseServiceSettings", service.settings)
    follow = settings.follow
    tokens = Tokens(service.nats, "otosense")
    await until_laid(service.jetstream, f"KV_{topology.OTOSENSE.name}")
    store = Bucket(service.jetstream, UnreadableRecords(service.seen.meter, topology.OTOSENSE.name))
    queue, events = FollowQueue(service.jetstream), SensorEvents(service.jetstream, service.events)
    schedule, endings = Schedule(follow.speed), Endings(store, events)
    where, measure = settings.otosense, measured(service.seen.meter)
    async with CloudHttp(where.url, timeout_s=where.timeout_s, measure=measure) as http:
        cloud = TokenedCloud(OtoSense(http), tokens)
        claims = Claims(cloud, store, queue, events, schedule, _now, follow.settle_s)
        handlers = Handlers(claims, store)
        service.serve(subjects.OTOSENSE_SENSORS_PROVISION, ProvisionSensor, handlers.provision)
        service.serve(subjects.OTOSENSE_SENSORS_FORGET, ForgetSensor, handlers.forget)
        service.serve(subjects.OTOSENSE_SENSORS_GET, GetSensor, handlers.get)
        service.serve(subjects.OTOSENSE_SENSORS_LIST, ListSensors, handlers.list_sensors)
        service.background(_prepare(tokens, claims), "prepare")
        checks = Checks(cloud, store, endings, follow.check_s, _now)
        service.background(Stages(store, service.seen.meter).run(), "stages")
        service.background(Rounds(checks, store, follow.check_s).run(), "check")
        following = Following(cloud, store, queue, endings, schedule, _now)
        work = asyncio.create_task(queue.work(following.handle, follow.concurrency))
        service.background(asyncio.shield(work), "follow")
        try:
            yield
        finally:
            queue.stop()
            await asyncio.wait({work}, timeout=settings.shutdown_s / 2)
            work.cancel()


async def _prepare(tokens: Tokens, claims: Claims) -> None:
    """Fetches a token and resumes what a crash left; retried until both are done."""
    while True:
        try:
            await tokens.get()
            if await claims.recover():
                return
        except (ProblemError, CloudError, TimeoutError, nats.errors.Error) as error:
            _log.warning("prepare.failed", why=str(error))
        await asyncio.sleep(AGAIN_S)


def _now() -> int:
    return int(time.time() * 1000)
