"""Stores where an import stopped, so that the next one resumes there. It expires."""

from nats.js import JetStreamContext

from ferry.registry.bucket.records import read, write

KEY = "_import"
KEPT_S = 3600
OVER_S = 1


class ImportProgress:
    """Raises nats-py's errors."""

    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream

    async def get(self) -> str | None:
        body, _ = await read(self._jetstream, KEY)
        return body.decode(errors="replace") if body else None

    async def put(self, cursor: str) -> None:
        await write(self._jetstream, KEY, cursor.encode(), None, expires_s=KEPT_S)

    async def clear(self) -> None:
        body, _ = await read(self._jetstream, KEY)
        if body is not None:
            await write(self._jetstream, KEY, b"", None, expires_s=OVER_S)
