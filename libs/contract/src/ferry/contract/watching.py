"""Messages between `ferry watch` and telemetry: on core NATS, and only while requested."""

from typing import Literal, Self

from pydantic import model_validator

from ferry.contract.ids import EntityId
from ferry.contract.model import Message, Request

WATCH_S = 15
"""How long a WatchRequest is valid; a watcher repeats it after a third of that."""
MAX_PUT_BODY = 1024
"""Characters of a PUT's body that a WatchedPut carries."""


class WatchRequest(Request):
    """`telemetry.watch`: every replica is to report its PUTs of this gateway or sensor for WATCH_S seconds."""

    gateway: EntityId | None = None
    sensor: EntityId | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if self.gateway is None and self.sensor is None:
            raise ValueError("a gateway or a sensor is needed")
        return self


class WatchedPut(Message):
    """`telemetry.puts.<gateway>.<sensor>`: one PUT to Thing+ and how it ended."""

    gateway: str
    sensor: str | None = None
    kind: Literal["series", "status"]
    http_status: int | None = None
    """None where no answer came."""
    detail: str = ""
    """Why no answer came."""
    took: int
    """In ms."""
    body: str
    """What was sent: its first MAX_PUT_BODY characters."""
    skipped: int = 0
    """PUTs before this one that were not reported, because they came faster than they can be."""
