"""A meter whose measurements a test reads back."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

Labels = frozenset[tuple[str, Any]]


class Meters:
    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.meter: Meter = MeterProvider(metric_readers=[self._reader]).get_meter("tests")

    def read(self, name: str) -> dict[Labels, float]:
        """By attributes: a value, or of a histogram the number of its measurements."""
        data = self._reader.get_metrics_data()
        found: dict[Labels, float] = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in (one for one in scope.metrics if one.name == name):
                    for point in metric.data.data_points:
                        value = getattr(point, "value", None)
                        found[labels(point.attributes or {})] = point.count if value is None else value  # type: ignore[union-attr]
        return found


def labels(given: Mapping[str, Any]) -> Labels:
    return frozenset(given.items())
