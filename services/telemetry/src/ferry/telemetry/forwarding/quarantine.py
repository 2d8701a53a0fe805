"""Quarantines a lane that fails because of a bug in Ferry: alone, for a growing time, logged with its position."""

import structlog

FIRST_S, LONGEST_S = 5.0, 300.0

_log = structlog.get_logger(__name__)


class Quarantine:
    """Of one lane. Times in s."""

    def __init__(self) -> None:
        self._wait_s = 0.0

    def failed(self, key: str, sequence: int | None, error: Exception) -> float:
        """How long the lane must wait now."""
        self._wait_s = min(LONGEST_S, self._wait_s * 2) or FIRST_S
        _log.error("lane.quarantined", lane=key, sequence=sequence, for_s=self._wait_s, exc_info=error)
        return self._wait_s
