"""Schedules the checks of sensors that are not followed, one after the other, so that the cloud is not flooded."""

import asyncio
import random
import time
from typing import Protocol

import structlog

from ferry.clouds.errors import CloudError
from ferry.contract.problems import ProblemError
from ferry.otosense.sensors.ports import Store

_log = structlog.get_logger(__name__)

LONGEST_TURN_S = 30.0
"""Sensors that were claimed since are found at the latest after this."""


class Check(Protocol):
    async def check(self, sensor_id: str) -> float: ...


class Rounds:
    """`every_s` (s) is the time between two checks of one sensor; the first ones are spread over it."""

    def __init__(self, checks: Check, store: Store, every_s: float) -> None:
        self._checks = checks
        self._store = store
        self._every_s = every_s
        self._due: dict[str, float] = {}

    async def run(self) -> None:
        while True:
            try:
                await self._turn()
            except Exception as error:  # noqa: BLE001 - the bus or the cloud is unreachable, or a record is invalid
                _log.warning("check.failed", error=type(error).__name__)
            await asyncio.sleep(min(LONGEST_TURN_S, self._every_s / 10))

    async def _turn(self) -> None:
        names = await self._store.sensors()
        now = time.monotonic()
        # A sensor's own record says when it was checked; a restart need not remember.
        self._due = {name: self._due.get(name, now + random.random() * self._every_s) for name in names}  # noqa: S311
        for name in [name for name in names if self._due[name] <= now]:
            try:
                self._due[name] = time.monotonic() + await self._checks.check(name)
            except (CloudError, ProblemError) as error:
                _log.info("check.postponed", sensor=name, why=str(error))
                return
            except Exception as error:  # noqa: BLE001 - one sensor holds up no other
                self._due[name] = now + self._every_s
                _log.warning("check.failed", sensor=name, error=type(error).__name__)
