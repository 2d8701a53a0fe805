"""Which sensors are registered: one look-up by key, cached for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

from ferry.telemetry.registration.absent import AbsentMessages, Lane
from ferry.telemetry.registration.ports import LookupFailed, Registry, SensorState

AT_ONCE = 16
"""Look-ups of one gateway: who invents sensors must not delay the look-ups of others."""
QUICK_S, SLOW_S = 0.25, 1.0
"""How often a sensor that is not registered is looked up: quickly for the first SLOW_AFTER_S, then slowly."""
SLOW_AFTER_S = 5.0


class Registered:
    """Positive answers are kept for `keep_s`, in s; a negative one is asked again within `grace_s`."""

    def __init__(
        self, registry: Registry, absent: AbsentMessages, grace_s: float, keep_s: float = 300.0
    ) -> None:
        self.absent = absent
        self._registry = registry
        self._grace_s = grace_s
        self._keep_s = keep_s
        self._until: dict[tuple[str, str], float] = {}
        self._intervals: dict[str, tuple[float, int]] = {}
        self._places: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._loop = asyncio.get_running_loop()

    def is_remembered(self, gateway: str, sensor: str) -> bool:
        """The hot path asks nobody."""
        return self._until.get((gateway, sensor), 0.0) > self._loop.time()

    def forget_expired(self) -> None:
        now = self._loop.time()
        self._until = {key: until for key, until in self._until.items() if until > now}
        self._intervals = {key: kept for key, kept in self._intervals.items() if kept[0] > now}

    async def sensor(self, gateway: str, sensor: str) -> SensorState:
        """Raises LookupFailed."""
        if self.is_remembered(gateway, sensor):
            return "registered"
        places = self._places.setdefault(gateway, asyncio.Semaphore(AT_ONCE))
        async with places:
            state = await self._registry.sensor(gateway, sensor)
        if state == "registered":
            self._until[gateway, sensor] = self._loop.time() + self._keep_s
        return state

    async def report_interval_ms(self, gateway: str) -> int | None:
        """None for a gateway that is not registered. Raises LookupFailed."""
        until, interval = self._intervals.get(gateway, (0.0, 0))
        if until > self._loop.time():
            return interval
        asked = await self._registry.report_interval_ms(gateway)
        if asked is not None:
            self._intervals[gateway] = (self._loop.time() + self._keep_s, asked)
        return asked

    async def wait(
        self,
        lane: Lane,
        look_up: Callable[[], Awaitable[SensorState]],
        unconfirmed: Callable[[], None],
        check_lease: Callable[[], None],
    ) -> SensorState:
        """Until the entity is registered or retired, or was absent for the grace period.

        A look-up that fails says nothing of the entity and does not count. `unconfirmed` is called after each that
        does not confirm it. Raises LeaseLost.
        """
        begun = self._loop.time()
        deadline = begun + self._grace_s
        while True:
            check_lease()
            asked = self._loop.time()
            try:
                state = await look_up()
            except LookupFailed:
                state = None
            lane.absent = state == "absent"
            if state is None or state == "absent":
                unconfirmed()
            self.absent.update(lane)
            over = self._loop.time() >= deadline or self.absent.is_over(lane.address.gateway)
            if state is not None and (state != "absent" or over):
                return state
            await asyncio.sleep(QUICK_S if self._loop.time() < begun + SLOW_AFTER_S else SLOW_S)
            if state is None:
                deadline += self._loop.time() - asked
