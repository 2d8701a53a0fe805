"""Counts the sensors of each stage for `/metrics`."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from typing import get_args

import structlog
from opentelemetry.metrics import CallbackOptions, Meter, Observation

from ferry.contract.otosense import Stage
from ferry.otosense.sensors.ports import Store

_log = structlog.get_logger(__name__)

EVERY_S = 30.0
SHARE = 50
"""A count takes at most one part in so many of the time, however many sensors there are."""
UNREADABLE = "unreadable"


class Stages:
    """`ferry.otosense.sensors` by stage. Every replica counts them all."""

    def __init__(self, store: Store, meter: Meter) -> None:
        self._store = store
        self._counted: Counter[str] | None = None
        meter.create_observable_gauge(
            "ferry.otosense.sensors", [self._observed], description="motor sensors by stage"
        )

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            begun = time.monotonic()
            try:
                await self.count()
            except Exception as error:  # noqa: BLE001 - the bus is unreachable: keep the last count
                _log.warning("stages.not_counted", error=type(error).__name__)
            await asyncio.sleep(max(EVERY_S, SHARE * (time.monotonic() - begun)))

    async def count(self) -> None:
        found: Counter[str] = Counter(dict.fromkeys((*get_args(Stage), UNREADABLE), 0))
        for name in await self._store.sensors():
            stored = await self._store.read(name)
            if stored.unreadable:
                found[UNREADABLE] += 1
            elif stored.record:
                found[stored.record.sensor.stage] += 1
        self._counted = found

    def _observed(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(count, {"stage": stage}) for stage, count in (self._counted or {}).items()]
