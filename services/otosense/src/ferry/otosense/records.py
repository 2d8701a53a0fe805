"""What the bucket keeps of a sensor and of a claim, and what the domain asks of bucket, queue and cloud."""

from collections.abc import Callable
from typing import Protocol

from pydantic import BaseModel

from ferry.clouds.otosense import CloudSensor
from ferry.contract.model import Message
from ferry.contract.otosense import Sensor, Step

MOST_STEPS = 40
Now = Callable[[], int]
"""Unix ms."""


class Record(Message):
    """`told` is whether the event of the end was stored; it lies behind `tell_after` in the events' stream."""

    sensor: Sensor
    fingerprint: str
    told: bool = False
    tell_after: int = 0


class Claim(Message):
    """Written before the cloud is called, `at` in Unix ms. `sensor_id` is None until an answer is recorded."""

    at: int
    candidate: str | None = None
    sensor_id: str | None = None


class ConflictError(Exception):
    """Another replica wrote first."""


class Store(Protocol):
    """Revisions are compared: `write_…` with 0 creates. Raises ConflictError."""

    async def read(self, sensor_id: str) -> tuple[Record, int] | None: ...
    async def write(self, record: Record, revision: int) -> None: ...
    async def read_claim(self, fingerprint: str) -> Claim | None: ...
    async def write_claim(self, fingerprint: str, claim: Claim) -> None: ...
    async def forget_claim(self, fingerprint: str) -> None: ...
    async def sensors(self) -> list[str]: ...
    async def claims(self) -> list[str]: ...


class Cloud(Protocol):
    """With a token, a new one after a 401. Raises CloudError's family, ProblemError when auth has none."""

    async def provision(self, cert: str) -> CloudSensor: ...
    async def get(self, sensor_id: str) -> CloudSensor | None: ...


class Queue(Protocol):
    async def follow(self, sensor_id: str) -> None:
        """One message for each sensor, however often it is asked for."""


class Teller(Protocol):
    """Events that are stored, or an error is raised."""

    async def position(self) -> int: ...
    async def tell(self, verb: str, message: BaseModel) -> None: ...
    async def was_told(self, verb: str, sensor_id: str, after: int) -> bool: ...


def step(sensor: Sensor, at: int, what: str) -> tuple[Step, ...]:
    """The story with one more step; one that only repeats the last is left out."""
    if sensor.story and sensor.story[-1].what == what:
        return sensor.story
    return (*sensor.story, Step(at=at, what=what))[-MOST_STEPS:]
