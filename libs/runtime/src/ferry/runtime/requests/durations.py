"""Metrics of requests: duration and outcome."""

from opentelemetry.metrics import Meter

from ferry.contract.problems import Problem

OK, OTHER = "ok", "other"
MOST_OUTCOMES = 40
"""A problem's kind is a word of our code; should one ever come from outside, it ends here as `other`."""
BUCKETS_S = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Durations:
    """`ferry.requests.duration` by subject and outcome: `ok`, or the problem's kind such as `timeout`."""

    def __init__(self, meter: Meter) -> None:
        self._met = {OK}
        self._histogram = meter.create_histogram(
            "ferry.requests.duration",
            unit="s",
            description="requests that a service answered, by subject and outcome",
            explicit_bucket_boundaries_advisory=BUCKETS_S,
        )

    def record(self, subject: str, problem: Problem | None, seconds: float) -> None:
        self._histogram.record(seconds, {"subject": subject, "outcome": self._outcome(problem)})

    def _outcome(self, problem: Problem | None) -> str:
        kind = problem.type.rpartition(":")[2] if problem else OK
        if kind not in self._met and len(self._met) >= MOST_OUTCOMES:
            return OTHER
        self._met.add(kind)
        return kind
