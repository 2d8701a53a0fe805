"""A replica as its heartbeat shows it to the others, and so to operators."""

from typing import TYPE_CHECKING

from ferry.contract.telemetry import Failure, Presence

if TYPE_CHECKING:
    from ferry.telemetry.replica import Replica


class Observer:
    def __init__(self, replica: "Replica") -> None:
        self._replica = replica

    def presence(self, *, leaving: bool = False) -> Presence:
        seen = self._replica
        gate, in_flight, counts = seen.gate, seen.in_flight, seen.in_flight.counts
        owned = seen.ownership.owned
        lanes = [lane for partition in owned.values() for lane in partition.running.values()]
        return Presence(
            replica=seen.replicas.name,
            leaving=leaving,
            partitions=tuple(sorted(number for number in owned if number >= 0)),
            in_flight=in_flight.messages,
            in_flight_bytes=in_flight.bytes,
            parked=sum(len(lane.backlog) for lane in lanes),
            failing_lanes=sum(lane.health.failing for lane in lanes),
            unregistered_lanes=sum(lane.unregistered for lane in lanes),
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
            failures=tuple(Failure(at=at, what=what) for at, what in seen.errors.last),
        )
