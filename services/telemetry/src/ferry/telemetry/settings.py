"""Settings of telemetry."""

import os
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ferry.clouds.network.way import read_network
from ferry.runtime.settings import RuntimeSettings


class CloudSettings(BaseModel):
    """Where Thing+ is. Only auth has its credentials."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    url: str
    """Base URL of Thing+ with `/v2`, such as `https://api.sandbox.thingplus.net/v2`."""
    connect_s: float = 5.0
    """Seconds allowed for connecting to Thing+."""
    answer_s: float = 15.0
    """Seconds allowed for a request to Thing+."""


class TelemetrySettings(BaseModel):
    """Limits on messages in flight, retries and waiting times."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    put_max_points: int = Field(default=500, ge=1, le=5000)
    """Maximum number of readings in one PUT."""
    put_max_bytes: int = Field(default=128 * 1024, ge=1024)
    """Maximum size of a PUT's body in bytes."""
    linger_s: float = Field(default=0.0, ge=0, le=60)
    """Seconds that an idle sensor's reading waits for more to share its PUT; 0 sends it immediately."""
    in_flight_messages: int = Field(default=8192, ge=1)
    """Maximum number of messages in memory, received and not yet acked."""
    in_flight_bytes: int = Field(default=32 * 1024 * 1024, ge=1024)
    """Maximum memory in bytes for messages in flight: bodies, subjects and decoded readings."""
    lane_messages: int = Field(default=256, ge=1)
    """Maximum number of messages of one sensor in memory; the rest wait in the stream."""
    concurrency_max: int = Field(default=128, ge=1)
    """Maximum number of concurrent requests to Thing+."""
    retry_base_s: float = Field(default=0.25, gt=0)
    """Back-off in seconds before the first retry; it doubles with each further one."""
    retry_cap_s: float = Field(default=30.0, gt=0)
    """Longest back-off in seconds."""
    retry_budget_s: float = Field(default=300.0, gt=0)
    """Seconds that one sensor may fail, while others succeed, before its readings become dead letters."""
    unknown_grace_s: float = Field(default=30.0, ge=0)
    """Seconds that messages of an unregistered sensor are kept before they become dead letters."""
    unknown_messages: int = Field(default=1000, ge=0)
    """Maximum number of messages kept for the unregistered sensors of one gateway; further ones become dead letters."""
    breaker_open_s: float = Field(default=1.0, gt=0)
    """Seconds that the circuit breaker stays open the first time."""
    breaker_open_max_s: float = Field(default=5.0, gt=0)
    """Longest time in seconds between two probes while the circuit breaker is open."""
    pause_max_s: float = Field(default=120.0, gt=0)
    """Longest pause in seconds that a `Retry-After` of the cloud can cause; then one request probes."""
    earliest_time_ms: int = Field(default=946_684_800_000, ge=0)
    """Readings with an earlier time become dead letters (`invalid_time`). Unix ms; the default is the year 2000."""
    time_ahead_s: int = Field(default=900, ge=0)
    """Seconds that a reading's time may be ahead of the bus's clock; beyond, it is a dead letter (`future_time`)."""
    accept_any_json: bool = False
    """Accept any JSON of a 2xx answer as delivered, in case Thing+ answers differently from its documentation."""
    imply_status: bool = True
    """Report a sensor and its gateway as `on` when readings arrive."""
    heartbeat_s: float = Field(default=0.5, gt=0)
    """Seconds between a replica's heartbeats."""
    silent_s: float = Field(default=5.0, gt=0)
    """Seconds without a heartbeat after which a replica counts as dead and its partitions are taken over."""
    ack_wait_s: float = Field(default=600.0, gt=1)
    """Seconds after which an unacked message is redelivered, unless it is still in memory."""
    drain_s: float = Field(default=0.5, ge=0)
    """Seconds that a stopping replica waits for its requests in flight."""


class Settings(RuntimeSettings):
    thingplus: CloudSettings
    telemetry: TelemetrySettings = TelemetrySettings()

    @model_validator(mode="after")
    def _network_is_usable(self) -> Self:
        """Proxies and authorities come from the environment (docs/deploy/index.md)."""
        read_network(os.environ)
        return self
