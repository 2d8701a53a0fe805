"""Decides when a partition's messages are pulled, and detects missed ones."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ferry.telemetry.stream.delivery import Delivery
from ferry.telemetry.stream.in_flight import InFlight
from ferry.telemetry.stream.partition import Partition
from ferry.telemetry.stream.ports import PullEnd, Pulls

TRICKLE = 512
"""Maximum number of messages in flight while the cloud is down: an open breaker needs lanes to probe with."""
LOOK_S = 0.02
SCAN_PER_S = 2000.0
SCAN_BURST = 20_000.0

Accept = Callable[[Partition, Delivery], None]


@dataclass(slots=True)
class PartitionReceiver:
    """A pull's messages on their way to their lanes."""

    partition: Partition
    accept: Accept

    def receive(self, delivery: Delivery, number: int) -> bool:
        if self.partition.takes(number):
            self.accept(self.partition, delivery)
        return not self.partition.broken

    def idle(self, last_number: int) -> bool:
        self.partition.is_up_to_date(last_number)
        return not self.partition.broken


class ScanPace:
    """How fast messages are passed over whose gateway has no room: each is read twice, and others wait behind it."""

    def __init__(self) -> None:
        self._left = SCAN_BURST
        self._loop = asyncio.get_running_loop()
        self._looked = self._loop.time()

    def wait_s(self, passed_over: int) -> float:
        now = self._loop.time()
        self._left = min(SCAN_BURST, self._left + (now - self._looked) * SCAN_PER_S) - passed_over
        self._looked = now
        return max(0.0, -self._left / SCAN_PER_S) if passed_over else 0.0


class Puller:
    """`cloud_works` says whether requests may leave: else the backlog waits in the stream."""

    def __init__(
        self, pulls: Pulls, in_flight: InFlight, cloud_works: Callable[[], bool], accept: Accept
    ) -> None:
        self._pulls = pulls
        self._in_flight = in_flight
        self._cloud_works = cloud_works
        self._accept = accept

    @property
    def may_pull(self) -> bool:
        return self._in_flight.may_pull and (self._cloud_works() or self._in_flight.messages < TRICKLE)

    async def run(self, partition: Partition) -> None:
        """Pulls until the partition drains, is lost or is broken. Returns early when its consumer may be gone."""
        receiver = PartitionReceiver(partition, self._accept)
        pace = ScanPace()
        while partition.pulls:
            if not self.may_pull:
                await asyncio.sleep(LOOK_S)
                continue
            before = partition.crowded_out
            end = await self._pulls.pull(partition.number, partition.consumer, receiver)
            if end is PullEnd.SUSPECT:
                return
            if wait_s := pace.wait_s(partition.crowded_out - before):
                await asyncio.sleep(wait_s)
