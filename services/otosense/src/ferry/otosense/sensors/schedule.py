"""When to check a claimed sensor: often while it tries, then every minute until it must have woken."""

TRYING_S, TRYING_EVERY_S = 120.0, 5.0
WAITING_EVERY_S = 60.0
LONGEST_S = 26 * 60.0
"""Contact takes up to 20 minutes (guide, "Confirming the sensor's cloud connection") after 90 s of trying."""


class Schedule:
    """Runs `speed` times faster than the clock; all moments are in Unix ms."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed

    def next_poll(self, claimed_at: int, now: int, *, retry_after_s: float | None = None) -> int:
        """The moment of the next look; a cloud's `Retry-After`, in s of its own time, is kept."""
        every_s = TRYING_EVERY_S if self._elapsed_s(claimed_at, now) < TRYING_S else WAITING_EVERY_S
        return now + int(max(every_s / self._speed, retry_after_s or 0) * 1000)

    def over(self, claimed_at: int, now: int) -> bool:
        return self._elapsed_s(claimed_at, now) >= LONGEST_S

    def _elapsed_s(self, claimed_at: int, now: int) -> float:
        return (now - claimed_at) / 1000 * self._speed
