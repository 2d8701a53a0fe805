"""The last errors, and the answers that came from something other than Thing+, for operators."""

from collections import Counter, deque

from ferry.contract.telemetry import Failure

TYPES = frozenset(
    {"text/html", "text/plain", "application/json", "application/problem+json", "empty body", "untyped body"}
)
"""Answers that are not Thing+'s are classified by these; anything else is `other`."""
STATUSES = range(100, 600)


class LastErrors:
    """Bounded, newest last; times in Unix ms."""

    def __init__(self, keep: int = 10) -> None:
        self.last: deque[Failure] = deque(maxlen=keep)

    def note(self, at_ms: int, what: str) -> None:
        self.last.append(Failure(at=at_ms, what=what))


class ForeignAnswers:
    """How many there were by status and content type."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def note(self, status: int, content_type: str) -> None:
        known = content_type if content_type in TYPES else "other"
        self.counts[str(status) if status in STATUSES else "other", known] += 1
