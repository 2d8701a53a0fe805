"""Time as the bus has it: the machine's own clock may be hours off."""

import asyncio
import time
from datetime import datetime

import msgspec
import structlog
from nats.aio.client import Client

from ferry.contract import topology
from ferry.telemetry.clock import machine_ms

LOOK_S = 60.0
_log = structlog.get_logger(__name__)


class BusClock:
    """The machine's clock, corrected by what the server's answers show of its own."""

    def __init__(self) -> None:
        self.offset_ms = 0
        """How far the machine's clock is ahead, in ms."""

    def now_ms(self) -> int:
        """Unix ms."""
        return machine_ms() - self.offset_ms

    def compare(self, answer: bytes, asked_ms: float, answered_ms: float) -> None:
        """From an answer of JetStream's API, which carries the server's time. Raises TypeError where it has none."""
        moment = msgspec.json.decode(answer).get("ts")
        if not isinstance(moment, str):
            raise TypeError("the answer has no time")
        server_ms = msgspec.convert(moment, datetime, strict=False).timestamp() * 1000
        self.offset_ms = round((asked_ms + answered_ms) / 2 - server_ms)

    async def watch(self, client: Client) -> None:
        while True:
            try:
                await self.look(client)
            except Exception as error:  # noqa: BLE001 - the next look will tell
                _log.warning("bus_clock.unanswered", error=type(error).__name__)
            await asyncio.sleep(LOOK_S)

    async def look(self, client: Client) -> None:
        asked_ms = time.time() * 1000
        answer = await client.request(f"$JS.API.STREAM.INFO.{topology.READINGS.name}", b"", timeout=5)
        self.compare(answer.data, asked_ms, time.time() * 1000)
