"""The registry's bucket, read by key: one direct get a look-up."""

import json
from typing import Any

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from ferry.contract import registry, topology
from ferry.telemetry.known import LookupFailed

STREAM = f"KV_{topology.REGISTRY.name}"


class RegistryBucket:
    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream

    async def sensor(self, gateway: str, sensor: str) -> bool:
        return await self._record(registry.sensor_key(gateway, sensor)) is not None

    async def report_interval_ms(self, gateway: str) -> int | None:
        record = await self._record(registry.gateway_key(gateway))
        return None if record is None else int(record["reportInterval"])

    async def _record(self, key: str) -> dict[str, Any] | None:
        """The entity, once it is registered at the cloud. Raises LookupFailed."""
        try:
            message = await self._jetstream.get_last_msg(
                STREAM, f"$KV.{topology.REGISTRY.name}.{key}", direct=True
            )
        except NotFoundError:
            return None
        except Exception as error:  # noqa: BLE001 - whatever it was, the sensor may well exist
            raise LookupFailed(type(error).__name__) from None
        record: dict[str, Any] = json.loads(message.data or b"{}")
        return record["entity"] if record.get("state") == "registered" else None
