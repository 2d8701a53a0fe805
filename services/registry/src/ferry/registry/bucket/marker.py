"""The key that marks the bucket as holding the whole fleet."""

from nats.js import JetStreamContext

from ferry.contract.registry import FILLED_KEY, Filled
from ferry.registry.bucket.records import read, write


class FilledMarker:
    """Raises nats-py's errors."""

    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream

    async def is_set(self) -> bool:
        body, _ = await read(self._jetstream, FILLED_KEY)
        return body is not None

    async def set(self, at_ms: int) -> None:
        await write(self._jetstream, FILLED_KEY, Filled(at=at_ms).model_dump_json().encode(), None)
