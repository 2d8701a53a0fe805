"""Reads the registry's bucket by key: one direct get per look-up."""

import json
from typing import Any, Protocol

from nats.js.errors import NotFoundError

from ferry.contract import registry, topology
from ferry.telemetry.registration.ports import LookupFailed, SensorState

STREAM = f"KV_{topology.REGISTRY.name}"


class Stored(Protocol):
    @property
    def data(self) -> bytes | None: ...


class DirectGets(Protocol):
    """The part of JetStream that is needed here. Raises NotFoundError."""

    async def get_last_msg(self, stream_name: str, subject: str, direct: bool | None = False) -> Stored: ...


class RegistryBucket:
    def __init__(self, jetstream: DirectGets) -> None:
        self._jetstream = jetstream

    async def sensor(self, gateway: str, sensor: str) -> SensorState:
        state, _ = await self._entity(registry.sensor_key(gateway, sensor))
        return state

    async def report_interval_ms(self, gateway: str) -> int | None:
        state, entity = await self._entity(registry.gateway_key(gateway))
        try:
            return int(entity["reportInterval"]) if state == "registered" else None
        except (ValueError, TypeError, LookupError) as error:
            raise LookupFailed(type(error).__name__) from None

    async def _entity(self, key: str) -> tuple[SensorState, dict[str, Any]]:
        """Its state, and its fields once it is registered at the cloud. Raises LookupFailed."""
        body = await self._get(key)
        if body is None:
            if await self._get(registry.FILLED_KEY) is None:
                raise LookupFailed("the registry's bucket was not filled yet")
            return "absent", {}
        try:
            record: dict[str, Any] = json.loads(body or b"{}")
            match record.get("state"):
                case "registered":
                    return "registered", record["entity"]
                case "retired":
                    return "retired", {}
                case _:
                    return "absent", {}
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise LookupFailed(type(error).__name__) from None

    async def _get(self, key: str) -> bytes | None:
        """None where the bucket has no such key; empty where it was deleted. Raises LookupFailed."""
        try:
            message = await self._jetstream.get_last_msg(
                STREAM, f"$KV.{topology.REGISTRY.name}.{key}", direct=True
            )
        except NotFoundError:
            return None
        except Exception as error:  # noqa: BLE001 - whatever it was, the sensor may well exist
            raise LookupFailed(type(error).__name__) from None
        return message.data or b""
