"""Acks by stream sequence: the server needs no more of a delivery to find it (ADR-15 has the subject's form)."""

import asyncio

import structlog
from nats.errors import Error

from ferry.runtime.direct import DirectClient
from ferry.telemetry.stream.nats.pulls import NatsPulls
from ferry.telemetry.stream.ports import StreamUnavailable

FLUSH_S = 2.0
TOGETHER_S = 0.002
"""So long an ack waits for others: a write by itself costs more than decoding a reading."""

_log = structlog.get_logger(__name__)


class NatsAcks:
    """Acks leave together, in one write."""

    def __init__(self, client: DirectClient, pulls: NatsPulls) -> None:
        """`pulls` have seen whether the server's subjects name its domain and account."""
        self._client = client
        self._pulls = pulls
        self._waiting: list[str] = []
        self._loop = asyncio.get_running_loop()

    def ack(self, consumer: str, sequence: int) -> None:
        self._send(consumer, sequence, "+ACK")

    def in_progress(self, consumer: str, sequence: int) -> None:
        self._send(consumer, sequence, "+WPI")

    def terminate(self, consumer: str, sequence: int, reason: str) -> None:
        self._send(consumer, sequence, f"+TERM {reason}")

    def _send(self, consumer: str, sequence: int, word: str) -> None:
        if not self._waiting:
            self._loop.call_later(TOGETHER_S, self._send_all)
        subject = f"{self._pulls.ack_prefix}.{consumer}.1.{sequence}.{sequence}.0.0"
        self._waiting.append(f"PUB {subject} {len(word)}\r\n{word}\r\n")

    def _send_all(self) -> None:
        sending, self._waiting = "".join(self._waiting), []
        if not sending:
            return
        try:
            self._client.send(sending.encode())
        except Error as error:  # an ack that is lost is sent again: the message comes back
            _log.warning("acks.lost", error=type(error).__name__)

    async def flush(self) -> None:
        self._send_all()
        try:
            await self._client.flush(timeout=FLUSH_S)  # type: ignore[arg-type] # nats-py says int, it waits for any
        except (Error, TimeoutError) as error:
            raise StreamUnavailable(str(error) or type(error).__name__) from None
