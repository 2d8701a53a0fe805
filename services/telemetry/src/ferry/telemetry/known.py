"""Whether a sensor is registered: one direct get by key, remembered for a while."""

import asyncio
from typing import Protocol


class Registry(Protocol):
    """None when the registry does not have it. Raises LookupFailed when it cannot be asked."""

    async def sensor(self, gateway: str, sensor: str) -> bool: ...
    async def report_interval_ms(self, gateway: str) -> int | None: ...


class LookupFailed(Exception):  # noqa: N818 - a state of the bus
    """The bucket did not answer: try again, this says nothing of the sensor."""


class Known:
    """Positive answers are kept for `keep_s`; a negative one is asked again by whoever waits for it."""

    def __init__(self, registry: Registry, keep_s: float = 300.0) -> None:
        self._registry = registry
        self._keep_s = keep_s
        self._until: dict[tuple[str, str], float] = {}
        self._intervals: dict[str, tuple[float, int]] = {}
        self._loop = asyncio.get_running_loop()

    def sensor_now(self, gateway: str, sensor: str) -> bool:
        """What is remembered: the hot path asks nobody."""
        return self._until.get((gateway, sensor), 0.0) > self._loop.time()

    async def sensor(self, gateway: str, sensor: str) -> bool:
        """Raises LookupFailed."""
        if self.sensor_now(gateway, sensor):
            return True
        if not await self._registry.sensor(gateway, sensor):
            return False
        self._until[gateway, sensor] = self._loop.time() + self._keep_s
        return True

    async def report_interval_ms(self, gateway: str) -> int | None:
        """None for a gateway that is not registered. Raises LookupFailed."""
        until, interval = self._intervals.get(gateway, (0.0, 0))
        if until > self._loop.time():
            return interval
        asked = await self._registry.report_interval_ms(gateway)
        if asked is not None:
            self._intervals[gateway] = (self._loop.time() + self._keep_s, asked)
        return asked

    async def wait_sensor(self, gateway: str, sensor: str, grace_s: float) -> bool:
        """Whether it is registered, or becomes so within the grace; an unanswered look-up does not count."""
        deadline = self._loop.time() + grace_s
        while True:
            try:
                if await self.sensor(gateway, sensor):
                    return True
                if self._loop.time() >= deadline:
                    return False
            except LookupFailed:
                deadline = max(deadline, self._loop.time() + min(grace_s, 1.0))
            await asyncio.sleep(0.25)

    async def wait_interval_ms(self, gateway: str, grace_s: float) -> int | None:
        """The gateway's reportInterval in ms, or None when it is not registered within the grace."""
        deadline = self._loop.time() + grace_s
        while True:
            try:
                if (interval := await self.report_interval_ms(gateway)) is not None:
                    return interval
                if self._loop.time() >= deadline:
                    return None
            except LookupFailed:
                deadline = max(deadline, self._loop.time() + min(grace_s, 1.0))
            await asyncio.sleep(0.25)
