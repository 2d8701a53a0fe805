"""The replicas heard on core NATS, and who should own what: rendezvous hashing over them."""

import asyncio
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

from pydantic import ValidationError

from ferry.contract.telemetry import Presence


def owner(partition: int, replicas: Iterable[str]) -> str | None:
    """The replica with the highest hash for this partition: few partitions move when one comes or goes."""
    return max(replicas, key=lambda name: (_weight(partition, name), name), default=None)


@lru_cache(maxsize=8192)  # all partitions are weighed four times a second
def _weight(partition: int, name: str) -> bytes:
    return blake2b(f"{partition}/{name}".encode(), digest_size=8).digest()


class Replicas:
    """Times in s of the monotonic clock. This replica always hears itself."""

    def __init__(self, name: str, silent_s: float) -> None:
        self.name = name
        self.changed = asyncio.Event()
        self._silent_s = silent_s
        self._loop = asyncio.get_running_loop()
        self._heard: dict[str, tuple[float, Presence]] = {}
        self._started = self._loop.time()

    def hear(self, body: bytes) -> Presence | None:
        """Takes a heartbeat in; None when it is none, or our own."""
        try:
            presence = Presence.model_validate_json(body)
        except ValidationError:
            return None
        if presence.replica == self.name:
            return None
        new = presence.replica not in self._heard
        if presence.leaving:
            self._heard.pop(presence.replica, None)
        else:
            self._heard[presence.replica] = (self._loop.time(), presence)
        if new or presence.leaving:
            self.changed.set()
        return presence

    def alive(self) -> list[str]:
        return [self.name, *(presence.replica for presence in self.others())]

    def others(self) -> list[Presence]:
        now = self._loop.time()
        return [presence for at, presence in self._heard.values() if now - at < self._silent_s]

    def is_dead(self, name: str) -> bool:
        """Silent for long enough, and we have listened for long enough to say so."""
        now = self._loop.time()
        if name == self.name:
            return True
        if now - self._started < self._silent_s:
            return False
        heard = self._heard.get(name)
        return heard is None or now - heard[0] >= self._silent_s

    def forget_absence(self) -> None:
        """After a pause of our own, what we have not heard says nothing of the others."""
        self._started = self._loop.time()
