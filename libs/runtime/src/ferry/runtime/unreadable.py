"""Records that cannot be read: each is skipped, counted and logged with its key."""

import structlog
from opentelemetry.metrics import Meter

_log = structlog.get_logger(__name__)
_LONGEST_KEY = 200
_MOST_REMEMBERED = 10_000


class UnreadableRecords:
    """`ferry.records.unreadable` counts them by bucket, once for each revision that was met."""

    def __init__(self, meter: Meter, bucket: str) -> None:
        self._bucket = bucket
        self._met: dict[str, int] = {}
        self._counter = meter.create_counter(
            "ferry.records.unreadable", description="records in a bucket that were skipped, by bucket"
        )

    def skip(self, key: str, revision: int, why: str) -> None:
        """`why` says nothing of the record's own text: it may be a secret, or a terminal's escape sequence."""
        if self._met.get(key) == revision:
            return
        if len(self._met) >= _MOST_REMEMBERED:
            self._met.clear()
        self._met[key] = revision
        self._counter.add(1, {"bucket": self._bucket})
        shown = ascii(key[:_LONGEST_KEY])[1:-1]
        _log.warning("record.unreadable", bucket=self._bucket, key=shown, revision=revision, why=why)
