"""Adaptive limit of concurrent requests: slow start, additive increase, multiplicative decrease."""

DECREASE = 0.7
START = 16.0


class Limiter:
    """Grows with good answers while the limit is used, shrinks at most once per round of requests.

    After an overload it grows by one for each good answer up to where it was, then by one for each round of them.
    """

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.limit = min(START, float(maximum))
        self.in_use = 0
        self._threshold = self.limit
        self._falling = False
        self._ignored: int = 0
        """Answers of requests that were in flight when the limit shrank: they say the same thing again."""

    @property
    def free(self) -> bool:
        return self.in_use < int(self.limit)

    def good(self) -> None:
        self._ignored = 0
        if (self.in_use + 1) * 2 < self.limit:  # a limit that is not used teaches nothing
            return
        if self.limit < self._threshold:
            self.limit = min(self._threshold, self.limit + 1)
        else:
            self._falling = False
            self.limit = min(float(self.maximum), self.limit + 1 / self.limit)

    def overloaded(self) -> None:
        if self._ignored > 0:
            self._ignored -= 1
            return
        self._ignored = self.in_use
        if not self._falling:
            self._threshold = max(1.0, self.limit * DECREASE)
            self._falling = True
        self.limit = max(1.0, self.limit * DECREASE)
