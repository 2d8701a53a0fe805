"""Metrics of each partition, from its owner: at most as many series as partitions."""

from collections.abc import Callable, Iterable, Mapping

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from ferry.telemetry.clock import NowMs
from ferry.telemetry.stream.partition import Partition

Of = Callable[[Partition], float]


def observe(meter: Meter, owned: Callable[[], Mapping[int, Partition]], now_ms: NowMs) -> None:
    """`ferry.telemetry.partition.*` of the partitions that this replica owns."""

    def oldest_s(partition: Partition) -> float:
        first = next(iter(partition.in_flight.values()), None)
        return max(0.0, (now_ms() - first.published_ms) / 1000) if first else 0.0

    def parked(partition: Partition) -> float:
        return sum(len(lane.backlog) for lane in list(partition.running.values()))

    def reading(of: Of) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observed(_: CallbackOptions) -> Iterable[Observation]:
            named = [(number, partition) for number, partition in dict(owned()).items() if number >= 0]
            return [Observation(of(partition), {"partition": str(number)}) for number, partition in named]

        return observed

    gauge = meter.create_observable_gauge
    gauge(
        "ferry.telemetry.partition.oldest_age",
        [reading(oldest_s)],
        unit="s",
        description="age of the oldest message of a partition that is in flight",
    )
    gauge(
        "ferry.telemetry.partition.in_flight",
        [reading(lambda partition: len(partition.in_flight))],
        description="messages of a partition in memory",
    )
    gauge(
        "ferry.telemetry.partition.parked",
        [reading(parked)],
        description="messages of a partition that wait in the stream for their sensor's turn",
    )
