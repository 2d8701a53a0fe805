"""Writes dead letters to FERRY_DEAD: the original body, with everything else in headers."""

import asyncio
import re
import time

import structlog
from nats.js import JetStreamContext

from ferry.contract import dead, subjects
from ferry.contract.ids import is_safe_id
from ferry.telemetry.dead_letters.address import address_of
from ferry.telemetry.stream.delivery import Cause, Delivery

AT_ONCE = 8
"""Limits concurrent dead letters, so that a burst of bad messages does not delay others."""
ANSWER_S = 5.0
MOST_DETAIL = 500
"""Characters of the detail."""
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
"""W3C's form. Anything else that a publisher sends as one could keep its dead letter from being stored."""

_log = structlog.get_logger(__name__)


class NatsDeadLetters:
    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream
        self._places = asyncio.Semaphore(AT_ONCE)
        self._refused = 0

    async def store(self, delivery: Delivery, cause: Cause) -> bool:
        """False where the stream does not confirm it: it may be full."""
        gateway, sensor = address_of(delivery.subject)
        target = subjects.dead(cause.reason, gateway, sensor)
        headers = _headers(delivery, cause)
        try:
            async with self._places:
                await self._jetstream.publish(target, delivery.body, timeout=ANSWER_S, headers=headers)
        except Exception as error:  # noqa: BLE001 - whatever it was, the original stays where it is
            self._refused += 1
            if self._refused == 1:
                _log.warning("dead_letter.refused", reason=cause.reason, error=type(error).__name__)
            return False
        if self._refused:
            _log.warning("dead_letter.stored_again", refused=self._refused)
            self._refused = 0
        _log.warning(
            "dead_letter",
            reason=cause.reason.value,
            gateway=gateway if gateway and is_safe_id(gateway) else None,
            sensor=sensor if sensor and is_safe_id(sensor) else None,
            http_status=cause.http_status,
        )
        return True


def _headers(delivery: Delivery, cause: Cause) -> dict[str, str]:
    headers = {
        dead.REASON: cause.reason.value,
        dead.DETAIL: " ".join(cause.detail.split())
        .encode("ascii", "backslashreplace")
        .decode()[:MOST_DETAIL],
        dead.SUBJECT: delivery.subject.encode("ascii", "backslashreplace").decode(),
        dead.ATTEMPTS: str(cause.attempts),
        dead.SEQUENCE: str(delivery.sequence),
        dead.PUBLISHED_AT: str(delivery.published_ms),
        dead.DEAD_AT: str(time.time_ns() // 1_000_000),
    }
    if cause.http_status is not None:
        headers[dead.HTTP_STATUS] = str(cause.http_status)
    if delivery.failed_indexes and delivery.body.lstrip()[:1] == b"[":
        headers[dead.INDEXES] = ",".join(str(index) for index in sorted(delivery.failed_indexes))
    trace = (delivery.headers or {}).get(dead.TRACEPARENT, "")
    if TRACEPARENT.fullmatch(trace):
        headers[dead.TRACEPARENT] = trace
    return headers
