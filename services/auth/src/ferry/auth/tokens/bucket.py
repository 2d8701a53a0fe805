"""The shared bucket: compare-and-set on a revision, and ages by the server's clock alone."""

import json
import time
from datetime import datetime

import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext

from ferry.auth.tokens.shared import Entry, StoreError
from ferry.contract import topology
from ferry.runtime.topology import restore

_log = structlog.get_logger(__name__)

_STREAM = f"KV_{topology.TOKENS.name}"
_WRONG_LAST_SEQUENCE = (10071, 10164)
TIMEOUT_S = 2.0


class TokensBucket:
    """Implements Store on `ferry-tokens`. Every method raises StoreError when JetStream does not answer."""

    def __init__(self, client: Client, jetstream: JetStreamContext) -> None:
        self._client = client
        self._jetstream = jetstream
        self._born: dict[str, tuple[datetime | None, float]] = {}

    async def read(self, key: str) -> Entry:
        try:
            found = await self._jetstream.get_msg(_STREAM, subject=_subject(key), direct=True)
            if key not in self._born or self._born[key][0] != found.time:
                self._born[key] = (found.time, await self._born_at(found.time))
        except nats.js.errors.NotFoundError:
            return Entry(None, 0, 0.0)
        except nats.errors.NoRespondersError:
            return await self._lost()
        except (nats.errors.Error, TimeoutError) as error:
            raise StoreError(type(error).__name__) from error
        return Entry(found.data or b"", found.seq or 0, self._born[key][1])

    async def write(self, key: str, value: bytes, revision: int) -> int | None:
        headers = {"Nats-Expected-Last-Subject-Sequence": str(revision)}
        try:
            stored = await self._jetstream.publish(_subject(key), value, timeout=TIMEOUT_S, headers=headers)
        except nats.js.errors.APIError as error:
            if error.err_code in _WRONG_LAST_SEQUENCE:
                return None
            raise StoreError(f"{error.code} {error.description}") from error
        except (nats.errors.Error, TimeoutError) as error:
            raise StoreError(type(error).__name__) from error
        return stored.seq

    async def _lost(self) -> Entry:
        try:
            if await restore(self._jetstream, topology.TOKENS):
                _log.warning("bucket.restored", bucket=topology.TOKENS.name)
                return Entry(None, 0, 0.0)
        except (nats.errors.Error, TimeoutError) as error:
            raise StoreError(f"the bucket {topology.TOKENS.name} is gone: {type(error).__name__}") from error
        raise StoreError("NoRespondersError")

    async def _born_at(self, written: datetime | None) -> float:
        """When it was written, on our monotonic clock: both moments are the server's, so skew cancels out."""
        reply = await self._client.request(f"$JS.API.STREAM.INFO.{_STREAM}", b"", timeout=TIMEOUT_S)
        now = json.loads(reply.data).get("ts")
        if not now or not written:
            return time.monotonic()
        age = (datetime.fromisoformat(now) - written).total_seconds()
        return time.monotonic() - max(0.0, age)


def _subject(key: str) -> str:
    return f"$KV.{topology.TOKENS.name}.{key}"
