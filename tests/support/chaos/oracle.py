"""The oracle: what must be true of a ledger after any run, whatever was killed meanwhile."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from chaos.ledger import NO_NUMBER, Entity, Ledger, Message, Sensor
from ferry.contract import subjects

Letter = tuple[str, str | None, bytes]
"""Subject, reason and body of a dead letter."""
Points = list[dict[str, Any]]
STATUS_LATE_MS = 6000
"""How long after its validity was computed a status may reach the cloud: a replica is stopped for 3 s at most."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """What the sandbox has: points in the order of their first arrival, the status of each entity that has one."""

    series: dict[Sensor, Points] = field(default_factory=dict)
    statuses: dict[Entity, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Found:
    """What the oracle has against a run; all empty is well."""

    lost: list[str] = field(default_factory=list)
    reordered: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    reasonless: list[str] = field(default_factory=list)
    wrongly_dead: list[str] = field(default_factory=list)
    """Dead letters of good messages, or for a reason that is not allowed for theirs."""
    stale: list[str] = field(default_factory=list)
    """Statuses that are not the last one published, or not valid as long as that."""

    @property
    def bad(self) -> list[str]:
        return [complaint for each in fields(self) for complaint in getattr(self, each.name)]

    def __str__(self) -> str:
        return ", ".join(f"{len(getattr(self, each.name))} {each.name}" for each in fields(self))


def judge(ledger: Ledger, cloud: Cloud, dead: Iterable[Letter]) -> Found:
    found = Found()
    letters = list(dead)
    for letter in letters:
        _judge_letter(found, ledger, *letter)
    messages = {(subject, body) for subject, _, body in letters}
    for message in ledger.bad_messages.keys() - messages:
        found.lost.append(f"{message[0]}: a bad message without a dead letter")
    for sensor, readings in ledger.acknowledged.items():
        _judge_lost(found, ledger, sensor, readings, cloud, messages)
    for sensor, points in cloud.series.items():
        if sensor in ledger.sent_untimed:
            _judge_untimed(found, ledger, sensor, points, messages)
        else:
            _judge_points(found, ledger, sensor, points)
    _judge_statuses(found, ledger, cloud)
    return found


def _judge_letter(found: Found, ledger: Ledger, subject: str, reason: str | None, body: bytes) -> None:
    message = (subject, body)
    if not reason:
        found.reasonless.append(subject)
    elif message not in ledger.published and message not in ledger.bad_messages:
        found.invented.append(f"{subject}: a dead letter of what nobody published")
    elif reason not in _allowed(ledger, message):
        # every sensor was published in order: any reordering is Ferry's
        kind = found.reordered if reason == "out_of_order" else found.wrongly_dead
        kind.append(f"{subject}: dead as {reason}: {body[:80]!r}")


def _allowed(ledger: Ledger, message: Message) -> frozenset[str]:
    subject, body = message
    if message in ledger.bad_messages:
        return ledger.bad_messages[message]
    address = subjects.parse_published(subject)
    bad = NO_NUMBER.encode() in body
    of_value = frozenset({"refused", "out_of_order"}) if bad else frozenset[str]()
    if address.kind == "status" or address.sensor is None:
        return of_value
    return of_value | ledger.bad_sensors.get((address.gateway, address.sensor), frozenset())


def _judge_lost(
    found: Found,
    ledger: Ledger,
    sensor: Sensor,
    readings: dict[int, str],
    cloud: Cloud,
    dead: set[Message],
) -> None:
    """The dead letter of an array speaks for its bad readings alone, unless all of the sensor's may end there."""
    there = {int(point["time"]): point["value"] for point in cloud.series.get(sensor, [])}
    subject = subjects.sensor_series(*sensor)
    for moment, value in readings.items():
        may_be_dead = value == NO_NUMBER or sensor in ledger.bad_sensors
        if there.get(moment) == value:
            continue
        if not (may_be_dead and (subject, ledger.body(sensor, moment, value)) in dead):
            found.lost.append(f"{sensor[1]} at {moment}: acknowledged, and nowhere")


def _judge_points(found: Found, ledger: Ledger, sensor: Sensor, points: Points) -> None:
    times = [int(point["time"]) for point in points]
    if times != sorted(times):
        found.reordered.append(f"{sensor[1]}: first arrivals out of order")
    sent = ledger.sent.get(sensor, {})
    for moment, point in zip(times, points, strict=True):
        if sent.get(moment) != point["value"]:
            found.invented.append(f"{sensor[1]} at {moment}: nobody sent this")


def _judge_untimed(found: Found, ledger: Ledger, sensor: Sensor, points: Points, dead: set[Message]) -> None:
    """A value may be there twice, since its time was made; its first arrival counts."""
    first: dict[str, int] = {}
    for point in points:
        first.setdefault(point["value"], int(point["time"]))
    published = ledger.untimed.get(sensor, [])
    for value in first.keys() - ledger.sent_untimed[sensor]:
        found.invented.append(f"{sensor[1]}: nobody sent {value}")
    subject = subjects.sensor_series(*sensor)
    for reading in published:
        time = first.get(reading.value)
        if time is None:
            dead_too = (subject, b'{"value":"%b"}' % reading.value.encode()) in dead
            if not (dead_too and sensor in ledger.bad_sensors):
                found.lost.append(f"{sensor[1]}: {reading.value} acknowledged, and nowhere")
        elif not reading.sent_ms <= time <= reading.acknowledged_ms + len(published):
            found.invented.append(f"{sensor[1]}: {reading.value} at {time}, not when it was published")
    order = [reading.value for reading in published if reading.value in first]
    arrived = [value for value in first if value in set(order)]
    if arrived != order:
        found.reordered.append(f"{sensor[1]}: readings without a time out of order")


def _judge_statuses(found: Found, ledger: Ledger, cloud: Cloud) -> None:
    for entity, candidates in ledger.statuses.items():
        shown = cloud.statuses.get(entity)
        if shown is None:
            found.lost.append(f"{entity}: no status")
            continue
        for status in candidates:
            valid_ms = status.valid_s * 1000
            late_ms = int(shown["expireAt"]) - valid_ms
            in_time = status.sent_ms - 1000 <= late_ms <= status.acknowledged_ms + STATUS_LATE_MS
            if shown["value"] == status.value and in_time:
                break
        else:
            found.stale.append(f"{entity}: the cloud shows {shown}, the last published is {candidates}")
