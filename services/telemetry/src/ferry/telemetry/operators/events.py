"""Events about lanes, the cloud and the streams: one when a condition begins, one when it ends."""

import asyncio
from collections.abc import Iterator, Mapping

import structlog

from ferry.contract.telemetry import CloudPaused, CloudResumed, LaneFailing, LaneRecovered, StreamFilling
from ferry.runtime.events import Events
from ferry.telemetry.lanes.health import LaneHealth
from ferry.telemetry.replica import Replica

LOOK_S = 1.0
FAILING_S = 30.0
"""How long a lane must fail before an event is published."""
PAUSED_S = 5.0
MOST_LANES = 100
"""Maximum number of failing lanes with an event; more are a problem of the cloud, shown by `ferry status`."""
FILLING = 0.8
FULL_AGAIN = 0.7
"""A stream below this has recovered; the next event is published again."""


_log = structlog.get_logger(__name__)


class Watch:
    """`fill` are ratios of bytes by stream."""

    def __init__(self, replica: Replica, events: Events, fill: Mapping[str, float]) -> None:
        self._replica = replica
        self._events = events
        self._fill = fill
        self._failing: dict[str, tuple[LaneHealth, float, bool]] = {}
        """Since when in s, and whether its event was published."""
        self._lanes_told = 0
        self._paused_at: float | None = None
        self._pause_told = False
        self._filling: set[str] = set()
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await self._look_at_lanes()
            await self._look_at_cloud()
            await self._look_at_streams()

    def _lanes(self) -> Iterator[LaneHealth]:
        for partition in self._replica.ownership.owned.values():
            yield from (lane.health for lane in partition.lanes.values() if lane.health.failing)
            yield from (lane.health for lane in partition.statuses.values() if lane.health.failing)

    async def _look_at_lanes(self) -> None:
        now = self._loop.time()
        failing = {health.key: health for health in self._lanes()}
        for key, health in failing.items():
            _, since, told = self._failing.get(key, (health, now, False))
            may_tell = self._lanes_told < MOST_LANES and self._replica.gate.open
            if not told and now - since >= FAILING_S and may_tell:
                told = True
                self._lanes_told += 1
                since_ms = self._replica.now_ms() - round((now - since) * 1000)
                detail = health.last_words[:200]
                event = LaneFailing(
                    gateway=health.gateway, sensor=health.sensor, since=since_ms, detail=detail
                )
                _log.warning("lane.failing", gateway=health.gateway, sensor=health.sensor, why=detail)
                await self._events.emit("lane", "failing", event)
            self._failing[key] = (health, since, told)
        for key in [key for key in self._failing if key not in failing]:
            health, since, told = self._failing.pop(key)
            if told:
                self._lanes_told -= 1
                failed_ms = round((now - since) * 1000)
                event_ = LaneRecovered(gateway=health.gateway, sensor=health.sensor, failed_ms=failed_ms)
                _log.info("lane.recovered", gateway=health.gateway, sensor=health.sensor, after_ms=failed_ms)
                await self._events.emit("lane", "recovered", event_)

    async def _look_at_cloud(self) -> None:
        now, gate, name = self._loop.time(), self._replica.gate, self._replica.replicas.name
        if not gate.open:
            self._paused_at = now if self._paused_at is None else self._paused_at
            if not self._pause_told and now - self._paused_at >= PAUSED_S:
                self._pause_told = True
                _log.warning("cloud.paused", why=gate.breaker.cause[:200])
                await self._events.emit(
                    "cloud", "paused", CloudPaused(replica=name, cause=gate.breaker.cause[:200])
                )
        elif self._paused_at is not None:
            if self._pause_told:
                paused_ms = round((now - self._paused_at) * 1000)
                _log.info("cloud.resumed", after_ms=paused_ms)
                await self._events.emit("cloud", "resumed", CloudResumed(replica=name, paused_ms=paused_ms))
            self._paused_at, self._pause_told = None, False

    async def _look_at_streams(self) -> None:
        for stream, ratio in self._fill.items():
            if ratio >= FILLING and stream not in self._filling:
                self._filling.add(stream)
                event = StreamFilling(stream=stream, ratio=round(ratio, 3))
                _log.warning("stream.filling", stream=stream, ratio=round(ratio, 3))
                await self._events.emit("stream", "filling", event)
            elif ratio < FULL_AGAIN:
                self._filling.discard(stream)
