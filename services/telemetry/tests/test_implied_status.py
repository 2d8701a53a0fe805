"""The `on` that readings imply, against a cloud in memory that has statuses."""

import asyncio
import json

import pytest

from ferry.contract.subjects import Address
from ferry.telemetry.delivery.implied_status import ImpliedStatus
from ferry.telemetry.delivery.limits.breaker import Breaker
from ferry.telemetry.delivery.limits.gate import Gate
from ferry.telemetry.delivery.limits.limiter import Limiter
from ferry.telemetry.delivery.ports import Answer
from ferry.telemetry.delivery.requests import Requests
from ferry.telemetry.delivery.retries import RetryPolicy
from ferry.telemetry.lanes.health import LaneHealth
from ferry.telemetry.lanes.implied import ImpliedMemory
from ferry.telemetry.lanes.status_lane import StatusLane
from ferry.telemetry.operators.errors import LastErrors
from ferry.telemetry.registration.absent import AbsentMessages
from ferry.telemetry.registration.registered import Registered
from ferry.telemetry.stream.partition import Partition

NOW = 1_790_000_000_000
ADDRESS = Address("g", "s", "status")


def envelope(status, data=None, code=None):
    errors = [{"code": code, "message": "no"}] if code else []
    body = json.dumps({"statusCode": status, "data": data, "errors": errors})
    return Answer(status, body.encode(), None, "application/json")


class StatusCloud:
    """`shown` is what a GET answers; a PUT is kept in `put_values`."""

    def __init__(self, shown):
        self.shown = shown
        self.put_values = []
        self.asked = 0

    async def get(self, path, query, bearer):
        self.asked += 1
        return self.shown

    async def put(self, path, body, bearer):
        self.put_values.append(json.loads(body)["value"])
        return envelope(200, {})


class Registry:
    async def sensor(self, gateway, sensor):
        return "registered"

    async def report_interval_ms(self, gateway):
        return 60_000


class Token:
    header = "Bearer x"
    generation = 1

    async def bearer(self):
        return self

    async def reject(self, generation):
        raise AssertionError("nobody refused it")


def implied_at(cloud):
    gate = Gate(Limiter(16), Breaker(0.01, 0.02, 0.1))
    policy = RetryPolicy(0.001, 0.002, 300.0)
    requests = Requests(
        cloud, Token(), gate, policy, LastErrors(), lambda: NOW, is_crowded_for=lambda _: False
    )
    registered = Registered(Registry(), AbsentMessages(10), grace_s=0.1)
    return gate, ImpliedStatus(requests, registered, lambda: NOW)


async def test_an_entity_that_never_had_a_status_is_asked_about_once_and_is_no_trouble_of_the_clouds():
    cloud = StatusCloud(envelope(404, code="NOT_FOUND"))
    gate, implied = implied_at(cloud)
    memory = ImpliedMemory()
    for _ in range(6):
        await implied.imply(memory, ADDRESS, NOW, lambda: None, lambda: None)
        memory.next_at.clear()
    assert (cloud.asked, set(cloud.put_values), gate.breaker.opens) == (6, {"on"}, 0)


@pytest.mark.parametrize("value", ["off", "err"])
@pytest.mark.parametrize("embedded", [True, False])
async def test_a_valid_off_or_err_at_the_cloud_is_not_overwritten(value, embedded):
    leaf = {"value": value, "expireAt": NOW + 86_400_000}
    cloud = StatusCloud(envelope(200, {"id": "s", "status": leaf} if embedded else leaf))
    _, implied = implied_at(cloud)
    memory = ImpliedMemory()
    await implied.imply(memory, ADDRESS, NOW, lambda: None, lambda: None)
    memory.next_at[("g", "s")] = 0.0
    await implied.imply(memory, ADDRESS, NOW, lambda: None, lambda: None)
    assert cloud.put_values == []


async def test_an_err_that_was_published_is_not_overwritten_while_it_is_valid():
    cloud = StatusCloud(envelope(200, {"value": "on", "expireAt": NOW}))
    _, implied = implied_at(cloud)
    memory = ImpliedMemory()
    own = StatusLane(ADDRESS, LaneHealth(), not_on_until_ms=NOW + 86_400_000)
    await implied.imply(memory, ADDRESS, NOW, lambda: own, lambda: None)
    assert cloud.put_values == []


@pytest.mark.parametrize("data", [[], {"status": {"value": "off", "expireAt": "soon"}}])
async def test_a_status_that_cannot_be_read_is_not_overwritten(data):
    cloud = StatusCloud(envelope(200, data))
    _, implied = implied_at(cloud)
    memory = ImpliedMemory()
    await implied.imply(memory, ADDRESS, NOW, lambda: None, lambda: None)
    assert cloud.put_values == []


async def test_who_takes_a_partition_again_asks_what_others_have_sent_meanwhile():
    cloud = StatusCloud(envelope(200, {"value": "on", "expireAt": NOW}))
    _, implied = implied_at(cloud)
    await implied.imply(Partition(1, "c", lambda: True).implied, ADDRESS, NOW, lambda: None, lambda: None)
    cloud.shown = envelope(200, {"value": "err", "expireAt": NOW + 86_400_000})
    taken_again = Partition(1, "c", lambda: True)
    assert implied.due(taken_again.implied, "g", "s")
    await implied.imply(taken_again.implied, ADDRESS, NOW, lambda: None, lambda: None)
    assert cloud.put_values == ["on"]


async def test_readings_of_one_moment_ask_the_cloud_once_and_none_of_them_overwrites_what_it_says():
    cloud = StatusCloud(envelope(200, {"value": "err", "expireAt": NOW + 86_400_000}))
    _, implied = implied_at(cloud)
    memory = ImpliedMemory()
    await asyncio.gather(*(implied.imply(memory, ADDRESS, NOW, lambda: None, lambda: None) for _ in range(3)))
    assert (cloud.asked, cloud.put_values) == (1, [])
