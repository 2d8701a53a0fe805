"""Status: the latest by stream sequence, with the validity that is left, by the bus's clock."""

import asyncio
import json
import time

import pytest

from ferry.contract import subjects
from ferry.contract.subjects import Address
from ferry.telemetry.lanes.health import LaneHealth
from ferry.telemetry.lanes.status_lane import StatusLane, Waiting, left_s
from ferry.telemetry.stream.delivery import Delivery
from ferry.telemetry.stream.nats.clock import BusClock
from memory.cloud import Mishap
from memory.one_replica import World, run

SENSOR = ("g", "s")
SUBJECT = subjects.sensor_status(*SENSOR)


def waiting(sequence, value="on"):
    return Waiting(Delivery(sequence, SUBJECT, b"", 1000), value, None)


def new_lane():
    return StatusLane(Address("g", "s", "status"), LaneHealth(SUBJECT, "g", "s"))


def test_an_older_status_that_comes_again_does_not_replace_a_newer_one_sent_or_not():
    lane = new_lane()
    on, off = waiting(10, "on"), waiting(20, "off")
    assert lane.offer(on) is None
    assert lane.offer(off) is on.delivery
    assert lane.offer(waiting(10, "on")).sequence == 10
    lane.waiting, lane.finished = None, 20  # it was sent
    assert lane.offer(waiting(10, "on")).sequence == 10
    assert lane.offer(waiting(20, "off")).sequence == 20
    assert lane.waiting is None


def test_of_two_parked_statuses_the_newer_one_is_kept_and_the_other_one_named():
    lane = new_lane()
    assert (lane.park(5), lane.park(9), lane.park(7), lane.park(9)) == (0, 5, 7, 0)
    assert (lane.parked, lane.latest) == (9, 9)


@pytest.mark.parametrize(
    ("waited_ms", "left"), [(0, 90), (30_000, 60), (89_001, 1), (90_000, 0), (-7_200_000, 90)]
)
def test_what_is_left_of_a_validity(waited_ms, left):
    assert left_s(waiting(1), interval_ms=60_000, now_ms=1000 + waited_ms) == left


def test_the_time_is_the_buss_own_and_goes_on_from_there():
    clock = BusClock(lambda: 0)
    assert clock.now_ms() == 0
    now_s = time.monotonic()
    clock.compare(b'{"ts":"2026-01-01T00:00:00Z"}', now_s - 10.0, now_s)
    assert 0 <= clock.now_ms() - 1_767_225_605_000 < 5000
    for odd in (b"{}", b'{"ts":7}', b'{"ts":null}'):
        with pytest.raises(TypeError):
            clock.compare(odd, now_s, now_s)
    assert 0 <= clock.now_ms() - 1_767_225_605_000 < 5000


def values_at_cloud(world):
    return [write.value for write in world.thingplus.statuses.get(SENSOR, [])]


def publish(world, value, **more):
    return world.stream.publish(SUBJECT, json.dumps({"value": value, **more}).encode())


def test_a_status_that_waited_too_long_is_not_sent_and_counted_as_expired():
    async def check(world: World) -> None:
        world.add(SENSOR)
        world.cloud.mishap = lambda _: Mishap("503")
        publish(world, "on", validDuration=5)
        await asyncio.sleep(30)
        world.cloud.mishap = lambda _: None
        await world.until(lambda: not world.stream.messages, 40)
        assert (values_at_cloud(world), world.replica.observer.presence().expired) == ([], 1)

    run(check)


def test_a_lane_that_is_never_idle_implies_on():
    async def check(world: World) -> None:
        world.add(SENSOR)
        world.latency_s = 0.2
        await world.report([SENSOR], 0.05, 5)
        assert "on" in values_at_cloud(world)

    run(check, imply_status=True)


def test_an_err_that_is_valid_for_a_day_is_not_overwritten_by_readings():
    async def check(world: World) -> None:
        world.add(SENSOR)
        publish(world, "err", validDuration=86_400)
        await asyncio.sleep(1)
        await world.report([SENSOR], 5.0, 600)
        assert values_at_cloud(world) == ["err"]

    run(check, imply_status=True)
