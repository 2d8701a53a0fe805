"""Back-off of a lane, and how long it may fail alone. Times in s. Pure."""

import random
from dataclasses import dataclass

OPEN_BACK_OFF_S = 5.0
"""Where the cloud itself may be away, lanes that sleep longer than this would delay the recovery."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Full jitter between 0 and a doubling bound. `budget_s` is how long a lane may fail while others get through."""

    base_s: float
    cap_s: float
    budget_s: float
    pause_max_s: float = 120.0
    accept_any_json: bool = False

    def wait_s(self, attempt: int, *, cloud_works: bool, retry_after_s: float | None) -> float:
        """A lane's back-off; a legal `Retry-After` makes it longer."""
        bound = min(self.cap_s, self.base_s * 2 ** min(attempt, 16))
        wait_s = random.uniform(0, bound)  # noqa: S311 - no secret
        if not cloud_works:
            wait_s = min(wait_s, OPEN_BACK_OFF_S)
        if retry_after_s is not None:
            wait_s = max(wait_s, min(retry_after_s, self.pause_max_s))
        return wait_s
