"""The bus's time: the machine's own clock may be hours off or change."""

import asyncio
import time
from datetime import datetime

import msgspec
import structlog
from nats.aio.client import Client

from ferry.contract import topology
from ferry.telemetry.clock import NowMs, machine_ms

LOOK_S = 60.0
_log = structlog.get_logger(__name__)


class BusClock:
    """What the server's answers show of its clock, carried on by the monotonic one; `machine` until the first."""

    def __init__(self, machine: NowMs = machine_ms) -> None:
        self._machine = machine
        self._ahead_ms: float | None = None
        """How far the bus's clock is ahead of the monotonic one, in ms."""

    def now_ms(self) -> int:
        """Unix ms."""
        if self._ahead_ms is None:
            return self._machine()
        return round(time.monotonic() * 1000 + self._ahead_ms)

    def compare(self, answer: bytes, asked_s: float, answered_s: float) -> None:
        """From an answer of JetStream's API, which carries the server's time, and when it came by the monotonic clock.

        Raises TypeError where it has none.
        """
        moment = msgspec.json.decode(answer).get("ts")
        if not isinstance(moment, str):
            raise TypeError("the answer has no time")
        server_ms = msgspec.convert(moment, datetime, strict=False).timestamp() * 1000
        self._ahead_ms = server_ms - (asked_s + answered_s) * 500

    async def watch(self, client: Client) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look(client)

    async def look(self, client: Client) -> None:
        """Never raises: where the bus does not answer, what it last said is carried on."""
        asked_s = time.monotonic()
        try:
            answer = await client.request(f"$JS.API.STREAM.INFO.{topology.READINGS.name}", b"", timeout=5)
            self.compare(answer.data, asked_s, time.monotonic())
        except Exception as error:  # noqa: BLE001 - the next look will tell
            _log.warning("bus_clock.unanswered", error=type(error).__name__)
