"""A lane's readings against a cloud in memory: what each answer does to them."""

import asyncio
import json
from contextlib import nullcontext

import pytest

from ferry.contract.dead import Reason
from ferry.contract.subjects import Address
from ferry.telemetry.delivery.limits.breaker import Breaker
from ferry.telemetry.delivery.limits.gate import Gate
from ferry.telemetry.delivery.limits.limiter import Limiter
from ferry.telemetry.delivery.ports import Answer
from ferry.telemetry.delivery.read_back import Deferred
from ferry.telemetry.delivery.requests import Requests
from ferry.telemetry.delivery.retries import RetryPolicy
from ferry.telemetry.delivery.series import SeriesForwarder
from ferry.telemetry.lanes.health import LaneHealth
from ferry.telemetry.lanes.queued import QueuedPoint
from ferry.telemetry.lanes.series_lane import SeriesLane
from ferry.telemetry.operators.errors import LastErrors
from ferry.telemetry.stream.delivery import Delivery
from memory.services import MemoryAuth, MemoryTokens

JSON = "application/json"
HTML = Answer(200, b"<html>maintenance</html>", None, "text/html")


def envelope(status, data=None, code=None):
    errors = [{"code": code, "message": "no"}] if code else []
    return Answer(
        status, json.dumps({"statusCode": status, "data": data, "errors": errors}).encode(), None, JSON
    )


class MemoryCloud:
    """Thing+ for one gateway `g`: times only go up, arrays are refused whole. `answers` come before its own."""

    def __init__(self):
        self.stored = {}
        self.answers = []
        self.commit_then = None
        self.shown_as = "pairs"
        self.largest = 1000
        self.sensors = ["s", "other"]
        self.requests = 0
        self.refuse_entities = False

    async def put(self, path, body, bearer):
        self.requests += 1
        if self.answers:
            return self.answers.pop(0)
        sensor = path.split("/")[4]
        if self.refuse_entities or sensor not in self.sensors:
            return envelope(404, code="NOT_FOUND")
        read = json.loads(body)
        points = read if isinstance(read, list) else [read]
        if len(points) > self.largest:
            return envelope(400, code="SCHEMA_VALIDATE")
        series = self.stored.setdefault(sensor, {})
        if any(point["time"] <= max(series, default=-1) for point in points):
            return envelope(400, code="INVALID_INPUT")
        series |= {point["time"]: point["value"] for point in points}
        if self.commit_then:
            answer, self.commit_then = self.commit_then, None
            return answer
        return envelope(200, {})

    async def get(self, path, query, bearer):
        self.requests += 1
        if path == "/gateways/g":
            return (
                envelope(404, code="NOT_FOUND")
                if self.refuse_entities
                else envelope(200, {"sensors": self.sensors})
            )
        if self.shown_as == "refused":
            return envelope(403, code="ACL_DENY")
        if self.shown_as == "unknown":
            return envelope(200, {"surprise": []})
        series = self.stored.get(path.split("/")[4], {})
        pairs = [item for time, value in sorted(series.items()) for item in (self.shown(value), time)]
        newest = max(series, default=None)
        leaf = {"_meta": {"count": len(series)}, "data": pairs}
        if newest is not None:
            leaf["latest"] = {"time": newest, "value": self.shown(series[newest])}
        return envelope(200, leaf)

    def shown(self, value):
        return float(value) if self.shown_as == "numbers" else value


class Bench:
    def __init__(self, budget_s=300.0):
        self.cloud = MemoryCloud()
        self.gate = Gate(Limiter(16), Breaker(0.01, 0.02, 0.1))
        policy = RetryPolicy(0.0005, 0.002, budget_s, pause_max_s=0.1)
        self.auth = MemoryAuth(renews_s=0.001)
        self.is_crowded = False
        self.requests = Requests(
            *(self.cloud, MemoryTokens(self.auth), self.gate, policy, LastErrors(), lambda: 1000),
            is_crowded_for=lambda _: self.is_crowded,
        )
        self.settled: list[Delivery] = []
        self.forwarder = SeriesForwarder(self.requests, 500, 100_000, lambda _: nullcontext())
        self.lane = self.new_lane("s")

    def new_lane(self, sensor):
        address = Address("g", sensor, "series")
        return SeriesLane(address, LaneHealth(address.subject, "g", sensor))

    async def send(self, *points, lane=None):
        lane = lane or self.lane
        for number, point in enumerate(points):
            time, value = point if isinstance(point, tuple) else (point, "1")
            message = Delivery(number, lane.address.subject, b"", 1000)
            lane.waiting.append(
                (message, [QueuedPoint(time, json.dumps(value).encode(), message, 0, implicit=False)])
            )
        taken = lane.take()
        for message in taken.done:
            self.settled.append(message)
        await self.forwarder.forward(lane, taken.points, self.settled.append, lambda: None)

    @property
    def dead(self):
        return [message.cause.reason for message in self.settled if message.cause]


@pytest.fixture
async def bench():
    return Bench()


@pytest.mark.parametrize(
    "answer",
    [
        HTML,
        Answer(404, b"<html>no such page</html>", None, "text/html"),
        Answer(200, b"", None, ""),
        Answer(302, b"", None, ""),
        Answer(200, b'{"ok":true}', None, JSON),
        Answer(403, b'{"error":"proxy"}', None, JSON),
        Answer(400, b"Bad Request", None, "text/plain"),
        envelope(503),
        envelope(600),
        envelope(429),
        Answer(200, envelope(500).body, None, JSON),
    ],
)
async def test_what_is_not_things_plus_own_answer_delivers_nothing_and_refuses_nothing(bench, answer):
    bench.cloud.answers = [answer] * 3
    await bench.send(1, 2, 3)
    assert (bench.dead, sorted(bench.cloud.stored["s"])) == ([], [1, 2, 3])


async def test_a_200_that_says_400_inside_refuses_the_reading(bench):
    bench.cloud.answers = [Answer(200, envelope(400, code="SCHEMA_VALIDATE").body, None, JSON)]
    await bench.send(1)
    assert bench.dead == [Reason.REFUSED]


@pytest.mark.parametrize("shown_as", ["pairs", "numbers"])
async def test_what_was_stored_but_not_answered_is_no_dead_letter(bench, shown_as):
    bench.cloud.shown_as = shown_as
    bench.cloud.commit_then = HTML
    await bench.send((1, "36.50"), (2, "7"))
    assert (bench.dead, len(bench.settled)) == ([], 2)


async def test_older_and_absent_is_out_of_order_newer_is_sent(bench):
    await bench.send(10)
    await bench.send(5, 20, lane=bench.new_lane("s"))
    assert (bench.dead, sorted(bench.cloud.stored["s"])) == ([Reason.OUT_OF_ORDER], [10, 20])


@pytest.mark.parametrize("shown_as", ["refused", "unknown"])
async def test_a_read_back_that_proves_nothing_is_unverified_after_the_retries_never_refused(shown_as):
    bench = Bench(budget_s=0.0)
    await bench.send(10)
    bench.cloud.shown_as = shown_as
    others = bench.new_lane("other")

    class Busy(MemoryCloud):
        async def get(self, path, query, bearer):
            bench.gate._good_at["another"] = bench.gate._loop.time() + 1
            return await bench.cloud.get(path, query, bearer)

        async def put(self, path, body, bearer):
            return await bench.cloud.put(path, body, bearer)

    bench.requests.cloud = Busy()
    await bench.send(1, lane=others)
    bench.settled.clear()
    await bench.send((10, "another value"), lane=bench.new_lane("s"))
    assert bench.dead == [Reason.UNVERIFIED]


async def test_an_account_that_is_refused_keeps_every_reading(bench):
    bench.cloud.answers = [envelope(471, code="BILLING")] * 6
    await bench.send(1, 2)
    assert (bench.dead, bench.gate.breaker.opens > 0) == ([], True)


async def test_a_wiped_cloud_is_an_outage_not_the_death_of_every_sensor(bench):
    bench.cloud.refuse_entities = True

    class Restored(MemoryCloud):
        async def get(self, path, query, bearer):
            answer = await bench.cloud.get(path, query, bearer)
            bench.cloud.refuse_entities = bench.cloud.requests < 8
            return answer

        async def put(self, path, body, bearer):
            return await bench.cloud.put(path, body, bearer)

    bench.requests.cloud = bench.requests._entities._cloud = Restored()
    bench.requests._entities.keep_s = 0.0
    await bench.send(1, 2)
    assert (bench.dead, sorted(bench.cloud.stored["s"])) == ([], [1, 2])


async def test_a_sensor_that_is_gone_while_others_get_through_is_a_dead_letter(bench):
    bench.cloud.sensors = ["other"]
    bench.gate._good_at["another"] = bench.gate._loop.time() + 1
    await bench.send(1)
    assert bench.dead == [Reason.UNKNOWN_SENSOR]


async def test_a_limit_of_elements_is_learnt_once(bench):
    bench.cloud.largest = 10
    await bench.send(*range(1, 401))
    first = bench.cloud.requests
    await bench.send(*range(401, 801))
    assert (bench.dead, len(bench.cloud.stored["s"])) == ([], 800)
    assert bench.cloud.requests - first <= 400 // bench.lane.max_points + 1


async def test_413_is_a_size_and_remembered(bench):
    bench.cloud.answers = [Answer(413, b"<html>", None, "text/html")] * 2
    await bench.send(*range(1, 101))
    assert (bench.dead, bench.lane.max_points) == ([], 25)


async def test_a_bearer_refused_in_any_shape_is_renewed(bench):
    bench.cloud.answers = [Answer(401, b'"Access denied"', None, JSON)]
    await bench.send(1)
    assert (bench.dead, bench.auth.generation) == ([], 2)


async def test_a_bearer_that_cannot_be_renewed_pauses_the_cloud_in_auths_words(bench):
    causes = []

    class Noting(MemoryCloud):
        async def put(self, path, body, bearer):
            causes.append(bench.gate.breaker.cause)
            return await bench.cloud.put(path, body, bearer)

    bench.requests.cloud = Noting()
    bench.auth.refused = True
    bench.cloud.answers = [Answer(401, b'"Access denied"', None, JSON)]
    await bench.send(1)
    assert (bench.dead, causes) == ([], ["", "no token: auth has none"])


async def test_a_lane_alone_in_an_outage_tries_again_within_seconds():
    """Nobody closes a breaker for it, and nobody shows that the cloud is there."""
    policy = RetryPolicy(1000.0, 1000.0, 300.0)
    waits = [policy.wait_s(9, cloud_works=False, retry_after_s=None) for _ in range(50)]
    assert max(waits) <= 5
    assert max(policy.wait_s(9, cloud_works=True, retry_after_s=None) for _ in range(50)) > 5


async def test_a_lane_that_must_wait_gives_up_its_memory_where_memory_is_short(bench):
    bench.requests._policy = RetryPolicy(1000.0, 1000.0, 300.0)
    bench.gate._good_at["another"] = bench.gate._loop.time()
    bench.is_crowded = True
    bench.cloud.answers = [envelope(503)]
    with pytest.raises(Deferred):
        await bench.send(1, 2)
    assert (bench.settled, bench.lane.health.failing) == ([], True)


async def test_the_time_that_an_outage_lasts_is_not_taken_from_a_lanes_budget():
    bench = Bench(budget_s=0.25)
    bench.lane.health.failing = True
    bench.gate.breaker = Breaker(9, 9, 9)
    bench.gate.pause(9, "an outage")
    bench.cloud.answers = [envelope(503)]
    sending = asyncio.create_task(bench.send(1))
    await asyncio.sleep(0.3)
    bench.gate.limiter.in_use += 1
    bench.gate.leave_good("another")  # its request was on its way
    await sending
    assert bench.dead == []
