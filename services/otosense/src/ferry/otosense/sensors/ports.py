"""The ports of a sensor's life: bucket, queue, events, cloud."""

from collections.abc import Callable
from typing import Protocol

from pydantic import BaseModel

from ferry.clouds.otosense import CloudSensor
from ferry.otosense.sensors.records import Claim, Record, Stored

Now = Callable[[], int]
"""Unix ms."""


class Store(Protocol):
    """Revisions are compared: writing or deleting at another one raises ConflictError. 0 creates."""

    async def read(self, sensor_id: str) -> Stored: ...
    async def write(self, record: Record, revision: int) -> int:
        """The new revision."""

    async def delete(self, sensor_id: str, revision: int) -> None: ...
    async def read_claim(self, fingerprint: str) -> Claim | None: ...
    async def write_claim(self, fingerprint: str, claim: Claim) -> None: ...
    async def delete_claim(self, fingerprint: str) -> None: ...
    async def sensors(self) -> list[str]:
        """Sorted; deleted ones are among them."""

    async def claims(self) -> list[str]: ...


class Cloud(Protocol):
    """With a token, a new one after a 401. Raises CloudError's family, ProblemError when auth has none."""

    async def provision(self, cert: str) -> CloudSensor: ...
    async def get(self, sensor_id: str) -> CloudSensor | None:
        """None when the cloud says that it has none."""


class Queue(Protocol):
    async def follow(self, sensor_id: str) -> None:
        """One message for each sensor, however often it is asked for."""


class Delivery(Protocol):
    """A sensor's message, taken from the queue. While it is neither done nor returned, it is in the queue."""

    @property
    def sensor_id(self) -> str: ...
    async def done(self) -> None: ...
    async def again_in(self, wait_s: float) -> None: ...


class Events(Protocol):
    """Events that are stored, or an error is raised."""

    async def position(self) -> int: ...
    async def store(self, verb: str, message: BaseModel) -> None: ...
    async def was_stored(self, verb: str, sensor_id: str, after: int) -> bool: ...
