"""How full the streams are: full readings refuse publishers, full dead letters keep bad messages where they are."""

import asyncio

import structlog
from nats.js import JetStreamContext

from ferry.contract import topology

LOOK_S = 15.0
WATCHED = (topology.READINGS.name, topology.DEAD.name)

_log = structlog.get_logger(__name__)


class Fill:
    """`ratios` of bytes to `max_bytes`, by stream, as they were when last looked at."""

    def __init__(self, jetstream: JetStreamContext) -> None:
        self.ratios: dict[str, float] = {}
        self._jetstream = jetstream

    async def watch(self) -> None:
        while True:
            for stream in WATCHED:
                try:
                    info = await self._jetstream.stream_info(stream)
                    self.ratios[stream] = info.state.bytes / (info.config.max_bytes or 1)
                except Exception as error:  # noqa: BLE001 - the next look will tell
                    _log.warning("fill.unanswered", stream=stream, error=type(error).__name__)
            await asyncio.sleep(LOOK_S)
