"""The sandbox's own time: real, or faster and further on, so that 25 minutes need not be slept through."""

import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._since = source()
        self._start = self._since
        self._scale = 1.0

    def now_s(self) -> float:
        return self._start + (self._source() - self._since) * self._scale

    def now_ms(self) -> int:
        return int(self.now_s() * 1000)

    def set(self, *, advance_s: float = 0.0, scale: float | None = None) -> None:
        """Jumps ahead by `advance_s` and from now on runs `scale` times as fast as real time."""
        now = self.now_s() + advance_s
        self._since, self._start = self._source(), now
        self._scale = self._scale if scale is None else scale

    @property
    def scale(self) -> float:
        return self._scale


def iso(at_s: float) -> str:
    """The moment as both clouds print it: UTC, three decimals, `Z`."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
