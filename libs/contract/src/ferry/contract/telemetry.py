"""Requests to telemetry: its state, pauses, sensors and dead letters."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ferry.contract.dead import Reason
from ferry.contract.ids import EntityId
from ferry.contract.model import Message, Request

LATEST_MS = 253_402_300_799_000
"""The end of the year 9999."""


class Failure(Message):
    """`at` in Unix ms."""

    at: int
    what: str


class LaneTrouble(Message):
    """A sensor, or a gateway's status, that is not delivered now. `detail`: the cloud's last answer about it."""

    gateway: str
    sensor: str | None = None
    kind: Literal["failing", "unregistered"]
    detail: str = ""


class Presence(Message):
    """A replica's heartbeat on core NATS, as `telemetry.state.get` shows it. Ages in ms."""

    replica: str
    leaving: bool = False
    partitions: tuple[int, ...] = ()
    in_flight: int = 0
    """Messages in memory, received and not yet acked."""
    in_flight_bytes: int = 0
    parked: int = 0
    """Messages that wait in the stream for their sensor's turn."""
    failing_lanes: int = 0
    """Sensors whose requests fail."""
    unregistered_lanes: int = 0
    """Sensors that the registry has not confirmed."""
    troubles: tuple[LaneTrouble, ...] = ()
    """Which sensors fail or are unconfirmed: a few of each kind."""
    dead_letters_unstored: int = 0
    """Messages whose dead letter could not be stored yet: FERRY_DEAD may be full."""
    oldest_age_ms: int | None = None
    breaker: Literal["closed", "open", "half_open"] = "closed"
    breaker_cause: str = ""
    """Why the breaker is not closed."""
    limit: int = 0
    requests: int = 0
    """Requests in flight to the cloud."""
    delivered: int = 0
    dead: int = 0
    expired: int = 0
    """Statuses that were not sent because their validity was over."""
    puts: int = 0
    retries: int = 0
    failures: tuple[Failure, ...] = ()


class StateRequest(Request):
    """Requests everything."""


class PartitionState(Message):
    """`lag` counts messages not yet delivered to an owner; `oldestAge` is the oldest message's age in ms."""

    partition: int
    owner: str | None = None
    lag: int = 0
    oldest_age_ms: int | None = None


class Pause(Message):
    """What an operator has paused: a sensor, a gateway, or all where neither is named. `at` in Unix ms."""

    gateway: str | None = None
    sensor: str | None = None
    at: int
    reason: str = ""


class Pauses(Message):
    items: list[Pause]


class ResumeLanes(Request):
    """A sensor of a gateway, all of a gateway, or `all`."""

    gateway: EntityId | None = None
    sensor: EntityId | None = None
    all: bool = False

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if self.all == (self.gateway is not None):
            raise ValueError("name a gateway, or all: one of the two")
        if self.sensor is not None and self.gateway is None:
            raise ValueError("a sensor needs its gateway")
        return self


class PauseLanes(ResumeLanes):
    """Their readings wait in the stream until they are resumed; none is lost while the stream has room."""

    reason: Annotated[str, Field(max_length=200)] = ""


class LaneFailing(Message):
    """`events.telemetry.lane.failing`: a sensor's requests fail for a while. `since` in Unix ms."""

    gateway: str
    sensor: str | None = None
    since: int
    detail: str


class LaneRecovered(Message):
    """`events.telemetry.lane.recovered`: the cloud accepts the sensor's readings again."""

    gateway: str
    sensor: str | None = None
    failed_ms: int


class LanesPaused(Message):
    """`events.telemetry.lanes.paused` and `.resumed`: by an operator."""

    gateway: str | None = None
    sensor: str | None = None
    reason: str = ""


class CloudPaused(Message):
    """`events.telemetry.cloud.paused`: this replica sends only probes, because of `cause`."""

    replica: str
    cause: str


class CloudResumed(Message):
    """`events.telemetry.cloud.resumed`."""

    replica: str
    paused_ms: int


class StreamFilling(Message):
    """`events.telemetry.stream.filling`: `ratio` of its bytes to its maximum."""

    stream: str
    ratio: float


class State(Message):
    replicas: list[Presence]
    partitions: list[PartitionState]
    paused: list[Pause] = []
    """By operators."""
    outside: int = 0
    """Messages whose subject belongs to no partition, not yet dead-lettered."""
    waiting: int
    """Messages in FERRY_READINGS."""
    waiting_bytes: int
    dead: int
    """Messages in FERRY_DEAD."""
    dead_bytes: int
    dead_max_bytes: int


class SensorQuery(Request):
    """A sensor, and the span of time to read, both ends included, in Unix ms."""

    gateway: EntityId
    sensor: EntityId
    since: Annotated[int, Field(ge=0, le=LATEST_MS)]
    until: Annotated[int, Field(ge=0, le=LATEST_MS)]


class CloudPoint(Message):
    """`time` in Unix ms; a long value is cut off."""

    time: int
    value: str


class CloudStatus(Message):
    """`expiresAt` in Unix ms, -1 for never; after that the state is unknown, whatever `value` says."""

    value: str
    expires_at: int = -1


class SensorAtCloud(Message):
    """What the cloud has of a sensor."""

    points: list[CloudPoint]
    """Of the span, oldest first."""
    cut: bool = False
    """Older points of the span were omitted because there were too many."""
    latest: CloudPoint | None = None
    """Its newest reading at any time; null if it has none."""
    status: CloudStatus | None = None
    """Null if it never had one."""


class DeadFilter(Request):
    """Selects dead letters that match every given filter. Times in Unix ms, of the dead letter."""

    reason: Reason | None = None
    gateway: EntityId | None = None
    sensor: EntityId | None = None
    since: int | None = None
    until: int | None = None
    after: int = 0
    """Only dead letters after this one: a page's `next`."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class DeadCount(Message):
    """How many dead letters match, and by reason; `complete` is false if not all could be counted in time."""

    total: int
    by_reason: dict[str, int]
    complete: bool = True


class DeadChoice(DeadFilter):
    """What to replay or discard: one by `id`, or all that match; `all` is required without a filter."""

    id: int | None = None
    all: bool = False


class DeadId(Request):
    id: int


class DeadLetter(Message):
    """`id` is its sequence in FERRY_DEAD; `body` is the publisher's, as text if it is text."""

    id: int
    reason: str
    detail: str
    http_status: int | None = None
    subject: str
    gateway: str | None = None
    sensor: str | None = None
    attempts: int = 0
    sequence: int = 0
    published_at: int = 0
    dead_at: int = 0
    traceparent: str | None = None
    body: str
    body_base64: bool = False
    body_cut: bool = False
    """Too large for a list: `dead.get` returns all of it."""


class DeadList(Message):
    items: list[DeadLetter]
    next: int | None = None


class DeadDone(Message):
    """How many were replayed or discarded, and how many were not; `next` if more match than one request takes."""

    done: int
    failed: int = 0
    next: int | None = None
