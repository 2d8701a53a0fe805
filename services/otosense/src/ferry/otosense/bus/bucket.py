"""The bucket `ferry-otosense`: `sensors.<sensor>` and `claims.<fingerprint>`, compared by revision."""

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError
from pydantic import ValidationError

from ferry.contract import topology
from ferry.contract.ids import is_safe_id, safe_id
from ferry.otosense.sensors.records import Claim, ConflictError, Record, Stored
from ferry.runtime.unreadable import UnreadableRecords

STREAM = f"KV_{topology.OTOSENSE.name}"
PREFIX = f"$KV.{topology.OTOSENSE.name}."
WRONG_LAST_SEQUENCE = (10071, 10164)
"""A single server says the first, a cluster with a write under way the second."""
WRITE_S = 5.0
_OPERATION, _DELETED = "KV-Operation", frozenset({"DEL", "PURGE"})


class Bucket:
    """Implements Store. Raises nats-py's errors besides ConflictError. A record that cannot be read is skipped."""

    def __init__(self, jetstream: JetStreamContext, unreadable: UnreadableRecords) -> None:
        self._jetstream = jetstream
        self._unreadable = unreadable

    async def read(self, sensor_id: str) -> Stored:
        key = f"sensors.{safe_id(sensor_id)}"
        message = await self._last(key)
        if message is None or _is_deleted(message):
            return Stored(None, message.seq or 0 if message else 0)
        revision = message.seq or 0
        try:
            record = Record.model_validate_json(message.data or b"")
        except ValidationError:
            self._unreadable.skip(key, revision, "it is no record of a sensor")
            return Stored(None, revision, unreadable=True)
        if record.sensor.sensor_id != sensor_id:
            self._unreadable.skip(key, revision, "it is the record of another sensor")
            return Stored(None, revision, unreadable=True)
        return Stored(record, revision)

    async def write(self, record: Record, revision: int) -> int:
        body = record.model_dump_json(exclude_none=True).encode()
        return await self._put(f"sensors.{safe_id(record.sensor.sensor_id)}", body, revision)

    async def delete(self, sensor_id: str, revision: int) -> None:
        await self._put(f"sensors.{safe_id(sensor_id)}", b"", revision, {_OPERATION: "DEL"})

    async def read_claim(self, fingerprint: str) -> Claim | None:
        key = f"claims.{safe_id(fingerprint)}"
        message = await self._last(key)
        if message is None or _is_deleted(message):
            return None
        try:
            return Claim.model_validate_json(message.data or b"")
        except ValidationError:
            self._unreadable.skip(key, message.seq or 0, "it is no claim")
            return None

    async def write_claim(self, fingerprint: str, claim: Claim) -> None:
        await self._put(f"claims.{safe_id(fingerprint)}", claim.model_dump_json(exclude_none=True).encode())

    async def delete_claim(self, fingerprint: str) -> None:
        if is_safe_id(fingerprint):
            await self._put(f"claims.{fingerprint}", b"", headers={_OPERATION: "DEL"})

    async def sensors(self) -> list[str]:
        return await self._under("sensors.")

    async def claims(self) -> list[str]:
        return await self._under("claims.")

    async def _last(self, key: str) -> RawStreamMsg | None:
        try:
            return await self._jetstream.get_last_msg(STREAM, PREFIX + key, direct=True)
        except NotFoundError:
            return None

    async def _put(
        self, key: str, body: bytes, revision: int | None = None, headers: dict[str, str] | None = None
    ) -> int:
        expected = {} if revision is None else {"Nats-Expected-Last-Subject-Sequence": str(revision)}
        sent = {**expected, **(headers or {})}
        try:
            stored = await self._jetstream.publish(PREFIX + key, body, timeout=WRITE_S, headers=sent or None)
        except APIError as error:
            if error.err_code in WRONG_LAST_SEQUENCE:
                raise ConflictError from None
            raise
        return stored.seq

    async def _under(self, prefix: str) -> list[str]:
        """By the stream's subjects: a watch needs a consumer, and leave to make one. Deleted keys are among them."""
        base = PREFIX + prefix
        info = await self._jetstream.stream_info(STREAM, subjects_filter=f"{base}>")
        names = sorted(subject.removeprefix(base) for subject in info.state.subjects or {})
        for name in names:
            if not is_safe_id(name):
                self._unreadable.skip(prefix + name, 0, "its key is not a valid id")
        return [name for name in names if is_safe_id(name)]


def _is_deleted(message: RawStreamMsg) -> bool:
    return (message.headers or {}).get(_OPERATION) in _DELETED
