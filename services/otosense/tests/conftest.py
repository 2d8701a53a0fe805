"""Otosense in this process, with auth, a bus and the sandbox beside it."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from nats.js.errors import NotFoundError

from ferry.contract import subjects, topology
from ferry.contract.otosense import ProvisionSensor, Sensor
from ferry.otosense.app import lifespan
from ferry.otosense.settings import CloudSettings, FollowSettings, OtoSenseServiceSettings
from ferry.runtime.requests import ask
from ferry.runtime.service import Service, running
from ferry.runtime.settings import HealthSettings

Start = Callable[..., AbstractAsyncContextManager[Service]]


@pytest.fixture
def start(bus, sandbox) -> Start:
    @asynccontextmanager
    async def starting(
        speed: float = 1.0, timeout_s: float = 2.0, check_s: float = 900.0
    ) -> AsyncIterator[Service]:
        settings = OtoSenseServiceSettings(
            nats=bus.settings("otosense"),
            health=HealthSettings(host="127.0.0.1", port=0),
            otosense=CloudSettings(url=sandbox.otosense, timeout_s=timeout_s),
            follow=FollowSettings(speed=speed, settle_s=1, check_s=check_s),
        )
        async with running("otosense", settings, lifespan) as service:
            yield service

    return starting


@pytest.fixture
async def auth(suite):
    return await suite.start("auth")


@pytest.fixture
def provision(nats_client):
    async def asked(pem: str) -> Sensor:
        return await ask(
            nats_client, subjects.OTOSENSE_SENSORS_PROVISION, ProvisionSensor(cert=pem), Sensor, timeout_s=30
        )

    return asked


@pytest.fixture
def told(nats_client):
    async def read(verb: str) -> list[dict[str, Any]]:
        """Every event of this verb, oldest first."""
        subject, sequence = subjects.event("otosense", "sensor", verb), 0
        found: list[dict[str, Any]] = []
        while True:
            try:
                one = await nats_client.jetstream().get_msg(
                    topology.EVENTS.name, seq=sequence + 1, subject=subject, next=True
                )
            except NotFoundError:
                return found
            found.append(json.loads(one.data or b"{}"))
            sequence = one.seq or sequence + 1

    return read


@pytest.fixture
def posts(sandbox):
    async def count(method: str = "POST") -> int:
        seen = await sandbox.get("/admin/requests?limit=5000&path=/sensors")
        rows = seen["requests"] if isinstance(seen, dict) else seen
        return sum(1 for row in rows if row["method"] == method and "/sensors" in row["path"])

    return count
