"""Requests to otosense, and its events: a motor sensor is claimed, then followed until it connects."""

from typing import Annotated, Literal

from pydantic import Field

from ferry.contract.ids import EntityId
from ferry.contract.model import Message, Request

Stage = Literal["waiting", "connected", "silent", "released"]
"""`released`: the cloud no longer has it; anyone with its certificate can claim it again."""

LARGEST_PEM = 64 * 1024
"""Characters of a certificate chain with all text around it; ten certificates with 4096-bit keys take a third."""


class ProvisionSensor(Request):
    """`cert` is the sensor's X.509 chain in PEM, at most 64 KiB, as the guide's POST /sensors takes it."""

    cert: str


class GetSensor(Request):
    sensor_id: EntityId


class ForgetSensor(Request):
    """Deletes Ferry's record of a sensor. The cloud keeps it, because its API cannot release one."""

    sensor_id: EntityId


class ForgottenSensor(Message):
    """`stage` is its last stage, absent if its record could not be read."""

    sensor_id: EntityId
    stage: Stage | None = None


class ListSensors(Request):
    """`next` of one page is `after` of the following one."""

    after: EntityId | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class Step(Message):
    """One event in a sensor's history; times in Unix ms."""

    at: int
    what: str


class Sensor(Message):
    """The guide's answer, and the sensor's history. Fields that end in `At` are Unix ms by Ferry's clock."""

    sensor_id: EntityId
    provisioned: str
    provisioned_by: str
    last_connected: str | None = None
    stage: Stage
    next_step: str
    """What happens next, or what to do, in one sentence."""
    claimed_at: int
    polls: int = 0
    next_poll_at: int | None = None
    warnings: tuple[str, ...] = ()
    story: tuple[Step, ...] = ()


class SensorList(Message):
    items: list[Sensor]
    next: str | None = None


class SensorProvisioned(Message):
    """`events.otosense.sensor.provisioned`."""

    sensor_id: EntityId
    provisioned: str
    provisioned_by: str


class SensorConnected(Message):
    """`events.otosense.sensor.connected`: once each time the sensor is followed."""

    sensor_id: EntityId
    last_connected: str
    claimed_at: int
    polls: int


class SensorReleased(Message):
    """`events.otosense.sensor.released`: the cloud no longer has it. It can be claimed again."""

    sensor_id: EntityId
    claimed_at: int
    hint: str


class SensorForgotten(Message):
    """`events.otosense.sensor.forgotten`: its record was deleted on request."""

    sensor_id: EntityId


class SensorSilent(Message):
    """`events.otosense.sensor.silent`: it did not connect while it was followed."""

    sensor_id: EntityId
    claimed_at: int
    polls: int
    hint: str
