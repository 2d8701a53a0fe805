"""Metrics recorded where they happen: duration of requests, dead letters by reason, ages."""

import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from ferry.contract.dead import Reason
from ferry.telemetry.delivery.ports import Answer, Cloud, Unreachable
from ferry.telemetry.stream.delivery import Cause, Delivery
from ferry.telemetry.stream.in_flight import DeadLetterStream

AGES_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0)
RECORDS_PER_S = 500
OK = 200

Record = Callable[[str, str, int | str, float], None]


class Sample:
    """At most RECORDS_PER_S: a record in a histogram costs as much as a tenth of a reading's way."""

    def __init__(self) -> None:
        self._next = 0.0

    def wants_one(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + 1 / RECORDS_PER_S
        return True


class MeasuredCloud:
    """`ferry.telemetry.answers` has them all, `http.client.request.duration` every failure and a sample of 200s."""

    def __init__(self, cloud: Cloud, host: str, record: Record, meter: Meter) -> None:
        self._cloud = cloud
        self._host = host
        self._record = record
        self._sample = Sample()
        self._answers: Counter[int | str] = Counter()
        meter.create_observable_counter(
            "ferry.telemetry.answers", [self._observed], description="requests to Thing+, by answer"
        )

    def _observed(self, _: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(number, {"answer": str(answer)}) for answer, number in list(self._answers.items())
        ]

    def put(self, path: str, body: bytes, bearer: str) -> Coroutine[Any, Any, Answer]:
        return self._timed("PUT", self._cloud.put(path, body, bearer))

    def get(self, path: str, query: dict[str, str], bearer: str) -> Coroutine[Any, Any, Answer]:
        return self._timed("GET", self._cloud.get(path, query, bearer))

    async def _timed(self, method: str, call: Coroutine[Any, Any, Answer]) -> Answer:
        begun = time.perf_counter()
        outcome: int | str = "cancelled"
        try:
            answer = await call
            outcome = answer.status
        except Unreachable:
            outcome = "unreachable"
            raise
        finally:
            self._answers[outcome] += 1
            if outcome != OK or self._sample.wants_one():
                self._record(method, self._host, outcome, time.perf_counter() - begun)
        return answer


class MeasuredDeadLetters:
    """`ferry.telemetry.dead` counts dead letters by reason; each is there from the start, so that its first is seen."""

    def __init__(self, stream: DeadLetterStream, meter: Meter) -> None:
        self._stream = stream
        self._counter = meter.create_counter("ferry.telemetry.dead", description="dead letters, by reason")
        for reason in Reason:
            self._counter.add(0, {"reason": reason.value})

    async def store(self, delivery: Delivery, cause: Cause) -> bool:
        stored = await self._stream.store(delivery, cause)
        if stored:
            self._counter.add(1, {"reason": cause.reason.value})
        return stored


class Ages:
    """`ferry.telemetry.age`, of a sample."""

    def __init__(self, meter: Meter) -> None:
        self._histogram = meter.create_histogram(
            "ferry.telemetry.age",
            unit="s",
            description="from a message's publish until it is acked, by the bus's clock; a sample under load",
            explicit_bucket_boundaries_advisory=AGES_S,
        )
        self.wants_one = Sample().wants_one  # asked before the age is computed

    def record(self, age_ms: int) -> None:
        """Of a message that is younger than the bus's clock is known, 0."""
        self._histogram.record(max(0, age_ms) / 1000)
