"""One kind of entity in `ferry-registry`: one key each, written by compare-and-set, read by direct gets."""

from typing import Generic, TypeVar

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError
from pydantic import ValidationError

from ferry.contract import topology
from ferry.contract.registry import Device, Gateway, Record, Sensor, key_of
from ferry.registry.bucket.unreadable import Unreadable
from ferry.registry.errors import ConflictError, TooLargeError

E = TypeVar("E", bound=Gateway | Device | Sensor)
STREAM = f"KV_{topology.REGISTRY.name}"
PREFIX = f"$KV.{topology.REGISTRY.name}."
WRONG_LAST_SEQUENCE = {10071, 10164}
"""A single server says the first, a cluster with a write under way the second."""
ANSWER_S = 5.0


class Records(Generic[E]):
    """Revisions are stream sequences; 0 is a key that was never written, or whose record expired."""

    def __init__(self, jetstream: JetStreamContext, kind: type[E], unreadable: Unreadable) -> None:
        self._jetstream = jetstream
        self._record: type[Record[E]] = Record[kind]  # type: ignore[valid-type]
        self._unreadable = unreadable

    async def get(self, key: str) -> tuple[Record[E] | None, int]:
        """A record that cannot be read is counted and logged, and is as good as none: the next write replaces it."""
        body, revision = await read(self._jetstream, key)
        return (self._parsed(key, body) if body else None), revision

    async def put(self, key: str, record: Record[E], revision: int, *, expires_s: int | None = None) -> int:
        """Writes when the key is still at `revision`; the new revision. Raises ConflictError, TooLargeError."""
        body = record.model_dump_json(exclude_none=True).encode()
        return await write(self._jetstream, key, body, revision, expires_s=expires_s)

    def _parsed(self, key: str, body: bytes) -> Record[E] | None:
        try:
            record: Record[E] = self._record.model_validate_json(body)
        except ValidationError:
            self._unreadable.found(key)
            return None
        if key_of(record.entity) != key:
            self._unreadable.found(key)
            return None
        return record


async def read(jetstream: JetStreamContext, key: str) -> tuple[bytes | None, int]:
    """The key's body, None when it is absent or was deleted by hand, and its revision."""
    try:
        message: RawStreamMsg = await jetstream.get_last_msg(STREAM, PREFIX + key, direct=True)
    except NotFoundError:
        return None, 0
    return message.data or None, int(message.seq or 0)


async def write(
    jetstream: JetStreamContext, key: str, body: bytes, revision: int | None, *, expires_s: int | None = None
) -> int:
    """The new revision; with `revision`, only when the key is still at it. Raises ConflictError, TooLargeError."""
    if len(body) > topology.REGISTRY.max_value_size - HEADERS_SIZE:
        raise TooLargeError(key)
    headers = {}
    if revision is not None:
        headers["Nats-Expected-Last-Subject-Sequence"] = str(revision)
    if expires_s is not None:
        headers["Nats-TTL"] = f"{expires_s}s"
    try:
        ack = await jetstream.publish(PREFIX + key, body, timeout=ANSWER_S, headers=headers or None)
    except APIError as error:
        if error.err_code in WRONG_LAST_SEQUENCE:
            raise ConflictError from None
        raise
    return ack.seq


HEADERS_SIZE = 256
"""A message's size counts its headers too."""
