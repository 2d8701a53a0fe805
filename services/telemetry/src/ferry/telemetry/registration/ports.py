"""The port to the registry."""

from typing import Literal, Protocol

SensorState = Literal["registered", "retired", "absent"]


class Registry(Protocol):
    """Both raise LookupFailed when the registry cannot be asked, or was not filled yet."""

    async def sensor(self, gateway: str, sensor: str) -> SensorState: ...
    async def report_interval_ms(self, gateway: str) -> int | None:
        """None where the gateway is not registered."""


class LookupFailed(Exception):  # noqa: N818 - a state of the bus
    """Try again: this says nothing of the sensor."""
