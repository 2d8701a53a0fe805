"""The fleet in `ferry-registry`: one key an entity, written by compare-and-set, read by direct gets."""

from typing import Generic, TypeVar

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError

from ferry.contract import topology
from ferry.contract.registry import FILLED_KEY, Device, Filled, Gateway, Record, Sensor, State

E = TypeVar("E", bound=Gateway | Device | Sensor)
STREAM = f"KV_{topology.REGISTRY.name}"
PREFIX = f"$KV.{topology.REGISTRY.name}."
WRONG_LAST_SEQUENCE = {10071, 10164}
"""A single server says the first, a cluster with a write under way the second."""
ANSWER_S = 5.0


class ConflictError(Exception):
    """Somebody else wrote the key meanwhile."""


class Bucket(Generic[E]):
    """One kind of entity. Revisions are stream sequences; 0 is a key that was never written."""

    def __init__(self, jetstream: JetStreamContext, kind: type[E]) -> None:
        self._jetstream = jetstream
        self._record: type[Record[E]] = Record[kind]  # type: ignore[valid-type]

    async def get(self, key: str) -> tuple[Record[E] | None, int]:
        try:
            message: RawStreamMsg = await self._jetstream.get_last_msg(STREAM, PREFIX + key, direct=True)
        except NotFoundError:
            return None, 0
        revision = int(message.seq or 0)
        if not message.data:
            return None, revision  # somebody deleted the key by hand
        return self._parsed(message.data), revision

    async def put(self, key: str, state: State, entity: E, revision: int) -> int:
        """Writes when the key is still at `revision`; the new revision. Raises ConflictError."""
        headers = {"Nats-Expected-Last-Subject-Sequence": str(revision)}
        body = self._record(state=state, entity=entity).model_dump_json().encode()
        try:
            ack = await self._jetstream.publish(PREFIX + key, body, timeout=ANSWER_S, headers=headers)
        except APIError as error:
            if error.err_code in WRONG_LAST_SEQUENCE:
                raise ConflictError from None
            raise
        return ack.seq

    def _parsed(self, body: bytes) -> Record[E]:
        record: Record[E] = self._record.model_validate_json(body)
        return record


class FilledMarker:
    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream

    async def is_set(self) -> bool:
        """Raises nats-py's errors, but not of absence."""
        try:
            message = await self._jetstream.get_last_msg(STREAM, PREFIX + FILLED_KEY, direct=True)
        except NotFoundError:
            return False
        return bool(message.data)

    async def set(self, at_ms: int) -> None:
        body = Filled(at=at_ms).model_dump_json().encode()
        await self._jetstream.publish(PREFIX + FILLED_KEY, body, timeout=ANSWER_S)
