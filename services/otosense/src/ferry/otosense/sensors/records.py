"""The records of sensors and claims in the bucket."""

from dataclasses import dataclass

from ferry.clouds.otosense import CloudSensor
from ferry.contract.model import Message
from ferry.contract.otosense import Sensor, Stage, Step

MOST_STEPS = 40


class Record(Message):
    """`told` is whether the event of the end was stored; it comes after `tell_after` in the events' stream.

    `checked_at` is when the cloud was last asked about a sensor that is not followed, `missing_since` when it first
    said that it has none, 0 unless it did; both in Unix ms.
    """

    sensor: Sensor
    fingerprint: str
    told: bool = False
    tell_after: int = 0
    checked_at: int = 0
    missing_since: int = 0

    def ended(self, stage: Stage, next_step: str, at: int, tell_after: int, **more: object) -> "Record":
        """The same at the end of following, or of its life at the cloud, with its event still to be published."""
        end = {"stage": stage, "next_step": next_step, "next_poll_at": None, **more}
        sensor = self.sensor.model_copy(update={**end, "story": step(self.sensor, at, stage)})
        return self.model_copy(update={"sensor": sensor, "told": False, "tell_after": tell_after})


class Claim(Message):
    """Written before the cloud is called, `at` in Unix ms. `sensor_id` is None until an answer is recorded."""

    at: int
    candidate: str | None = None
    sensor_id: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """`record` is None for a key that is absent (`revision` 0), was deleted, or cannot be read (`unreadable`)."""

    record: Record | None
    revision: int
    unreadable: bool = False


class ConflictError(Exception):
    """Somebody else wrote first."""


def waiting(
    found: CloudSensor, now: int, next_poll_at: int, next_step: str, story: tuple[Step, ...]
) -> Sensor:
    """A sensor whose following begins now."""
    return Sensor(
        sensor_id=found.sensor_id,
        provisioned=found.provisioned,
        provisioned_by=found.provisioned_by,
        last_connected=found.last_connected,
        stage="waiting",
        next_step=next_step,
        claimed_at=now,
        next_poll_at=next_poll_at,
        story=story[-MOST_STEPS:],
    )


def step(sensor: Sensor, at: int, what: str) -> tuple[Step, ...]:
    """The story with one more step; one that only repeats the last is left out."""
    if sensor.story and sensor.story[-1].what == what:
        return sensor.story
    return (*sensor.story, Step(at=at, what=what))[-MOST_STEPS:]
