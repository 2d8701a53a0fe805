"""Publishes the events of sensors to FERRY_EVENTS, and looks them up after a crash."""

import json

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from pydantic import BaseModel

from ferry.contract import subjects, topology
from ferry.runtime.events import Events

NOUN = "sensor"


class SensorEvents:
    """Implements Events."""

    def __init__(self, jetstream: JetStreamContext, events: Events) -> None:
        self._jetstream = jetstream
        self._events = events

    async def position(self) -> int:
        return (await self._jetstream.stream_info(topology.EVENTS.name)).state.last_seq

    async def store(self, verb: str, message: BaseModel) -> None:
        await self._events.store(NOUN, verb, message)

    async def was_stored(self, verb: str, sensor_id: str, after: int) -> bool:
        subject, sequence = subjects.event("otosense", NOUN, verb), after
        while True:
            try:
                found = await self._jetstream.get_msg(
                    topology.EVENTS.name, seq=sequence + 1, subject=subject, next=True, direct=True
                )
            except NotFoundError:
                return False
            if _sensor_of(found.data or b"") == sensor_id:
                return True
            sequence = found.seq or sequence + 1


def _sensor_of(body: bytes) -> str | None:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return said.get("sensorId") if isinstance(said, dict) else None
