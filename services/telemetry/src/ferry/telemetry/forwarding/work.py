"""A lane at work until it has none: what one step raises decides how long it waits, without keeping memory."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from ferry.contract.subjects import Address
from ferry.telemetry.delivery.limits.gate import Gate
from ferry.telemetry.delivery.read_back import Deferred
from ferry.telemetry.forwarding.quarantine import Quarantine
from ferry.telemetry.lanes.health import LaneHealth
from ferry.telemetry.lanes.pauses import PausedLanes
from ferry.telemetry.stream.partition import Partition
from ferry.telemetry.stream.ports import LeaseLost

PAUSED_S = 1.0
"""How often a paused lane looks whether it was resumed."""
UNAVAILABLE_S = 1.0
"""How long a lane waits for a stream that does not answer."""


class Lane(Protocol):
    address: Address
    health: LaneHealth

    @property
    def has_work(self) -> bool: ...
    @property
    def first_parked(self) -> int | None: ...


class Work:
    def __init__(self, gate: Gate, paused: PausedLanes) -> None:
        self._gate = gate
        self._paused = paused

    async def off(
        self, partition: Partition, lane: Lane, step: Callable[[], Awaitable[None]], park: Callable[[], None]
    ) -> None:
        """Steps until nothing is left; `park` takes the lane's messages out of memory. Raises LeaseLost."""
        quarantine: Quarantine | None = None
        while lane.has_work:
            try:
                self._check(partition, lane)
                await step()
                quarantine = None
            except LeaseLost:
                raise
            except Deferred as deferred:
                park()
                await self._gate.back_off(deferred.wait_s)
            except Exception as error:  # noqa: BLE001 - a bug stops only this lane
                park()
                quarantine = quarantine or Quarantine()
                await asyncio.sleep(quarantine.failed(lane.health.key, lane.first_parked, error))

    def _check(self, partition: Partition, lane: Lane) -> None:
        """Raises LeaseLost, and Deferred for a lane that is paused."""
        partition.check_new_work()
        if self._paused.has(lane.address):
            raise Deferred(PAUSED_S)
