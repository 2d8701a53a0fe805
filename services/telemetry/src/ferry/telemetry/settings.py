"""What telemetry reads from the environment."""

import os
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ferry.clouds.network.way import read_network
from ferry.runtime.settings import RuntimeSettings


class CloudSettings(BaseModel):
    """The guide's base, such as `https://api.sandbox.thingplus.net/v2`. Times in s."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    url: str
    connect_s: float = 5.0
    answer_s: float = 15.0


class TelemetrySettings(BaseModel):
    """`FERRY_TELEMETRY__…`: bounds of what is in flight, and how long is waited for what. Times in s."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    put_max_points: int = Field(default=500, ge=1, le=5000)
    put_max_bytes: int = Field(default=128 * 1024, ge=1024)
    linger_s: float = Field(default=0.0, ge=0, le=60)
    """How long an idle sensor's reading waits for others; 0 sends it at once."""
    in_flight_messages: int = Field(default=8192, ge=1)
    in_flight_bytes: int = Field(default=32 * 1024 * 1024, ge=1024)
    """Of memory: bodies, subjects and decoded points."""
    lane_messages: int = Field(default=256, ge=1)
    """The most that one sensor keeps in memory; the rest waits in the stream."""
    concurrency_max: int = Field(default=128, ge=1)
    retry_base_s: float = Field(default=0.25, gt=0)
    retry_cap_s: float = Field(default=30.0, gt=0)
    retry_budget_s: float = Field(default=300.0, gt=0)
    """How long one sensor may fail alone, while the cloud answers others, before its dead letters."""
    unknown_grace_s: float = Field(default=30.0, ge=0)
    unknown_messages: int = Field(default=1000, ge=0)
    """Of one gateway, for sensors that the registry does not have; what comes beyond becomes dead letters at once."""
    breaker_open_s: float = Field(default=1.0, gt=0)
    breaker_open_max_s: float = Field(default=5.0, gt=0)
    pause_max_s: float = Field(default=120.0, gt=0)
    """The longest that a cloud's `Retry-After` is obeyed before one request probes."""
    earliest_time_ms: int = Field(default=946_684_800_000, ge=0)
    """Readings with an earlier time become dead letters (`invalid_time`): the year 2000 unless set. Unix ms."""
    time_ahead_s: int = Field(default=900, ge=0)
    """How far a reading's time may be ahead of the bus's clock before it becomes a dead letter (`future_time`)."""
    accept_any_json: bool = False
    """Takes any JSON of a 2xx for delivered, for a Thing+ that answers otherwise than its documents say."""
    imply_status: bool = True
    heartbeat_s: float = Field(default=0.5, gt=0)
    silent_s: float = Field(default=5.0, gt=0)
    """A replica unheard for this long is dead: its consumers are deleted by who should own them."""
    ack_wait_s: float = Field(default=600.0, gt=1)
    """After so long an unacked message that is not in memory is delivered again: what is parked, or a lost ack."""
    drain_s: float = Field(default=0.5, ge=0)
    """A stopping replica gives its requests on the way so long to return."""


class Settings(RuntimeSettings):
    thingplus: CloudSettings
    telemetry: TelemetrySettings = TelemetrySettings()

    @model_validator(mode="after")
    def _network_is_usable(self) -> Self:
        """Proxies and authorities come from the environment (docs/deploy/index.md)."""
        read_network(os.environ)
        return self
