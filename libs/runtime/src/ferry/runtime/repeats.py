"""Lines that repeat: some of a kind at once, then one a minute; a summary a minute counts what was left out."""

import asyncio
import logging
import threading
import time
from collections import Counter

import structlog

AT_ONCE = 20
MINUTE_S = 60.0
TOLD_APART = ("reason", "subject", "error", "cloud", "task", "noun")
"""Fields whose values make lines of one event different kinds: each has few of them."""
MOST_KINDS = 1000

_log = structlog.get_logger(__name__)


class Repeats(logging.Filter):
    """On a handler: it sees structlog's lines and those of libraries. What is below INFO passes."""

    def __init__(self) -> None:
        super().__init__()
        self._allowed: dict[str, tuple[float, float]] = {}
        """By kind: how many lines more, and when that was counted, in s."""
        self._left_out: Counter[str] = Counter()
        self._summary: asyncio.TimerHandle | None = None
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.INFO:
            return True
        kind, now = _kind(record), time.monotonic()
        with self._lock:
            if len(self._allowed) >= MOST_KINDS:
                self._allowed.clear()
            allowed, since = self._allowed.get(kind, (float(AT_ONCE), now))
            allowed = min(float(AT_ONCE), allowed + (now - since) / MINUTE_S)
            passes = allowed >= 1
            self._allowed[kind] = (allowed - passes, now)
            if not passes:
                self._left_out[kind] += 1
        if not passes:
            self._summarize_later()
        return passes

    def summarize(self) -> None:
        """A line about what was left out since the last one, if anything was."""
        with self._lock:
            left_out, self._left_out = self._left_out, Counter()
            self._summary = None
        if left_out:
            _log.warning("log.left_out", lines=dict(left_out.most_common(AT_ONCE)), total=left_out.total())

    def _summarize_later(self) -> None:
        if self._summary is None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return  # a thread's line: the next one of the loop's is summarized with it
            self._summary = loop.call_later(MINUTE_S, self.summarize)


def _kind(record: logging.LogRecord) -> str:
    """A line's event with what tells it apart; of a library's line its logger and its text before it is filled in."""
    said = record.msg
    if not isinstance(said, dict):
        return f"{record.name}: {str(said)[:100]}"
    parts = [said.get("event", ""), *(said[name] for name in TOLD_APART if said.get(name))]
    return " ".join(str(part)[:100] for part in parts)
