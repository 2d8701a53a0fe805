"""Records that cannot be read: skipped, counted, and logged with their key."""

import structlog
from opentelemetry.metrics import Meter

_log = structlog.get_logger(__name__)


class Unreadable:
    def __init__(self, meter: Meter) -> None:
        self._count = meter.create_counter(
            "ferry_registry_unreadable_records", description="Reads of a record that could not be read."
        )

    def found(self, key: str) -> None:
        self._count.add(1)
        _log.warning("record.unreadable", key=key)
