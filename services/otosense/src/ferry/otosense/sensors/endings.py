"""The end of following a sensor, or of its life at the cloud, published exactly once."""

import structlog
from pydantic import BaseModel

from ferry.clouds.otosense import CloudSensor
from ferry.contract.otosense import SensorConnected, SensorReleased, SensorSilent
from ferry.otosense.sensors.ports import Events, Store
from ferry.otosense.sensors.records import ConflictError, Record

_log = structlog.get_logger(__name__)

NOT_THERE = "not known to the cloud (404)"
CONNECTED = "nothing: the sensor is connected"
SILENT = (
    "not heard in 26 minutes: after three tries a sensor sleeps for 20 minutes; check that its Wi-Fi profile "
    "is right and reaches the internet, wake it, and provision it again"
)
RELEASED = (
    "the cloud no longer has it: it was released or deleted there; provision it again to claim it, "
    "or delete it here with `ferry otosense forget`"
)


def connected(record: Record, found: CloudSensor, now: int, tell_after: int) -> Record:
    return record.ended("connected", CONNECTED, now, tell_after, last_connected=found.last_connected)


def silent(record: Record, now: int, tell_after: int) -> Record:
    return record.ended("silent", SILENT, now, tell_after)


def released(record: Record, now: int, tell_after: int) -> Record:
    return record.ended("released", RELEASED, now, tell_after)


class Endings:
    def __init__(self, store: Store, events: Events) -> None:
        self._store = store
        self._events = events

    async def position(self) -> int:
        """The last sequence of the events' stream: later events come after it."""
        return await self._events.position()

    async def tell(self, record: Record, revision: int, *, again: bool) -> None:
        """Once: with `again`, after a crash between the event and its note, the stream itself is asked."""
        sensor = record.sensor
        if record.told:
            return
        stage, sensor_id = sensor.stage, sensor.sensor_id
        if not again or not await self._events.was_stored(stage, sensor_id, record.tell_after):
            await self._events.store(stage, _message(record))
            _log.info("sensor.ended", sensor=sensor_id, stage=stage, polls=sensor.polls)
        try:
            await self._store.write(record.model_copy(update={"told": True}), revision)
        except ConflictError:
            _log.info("sensor.changed_meanwhile", sensor=sensor_id)


def _message(record: Record) -> BaseModel:
    sensor = record.sensor
    match sensor.stage:
        case "connected":
            return SensorConnected(
                sensor_id=sensor.sensor_id,
                last_connected=sensor.last_connected or "",
                claimed_at=sensor.claimed_at,
                polls=sensor.polls,
            )
        case "released":
            return SensorReleased(
                sensor_id=sensor.sensor_id, claimed_at=sensor.claimed_at, hint=sensor.next_step
            )
        case _:
            return SensorSilent(
                sensor_id=sensor.sensor_id,
                claimed_at=sensor.claimed_at,
                polls=sensor.polls,
                hint=sensor.next_step,
            )
