"""The last errors, for operators."""

from collections import deque

from ferry.contract.telemetry import Failure


class LastErrors:
    """Bounded, newest last; times in Unix ms."""

    def __init__(self, keep: int = 10) -> None:
        self.last: deque[Failure] = deque(maxlen=keep)

    def note(self, at_ms: int, what: str) -> None:
        self.last.append(Failure(at=at_ms, what=what))
