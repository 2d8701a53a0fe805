"""Acks by stream sequence: the server needs no more of a delivery to find it (ADR-15 has the subject's form)."""

import asyncio

import structlog
from nats.aio.client import Client
from nats.errors import Error

from ferry.telemetry.stream.nats.pulls import NatsPulls
from ferry.telemetry.stream.ports import StreamUnavailable

FLUSH_S = 2.0

_log = structlog.get_logger(__name__)


class NatsAcks:
    """Acks leave in batches, each loop turn one: a publish alone costs more than decoding a reading."""

    def __init__(self, client: Client, pulls: NatsPulls) -> None:
        """`pulls` have seen whether the server's subjects name its domain and account."""
        self._client = client
        self._pulls = pulls
        self._waiting: list[tuple[str, bytes]] = []
        self._sending: asyncio.Task[None] | None = None

    def ack(self, consumer: str, sequence: int) -> None:
        self._send(consumer, sequence, b"+ACK")

    def in_progress(self, consumer: str, sequence: int) -> None:
        self._send(consumer, sequence, b"+WPI")

    def terminate(self, consumer: str, sequence: int, reason: str) -> None:
        self._send(consumer, sequence, b"+TERM " + reason.encode())

    def _send(self, consumer: str, sequence: int, word: bytes) -> None:
        subject = f"{self._pulls.ack_prefix}.{consumer}.1.{sequence}.{sequence}.0.0"
        self._waiting.append((subject, word))
        if self._sending is None:
            self._sending = asyncio.ensure_future(self._send_all())

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                sending, self._waiting = self._waiting, []
                for subject, word in sending:
                    await self._client.publish(subject, word)
        except Exception as error:  # noqa: BLE001 - an ack that is lost is sent again: the message comes back
            _log.warning("acks.lost", error=type(error).__name__)
        finally:
            self._sending = None

    async def flush(self) -> None:
        if self._sending is not None:
            await self._sending
        try:
            await self._client.flush(timeout=FLUSH_S)  # type: ignore[arg-type] # nats-py says int, it waits for any
        except (Error, TimeoutError) as error:
            raise StreamUnavailable(str(error) or type(error).__name__) from None
