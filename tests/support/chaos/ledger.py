"""What was published, what the bus acknowledged, and which dead letters are allowed for it."""

from dataclasses import dataclass, field

Sensor = tuple[str, str]
Entity = tuple[str, str | None]
"""A gateway and one of its sensors, or None for the gateway itself."""
Message = tuple[str, bytes]
"""Subject and body."""
START_MS = 1_700_000_000_000
NO_NUMBER = "no number"
"""A value that no cloud takes. After a crash it may stand behind newer ones, and be called out of order as well."""


@dataclass(frozen=True, slots=True)
class Untimed:
    """An acknowledged reading without `time`. `value` is unique for its sensor; Unix ms."""

    value: str
    sent_ms: int
    acknowledged_ms: int


@dataclass(frozen=True, slots=True)
class Status:
    """`valid_s` is unique for its entity, at least 60 s from any other: it names the publish. Unix ms."""

    value: str
    valid_s: int
    sent_ms: int
    acknowledged_ms: int


@dataclass
class Ledger:
    """Every reading that the bus acknowledged, and every one that was sent at all (a time-out is ambiguous)."""

    acknowledged: dict[Sensor, dict[int, str]] = field(default_factory=dict)
    sent: dict[Sensor, dict[int, str]] = field(default_factory=dict)
    arrays: dict[Sensor, dict[int, bytes]] = field(default_factory=dict)
    """By time, the body of the array that a reading was published in."""
    untimed: dict[Sensor, list[Untimed]] = field(default_factory=dict)
    """In the order of their acknowledgements."""
    sent_untimed: dict[Sensor, set[str]] = field(default_factory=dict)
    statuses: dict[Entity, list[Status]] = field(default_factory=dict)
    """The last one that was acknowledged, and later ones of which nothing was heard."""
    published: set[Message] = field(default_factory=set)
    bad_messages: dict[Message, frozenset[str]] = field(default_factory=dict)
    """Messages that must end as a dead letter, with the reasons allowed."""
    bad_sensors: dict[Sensor, frozenset[str]] = field(default_factory=dict)
    """Sensors whose readings may end as dead letters, with the reasons allowed. All others' may not."""
    messages: int = 0
    """Acknowledged publishes of readings: an array is one."""
    status_messages: int = 0
    repeated: int = 0
    """Publishes of a reading that had been sent before: nothing was heard of it, or a late copy came through."""

    @property
    def count(self) -> int:
        """Acknowledged readings."""
        return sum(map(len, self.acknowledged.values())) + sum(map(len, self.untimed.values()))

    def body(self, sensor: Sensor, moment: int, value: str) -> bytes:
        """The body that the reading was published in."""
        return self.arrays.get(sensor, {}).get(moment) or body_of(moment, value)


def body_of(moment: int, value: str) -> bytes:
    return b'{"value":"%b","time":%d}' % (value.encode(), moment)


def array_of(readings: dict[int, str]) -> bytes:
    return b"[" + b",".join(body_of(moment, value) for moment, value in readings.items()) + b"]"
