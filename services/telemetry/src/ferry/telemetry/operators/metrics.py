"""Metrics read when they are scraped, at no cost per reading."""

from collections.abc import Callable, Iterable, Mapping

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from ferry.contract.telemetry import Presence

DESCRIPTIONS = {
    "ferry.telemetry.delivered": "messages acked after delivery to the cloud",
    "ferry.telemetry.status.expired": "statuses that were not sent because their validity was over",
    "ferry.telemetry.puts": "requests sent to Thing+",
    "ferry.telemetry.retries": "requests that failed and are retried",
    "ferry.telemetry.in_flight": "messages in memory, received and not yet acked",
    "ferry.telemetry.in_flight.bytes": "bytes of messages in flight",
    "ferry.telemetry.parked": "messages that wait in the stream for their sensor's turn",
    "ferry.telemetry.lanes.failing": "sensors whose requests fail",
    "ferry.telemetry.lanes.unregistered": "sensors that publish and that the registry has not confirmed",
    "ferry.telemetry.dead_letters.unstored": "messages whose dead letter could not be stored yet",
    "ferry.telemetry.oldest_age.ms": "age in ms of the oldest message in flight",
    "ferry.telemetry.partitions": "partitions that this replica owns",
    "ferry.telemetry.limit": "current limit of concurrent requests",
    "ferry.telemetry.breaker": "0 closed, 1 half open (probing), 2 open",
}
BREAKER = {"closed": 0, "half_open": 1, "open": 2}


def observe(
    meter: Meter,
    presence: Callable[[], Presence],
    fill: Mapping[str, float],
    partitions: int,
    foreign: Mapping[tuple[str, str], int],
) -> None:
    """`fill` are ratios by stream, read each time. `partitions` is how many the stream has.

    `foreign` are answers that are not Thing+'s, by status and content type.
    """

    def reading(of: Callable[[Presence], float]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        return lambda _: [Observation(of(presence()))]

    counters: dict[str, Callable[[Presence], float]] = {
        "ferry.telemetry.delivered": lambda seen: seen.delivered,
        "ferry.telemetry.status.expired": lambda seen: seen.expired,
        "ferry.telemetry.puts": lambda seen: seen.puts,
        "ferry.telemetry.retries": lambda seen: seen.retries,
    }
    gauges: dict[str, Callable[[Presence], float]] = {
        "ferry.telemetry.in_flight": lambda seen: seen.in_flight,
        "ferry.telemetry.in_flight.bytes": lambda seen: seen.in_flight_bytes,
        "ferry.telemetry.parked": lambda seen: seen.parked,
        "ferry.telemetry.lanes.failing": lambda seen: seen.failing_lanes,
        "ferry.telemetry.lanes.unregistered": lambda seen: seen.unregistered_lanes,
        "ferry.telemetry.dead_letters.unstored": lambda seen: seen.dead_letters_unstored,
        "ferry.telemetry.oldest_age.ms": lambda seen: seen.oldest_age_ms or 0,
        "ferry.telemetry.partitions": lambda seen: len(seen.partitions),
        "ferry.telemetry.limit": lambda seen: seen.limit,
        "ferry.telemetry.breaker": lambda seen: BREAKER[seen.breaker],
    }

    def filled(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(ratio, {"stream": stream}) for stream, ratio in fill.items()]

    def answered(_: CallbackOptions) -> Iterable[Observation]:
        labelled = [({"status": status, "content_type": kind}, n) for (status, kind), n in foreign.items()]
        return [Observation(number, labels) for labels, number in labelled]

    meter.create_observable_counter(
        "ferry.telemetry.foreign_answers",
        [answered],
        description="answers that are not Thing+'s, by status and content type: a proxy, or a wrong URL",
    )
    meter.create_observable_gauge(
        "ferry.telemetry.stream.fill", [filled], description="used share of a stream's max_bytes"
    )
    meter.create_observable_gauge(
        "ferry.telemetry.partitions.configured",
        [lambda _: [Observation(partitions)]],
        description="partitions of FERRY_READINGS",
    )
    for name, of in counters.items():
        meter.create_observable_counter(name, [reading(of)], description=DESCRIPTIONS[name])
    for name, of in gauges.items():
        meter.create_observable_gauge(name, [reading(of)], description=DESCRIPTIONS[name])
