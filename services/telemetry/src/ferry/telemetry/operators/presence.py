"""A replica's heartbeat, for the other replicas and for operators."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Literal

from ferry.contract.ids import is_safe_id
from ferry.contract.telemetry import LaneTrouble, Presence
from ferry.telemetry.lanes.health import LaneHealth

if TYPE_CHECKING:
    from ferry.telemetry.replica import Replica


MOST_NAMED = 10
"""Lanes that are named, of each kind of trouble: a heartbeat is small."""
LONGEST_WORDS = 200


class Observer:
    def __init__(self, replica: "Replica") -> None:
        self._replica = replica

    def presence(self, *, leaving: bool = False) -> Presence:
        seen = self._replica
        gate, in_flight, counts = seen.gate, seen.in_flight, seen.in_flight.counts
        owned = seen.ownership.owned
        lanes = [lane for partition in owned.values() for lane in partition.running.values()]
        statuses = [lane for partition in owned.values() for lane in partition.running_statuses.values()]
        healths = chain((lane.health for lane in lanes), (lane.health for lane in statuses))
        failing = (health for health in healths if health.failing)
        unregistered = (lane.health for lane in lanes if lane.unregistered)
        return Presence(
            replica=seen.replicas.name,
            leaving=leaving,
            partitions=tuple(sorted(number for number in owned if number >= 0)),
            in_flight=in_flight.messages,
            in_flight_bytes=in_flight.bytes,
            parked=sum(len(lane.backlog) for lane in lanes),
            failing_lanes=sum(lane.health.failing for lane in lanes),
            unregistered_lanes=sum(lane.unregistered for lane in lanes),
            troubles=(*_named("failing", failing), *_named("unregistered", unregistered)),
            dead_letters_unstored=sum(len(partition.unstored) for partition in owned.values()),
            oldest_age_ms=in_flight.oldest_ms(),
            breaker=gate.breaker.state,
            breaker_cause=gate.breaker.cause,
            limit=int(gate.limiter.limit),
            requests=gate.limiter.in_use,
            delivered=counts.delivered,
            dead=counts.dead,
            expired=seen.statuses.expired,
            puts=seen.requests.sent,
            retries=seen.requests.retries,
            failures=tuple(seen.errors.last),
        )


def _named(kind: Literal["failing", "unregistered"], lanes: Iterable[LaneHealth]) -> Iterator[LaneTrouble]:
    for health in islice(lanes, MOST_NAMED):
        if is_safe_id(health.gateway) and (health.sensor is None or is_safe_id(health.sensor)):
            detail = health.last_words[:LONGEST_WORDS] if kind == "failing" else ""
            yield LaneTrouble(gateway=health.gateway, sensor=health.sensor, kind=kind, detail=detail)
