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
        "ferry.telemetry.given_back": lambda seen: seen.given_back,
        "ferry.telemetry.puts": lambda seen: seen.puts,
        "ferry.telemetry.retries": lambda seen: seen.retries,
    }
    gauges: dict[str, Callable[[Presence], float]] = {
        "ferry.telemetry.in_hand": lambda seen: seen.in_hand,
        "ferry.telemetry.in_hand.bytes": lambda seen: seen.in_hand_bytes,
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
