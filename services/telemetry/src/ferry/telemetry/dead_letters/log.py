"""A line for each dead letter, as long as they are few; then one line a minute says how many more there were."""

import asyncio
from collections import Counter

import structlog

from ferry.contract.ids import is_safe_id
from ferry.telemetry.stream.delivery import Cause

LINES_A_MINUTE = 20
"""For each reason."""
MINUTE_S = 60.0

_log = structlog.get_logger(__name__)


class DeadLetterLog:
    def __init__(self) -> None:
        self._lines: Counter[str] = Counter()
        self._summary: asyncio.TimerHandle | None = None

    def note(self, cause: Cause, gateway: str | None, sensor: str | None) -> None:
        reason = cause.reason.value
        self._lines[reason] += 1
        if self._summary is None:
            self._summary = asyncio.get_running_loop().call_later(MINUTE_S, self._summarize)
        if self._lines[reason] <= LINES_A_MINUTE:
            _log.warning(
                "dead_letter",
                reason=reason,
                gateway=gateway if gateway and is_safe_id(gateway) else None,
                sensor=sensor if sensor and is_safe_id(sensor) else None,
                http_status=cause.http_status,
            )

    def _summarize(self) -> None:
        more = {
            reason: lines - LINES_A_MINUTE for reason, lines in self._lines.items() if lines > LINES_A_MINUTE
        }
        if more:
            _log.warning("dead_letters.more", **more)
        self._lines.clear()
        self._summary = None
