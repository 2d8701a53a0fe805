"""Retries dead letters that could not be stored, one at a time, so that a full stream delays nobody."""

import asyncio

from ferry.telemetry.stream.in_flight import DeadLetterStream, InFlight
from ferry.telemetry.stream.partition import Partition
from ferry.telemetry.stream.ports import StoredMessages, StreamUnavailable

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0


class UnstoredDeadLetters:
    """Their originals stay in the stream, unacked; their bodies are not kept."""

    def __init__(self, in_flight: InFlight, stored: StoredMessages, dead_letters: DeadLetterStream) -> None:
        self._in_flight = in_flight
        self._stored = stored
        self._dead_letters = dead_letters

    async def run(self) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            await asyncio.sleep(wait_s)
            done = True
            for partition in list(self._in_flight.partitions):
                done = done and await self._store_all(partition)
            wait_s = FIRST_WAIT_S if done else min(LONGEST_WAIT_S, wait_s * 2)

    async def _store_all(self, partition: Partition) -> bool:
        """False where one could not be stored."""
        while partition.unstored and not partition.lost:
            sequence, unstored = next(iter(partition.unstored.items()))
            try:
                delivery = await self._stored.read_one(sequence)
            except StreamUnavailable:
                return False
            if delivery is not None:
                delivery.subject, delivery.failed_indexes = unstored.subject, unstored.failed_indexes
                if not await self._dead_letters.store(delivery, unstored.cause):
                    return False
                self._in_flight.finish_dead_letter(partition, delivery, unstored.cause)
            partition.unstored.pop(sequence, None)
        return True
