"""Plausible times of a reading. A wrong clock must not block a sensor: Thing+ refuses every older time."""

from dataclasses import dataclass

from ferry.contract.dead import Reason
from ferry.telemetry.lanes.decode import Invalid

_UNITS = (("s", 1000.0), ("µs", 1e-3), ("ns", 1e-6))


@dataclass(frozen=True, slots=True)
class TimeBounds:
    """`earliest_ms` in Unix ms; `ahead_ms` is how far a time may be ahead of the bus's own, in ms."""

    earliest_ms: int
    ahead_ms: int

    def check(self, time_ms: int, stored_ms: int) -> None:
        """`stored_ms` is when the bus stored the reading. Raises Invalid."""
        latest_ms = stored_ms + self.ahead_ms
        if self.earliest_ms <= time_ms <= latest_ms:
            return
        hint = self._hint(time_ms, latest_ms)
        if time_ms > latest_ms:
            ahead_s = (time_ms - stored_ms) // 1000
            raise Invalid(
                Reason.FUTURE_TIME,
                f"time {time_ms} is {ahead_s} s ahead of the bus's clock{hint}; it must be Unix ms",
            )
        raise Invalid(
            Reason.INVALID_TIME, f"time {time_ms} is before {self.earliest_ms}{hint}; it must be Unix ms"
        )

    def _hint(self, time_ms: int, latest_ms: int) -> str:
        """The unit in which the time would be a true one."""
        for unit, factor in _UNITS:
            if self.earliest_ms <= time_ms * factor <= latest_ms:
                return f", it looks like {unit}"
        return ""
