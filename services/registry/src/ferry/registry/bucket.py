"""The fleet in `ferry-registry`: one key an entity, written by compare-and-set, read by direct gets."""

import json
from dataclasses import dataclass
from typing import Generic, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError

from ferry.contract import topology
from ferry.contract.registry import Device, Gateway, Record, Sensor, State

E = TypeVar("E", bound=Gateway | Device | Sensor)
STREAM = f"KV_{topology.REGISTRY.name}"
PREFIX = f"$KV.{topology.REGISTRY.name}."
WRONG_LAST_SEQUENCE = {10071, 10164}
"""A single server says the first, a cluster with a write under way the second."""
ANSWER_S = 5.0
PAGE_BYTES = 512 * 1024
"""Half of what the server takes as one message: a page's answer must fit into one."""


class ConflictError(Exception):
    """Somebody else wrote the key meanwhile."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Records in the order of their last writing, the sequence of the last one, and how many follow it."""

    bodies: list[bytes]
    last: int
    pending: int


class Bucket(Generic[E]):
    """One kind of entity. Revisions are stream sequences; 0 is a key that was never written."""

    def __init__(self, client: Client, jetstream: JetStreamContext, kind: type[E]) -> None:
        self._client = client
        self._jetstream = jetstream
        self._record: type[Record[E]] = Record[kind]  # type: ignore[valid-type]

    async def get(self, key: str) -> tuple[Record[E] | None, int]:
        try:
            message: RawStreamMsg = await self._jetstream.get_last_msg(STREAM, PREFIX + key, direct=True)
        except NotFoundError:
            return None, 0
        return self._parsed(message.data or b"{}"), int(message.seq or 0)

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

    async def page(self, keys: str, after: int, limit: int) -> tuple[list[E], int | None]:
        """Registered entities whose key matches, in the order of their last writing; `next` when more follow.

        At most `limit`, fewer when they would be more than 512 KiB.
        """
        items: list[E] = []
        size = 0
        while True:
            batch = await self._batch(PREFIX + keys, after, limit - len(items), PAGE_BYTES - size)
            records = [self._parsed(body) for body in batch.bodies]
            items += [record.entity for record in records if record.state == "registered"]
            size += sum(map(len, batch.bodies))
            after = batch.last
            if not batch.pending:
                return items, None
            if len(items) >= limit or size >= PAGE_BYTES * 3 // 4:
                return items, after

    async def _batch(self, subject: str, after: int, most: int, most_bytes: int) -> _Batch:
        """One request for many records (ADR-31's batched direct get). Raises TimeoutError, APIError."""
        asked = {"seq": after + 1, "next_by_subj": subject, "batch": most, "max_bytes": most_bytes}
        inbox = self._client.new_inbox()
        answers = await self._client.subscribe(inbox)
        bodies: list[bytes] = []
        last, pending = after, 0
        try:
            await self._client.publish(
                f"$JS.API.DIRECT.GET.{STREAM}", json.dumps(asked).encode(), reply=inbox
            )
            while not _ended(message := await answers.next_msg(timeout=ANSWER_S)):
                headers = message.headers or {}
                if bodies and int(headers["Nats-Last-Sequence"]) != last:
                    raise TimeoutError  # one of the batch was lost on the way: nothing is left out in silence
                bodies.append(message.data)
                last, pending = int(headers["Nats-Sequence"]), int(headers["Nats-Num-Pending"])
        finally:
            await answers.unsubscribe()
        return _Batch(bodies, last, pending)

    def _parsed(self, body: bytes) -> Record[E]:
        record: Record[E] = self._record.model_validate_json(body)
        return record


def _ended(message: Msg) -> bool:
    """204 ends a batch, 404 is one without a record. Raises APIError for any other status."""
    headers = message.headers or {}
    status = headers.get("Status")
    if status in {"204", "404"}:
        return True
    if status is not None:
        raise APIError(code=int(status), description=headers.get("Description"))
    return False
