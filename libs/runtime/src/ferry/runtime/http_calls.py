"""Metrics of requests to a cloud, by the semantic conventions for HTTP clients."""

from collections.abc import Callable

from opentelemetry.metrics import Meter

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def measured(meter: Meter) -> Callable[[str, str, int | str, float], None]:
    """`http.client.request.duration` by method, server, and status or `error.type`; never by path, which has ids."""
    histogram = meter.create_histogram(
        "http.client.request.duration",
        unit="s",
        description="requests to a cloud",
        explicit_bucket_boundaries_advisory=BUCKETS_S,
    )

    def record(method: str, host: str, outcome: int | str, seconds: float) -> None:
        how = {"http.response.status_code": outcome} if isinstance(outcome, int) else {"error.type": outcome}
        histogram.record(seconds, {"http.request.method": method, "server.address": host, **how})

    return record
