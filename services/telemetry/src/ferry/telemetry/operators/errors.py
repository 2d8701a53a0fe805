"""The last errors, for operators."""

from collections import deque


class LastErrors:
    """Bounded, newest last; times in Unix ms."""

    def __init__(self, keep: int = 10) -> None:
        self.last: deque[tuple[int, str]] = deque(maxlen=keep)

    def note(self, at_ms: int, what: str) -> None:
        self.last.append((at_ms, what))
