"""Metrics read when they are asked for: a reading pays nothing for them."""

from collections.abc import Callable, Iterable, Mapping

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from ferry.contract.telemetry import Presence

BREAKER = {"closed": 0, "half_open": 1, "open": 2}


def observe(meter: Meter, presence: Callable[[], Presence], fill: Mapping[str, float]) -> None:
    """`fill` are ratios by stream, read anew each time."""

    def reading(of: Callable[[Presence], float]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        return lambda _: [Observation(of(presence()))]

    counters: dict[str, Callable[[Presence], float]] = {
        "ferry.telemetry.delivered": lambda seen: seen.delivered,
        "ferry.telemetry.dead": lambda seen: seen.dead,
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

    meter.create_observable_gauge("ferry.telemetry.stream.fill", [filled])
    for name, of in counters.items():
        meter.create_observable_counter(name, [reading(of)])
    for name, of in gauges.items():
        meter.create_observable_gauge(name, [reading(of)])
