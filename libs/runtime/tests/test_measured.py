"""What every service's `/metrics` says of its requests, its event loop and its calls to a cloud."""

import asyncio
import time

from metrics_read import Meters, labels

from ferry.contract.problems import ProblemError
from ferry.runtime.http_calls import measured
from ferry.runtime.loop_lag import LoopLag
from ferry.runtime.requests.durations import MOST_OUTCOMES, Durations


def problem(kind):
    return ProblemError.of(kind, 500, "t").problem


def test_requests_are_counted_by_subject_and_outcome():
    meters = Meters()
    durations = Durations(meters.meter)
    durations.record("s", None, 0.1)
    durations.record("s", None, 0.1)
    durations.record("s", problem("timeout"), 30)
    found = meters.read("ferry.requests.duration")
    assert found[labels({"subject": "s", "outcome": "ok"})] == 2
    assert found[labels({"subject": "s", "outcome": "timeout"})] == 1


def test_outcomes_are_bounded_whatever_the_problems_are_called():
    meters = Meters()
    durations = Durations(meters.meter)
    for number in range(10 * MOST_OUTCOMES):
        durations.record("s", problem(f"kind-{number}"), 0.1)
    assert len(meters.read("ferry.requests.duration")) <= MOST_OUTCOMES + 1


async def test_a_loop_that_was_blocked_is_late_for_a_minute(monkeypatch):
    monkeypatch.setattr("ferry.runtime.loop_lag.EVERY_S", 0.02)
    meters = Meters()
    running = asyncio.create_task(LoopLag(meters.meter).run())
    await asyncio.sleep(0.05)
    time.sleep(0.4)  # noqa: ASYNC251 - what the metric is there to show
    await asyncio.sleep(0.1)
    running.cancel()
    (lag,) = meters.read("ferry.event_loop.lag").values()
    assert 0.3 < lag < 30


def test_calls_to_a_cloud_are_told_by_status_or_error_and_never_by_path():
    meters = Meters()
    record = measured(meters.meter)
    record("GET", "cloud.example", 200, 0.1)
    record("GET", "cloud.example", "UnreachableError", 5.0)
    where = {"http.request.method": "GET", "server.address": "cloud.example"}
    assert set(meters.read("http.client.request.duration")) == {
        labels({**where, "http.response.status_code": 200}),
        labels({**where, "error.type": "UnreachableError"}),
    }
