"""The bucket `ferry-otosense`: `sensors.<sensor>` and `claims.<fingerprint>`, compared by revision."""

from nats.js import JetStreamContext
from nats.js.errors import APIError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from ferry.contract import topology
from ferry.contract.ids import safe_id
from ferry.otosense.records import Claim, ConflictError, Record

WRONG_LAST_SEQUENCE = (10071, 10164)


class Bucket:
    """Implements Store. Raises nats-py's errors besides ConflictError."""

    def __init__(self, jetstream: JetStreamContext, values: KeyValue) -> None:
        self._jetstream = jetstream
        self._values = values

    async def read(self, sensor_id: str) -> tuple[Record, int] | None:
        try:
            entry = await self._values.get(f"sensors.{safe_id(sensor_id)}")
        except KeyNotFoundError:
            return None
        return Record.model_validate_json(entry.value or b""), entry.revision or 0

    async def write(self, record: Record, revision: int) -> None:
        body = record.model_dump_json(exclude_none=True).encode()
        try:
            await self._values.update(f"sensors.{safe_id(record.sensor.sensor_id)}", body, last=revision)
        except KeyWrongLastSequenceError:
            raise ConflictError from None
        except APIError as error:
            if error.err_code in WRONG_LAST_SEQUENCE:
                raise ConflictError from None
            raise

    async def read_claim(self, fingerprint: str) -> Claim | None:
        try:
            entry = await self._values.get(f"claims.{safe_id(fingerprint)}")
        except KeyNotFoundError:
            return None
        return Claim.model_validate_json(entry.value or b"")

    async def write_claim(self, fingerprint: str, claim: Claim) -> None:
        body = claim.model_dump_json(exclude_none=True).encode()
        await self._values.put(f"claims.{safe_id(fingerprint)}", body)

    async def forget_claim(self, fingerprint: str) -> None:
        await self._values.delete(f"claims.{safe_id(fingerprint)}")

    async def sensors(self) -> list[str]:
        return await self._under("sensors.")

    async def claims(self) -> list[str]:
        return await self._under("claims.")

    async def _under(self, prefix: str) -> list[str]:
        """By the stream's subjects: a watch needs a consumer, and leave to make one. Deleted keys are among them."""
        base = f"$KV.{topology.OTOSENSE.name}.{prefix}"
        info = await self._jetstream.stream_info(f"KV_{topology.OTOSENSE.name}", subjects_filter=f"{base}>")
        return sorted(subject.removeprefix(base) for subject in info.state.subjects or {})
