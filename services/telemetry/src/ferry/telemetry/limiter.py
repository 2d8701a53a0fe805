"""How many requests may be on their way at once: additive increase, multiplicative decrease."""

from collections import deque

DECREASE = 0.7
START = 16.0


class Limiter:
    """Grows by one for each limit's worth of good answers, shrinks at most once per round of requests."""

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.limit = min(START, float(maximum))
        self.in_use = 0
        self._calm: int = 0

    @property
    def free(self) -> bool:
        return self.in_use < int(self.limit)

    def good(self) -> None:
        self._calm -= 1
        if self.in_use * 2 >= self.limit:  # a limit that is not used teaches nothing
            self.limit = min(float(self.maximum), self.limit + 1 / self.limit)

    def overloaded(self) -> None:
        if self._calm > 0:
            self._calm -= 1
            return
        self._calm = self.in_use
        self.limit = max(1.0, self.limit * DECREASE)


class Failures:
    """The last errors, for who looks: bounded, newest last."""

    def __init__(self, keep: int = 10) -> None:
        self.last: deque[tuple[int, str]] = deque(maxlen=keep)

    def note(self, at_ms: int, what: str) -> None:
        self.last.append((at_ms, what))
