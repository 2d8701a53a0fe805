"""Health of a lane: failures and successes of its requests. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class LaneHealth:
    """`key` is the lane's subject. Times in s of the monotonic clock."""

    key: str = ""
    gateway: str = ""
    sensor: str | None = None
    failing: bool = False
    attempts: int = 0
    """Since the last success: its back-off grows with them."""
    over_budget: bool = False
    """Until it works again, one more failure is enough."""
    failing_alone_s: float = 0.0
    """How long it has failed while others got through."""
    last_words: str = ""
    """What the cloud last said."""
    refused_since: float | None = None
    """Since when the cloud refuses its entity."""

    def recovered(self) -> None:
        self.failing = self.over_budget = False
        self.attempts = 0
        self.failing_alone_s = 0.0
        self.refused_since = None
