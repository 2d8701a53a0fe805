"""How a message's fate is told to the stream, and where the dead letters go."""

import asyncio
import time

import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext

from ferry.contract import dead, subjects
from ferry.contract.ids import is_safe_id
from ferry.telemetry.held import Held, Verdict

BURIALS = 8
"""At once: a burst of poison takes its turns beside the readings of others."""

_log = structlog.get_logger(__name__)


def address_of(subject: str) -> tuple[str | None, str | None]:
    """Gateway and sensor of a published subject, also of one that the contract does not have."""
    tokens = subject.split(".")
    gateway = tokens[3] if len(tokens) > 3 else None  # noqa: PLR2004 - ferry.v1.gateways.<gateway>
    sensor = tokens[5] if len(tokens) > 5 and tokens[4] == "sensors" else None  # noqa: PLR2004
    return gateway, sensor


class BusFates:
    """Acks leave in batches, each loop turn one: a publish alone costs more than decoding a reading."""

    def __init__(self, client: Client, jetstream: JetStreamContext, give_back_s: float) -> None:
        self._client = client
        self._jetstream = jetstream
        self._later = b'-NAK {"delay": %d}' % int(give_back_s * 1e9)
        self._burials = asyncio.Semaphore(BURIALS)
        self._refused = 0
        self._told: list[tuple[str, bytes]] = []
        self._teller: asyncio.Task[None] | None = None

    def ack(self, held: Held) -> None:
        self._tell(held.ack, b"+ACK")

    def give_back(self, held: Held) -> None:
        self._tell(held.ack, self._later)

    def in_progress(self, held: Held) -> None:
        self._tell(held.ack, b"+WPI")

    def _tell(self, subject: str, word: bytes) -> None:
        self._told.append((subject, word))
        if self._teller is None:
            self._teller = asyncio.ensure_future(self._tell_all())

    async def _tell_all(self) -> None:
        try:
            while self._told:
                told, self._told = self._told, []
                for subject, word in told:
                    await self._client.publish(subject, word)
        except Exception as error:  # noqa: BLE001 - an untold fate is told again: the message comes back
            _log.warning("ack.untold", error=type(error).__name__)
        finally:
            self._teller = None

    async def flush(self) -> None:
        if self._teller is not None:
            await self._teller
        await self._client.flush(timeout=2)

    async def bury(self, held: Held, verdict: Verdict) -> bool:
        """Publishes the dead letter, then terminates the original. False where the stream does not confirm it."""
        gateway, sensor = address_of(held.subject)
        target = subjects.dead(verdict.reason, gateway, sensor)
        headers = _headers(held, verdict)
        try:
            async with self._burials:
                await self._jetstream.publish(target, held.body, timeout=5, headers=headers)
        except Exception as error:  # noqa: BLE001 - the stream may be full: the original stays where it is
            self._refused += 1
            if self._refused == 1:
                _log.warning("dead_letter.refused", reason=verdict.reason, error=type(error).__name__)
            return False
        if self._refused:
            _log.warning("dead_letter.taken_again", refused=self._refused)
            self._refused = 0
        self._tell(held.ack, b"+TERM " + verdict.reason.value.encode())
        _log.warning(
            "dead_letter",
            reason=verdict.reason.value,
            gateway=gateway if gateway and is_safe_id(gateway) else None,
            sensor=sensor if sensor and is_safe_id(sensor) else None,
            http_status=verdict.http_status,
        )
        return True


def _headers(held: Held, verdict: Verdict) -> dict[str, str]:
    headers = {
        dead.REASON: verdict.reason.value,
        dead.DETAIL: " ".join(verdict.detail.split())[:500].encode("ascii", "backslashreplace").decode(),
        dead.SUBJECT: held.subject.encode("ascii", "backslashreplace").decode(),
        dead.ATTEMPTS: str(verdict.attempts),
        dead.SEQUENCE: str(held.sequence),
        dead.PUBLISHED_AT: str(held.published_ms),
        dead.DEAD_AT: str(time.time_ns() // 1_000_000),
    }
    if verdict.http_status is not None:
        headers[dead.HTTP_STATUS] = str(verdict.http_status)
    if held.failed and held.body.lstrip()[:1] == b"[":
        headers[dead.INDEXES] = ",".join(str(index) for index in sorted(held.failed))
    trace = (held.headers or {}).get(dead.TRACEPARENT)
    if trace:
        headers[dead.TRACEPARENT] = trace
    return headers
