"""A replica over ports in memory, under a virtual clock: what each fault must not do to the others."""

import asyncio
from statistics import median

import pytest

from ferry.contract import subjects
from ferry.contract.telemetry import Pause
from ferry.telemetry.registration.ports import SensorState
from memory.cloud import Mishap
from memory.one_replica import NOW_MS, World, run, sensors_of
from memory.services import MemoryRegistry
from memory.thingplus import BAD_VALUE, SHAPES


def test_two_bad_sensors_stop_nobody():
    async def check(world: World) -> None:
        *good, one, two = sensors_of(4, 2)
        world.add(*good, one, two)
        world.fail(one, two)
        for _ in range(6):
            for sensors, quiet_s in (([one, two], 10), (good, 45)):
                for sensor in sensors:
                    world.publish(sensor)
                await asyncio.sleep(quiet_s)
        assert [world.points(sensor) for sensor in good] == [6] * len(good)
        assert max(max(world.delays_s[sensor]) for sensor in good) < 3

    run(check)


def test_a_replica_names_the_sensors_that_fail_and_those_nobody_registered():
    async def check(world: World) -> None:
        good, bad = sensors_of(1, 2)
        world.add(good, bad)
        world.fail(bad)
        for sensor in (good, bad, ("gateway-0", "nobody")):
            world.publish(sensor)
        await asyncio.sleep(1)
        troubles = world.replica.observer.presence().troubles
        named = {(one.gateway, one.sensor, one.kind) for one in troubles}
        assert named == {(*bad, "failing"), ("gateway-0", "nobody", "unregistered")}
        assert "500" in troubles[0].detail

    run(check)


def test_an_err_that_comes_while_the_cloud_is_asked_is_not_overwritten_by_an_implied_on():
    async def check(world: World) -> None:
        (sensor,) = sensors_of(1, 1)
        world.add(sensor)
        world.latency_s = 0.5
        world.publish(sensor)
        await asyncio.sleep(0.7)  # the reading is there, and the cloud is asked for the status
        world.stream.publish(subjects.sensor_status(*sensor), b'{"value": "err", "validDuration": 600}')
        await asyncio.sleep(5)
        assert [write.value for write in world.thingplus.statuses[sensor]] == ["err"]

    run(check, imply_status=True)


def test_a_heartbeat_stays_small_however_many_sensors_fail():
    async def check(world: World) -> None:
        sensors = sensors_of(20, 20)
        world.add(*sensors)
        world.fail(*sensors)
        for sensor in sensors:
            world.publish(sensor)
        await asyncio.sleep(5)
        seen = world.replica.observer.presence()
        assert seen.failing_lanes > len(seen.troubles) == 10
        assert seen.failing_lanes > len(seen.troubles) == 10
        assert len(seen.model_dump_json()) < 4096

    run(check)


def test_ten_bad_sensors_spend_their_budgets_while_ten_others_get_through():
    async def check(world: World) -> None:
        sensors = sensors_of(4, 5)
        bad, good = sensors[::2], sensors[1::2]
        world.add(*sensors)
        world.fail(*bad)
        await world.report(sensors, 5.0, 150)
        dead = {letter.subject for letter in world.letters.stored}
        assert world.reasons == {"retries_exhausted"}
        assert dead == {subjects.sensor_series(*sensor) for sensor in bad}
        assert {world.points(sensor) for sensor in good} == {30}

    run(check, retry_budget_s=60.0)


def test_a_sensor_that_is_refused_while_its_gateway_shows_it_is_not_unknown():
    async def check(world: World) -> None:
        bad, *good = sensors_of(2, 2)
        world.add(bad, *good)
        world.fail(bad, kind="404")
        await world.report([bad, *good], 2.0, 60)
        world.cloud.mishap = lambda _: None
        await world.until(lambda: world.points(bad) == 30, 40)
        assert (world.reasons, [world.points(one) for one in good]) == (set(), [30, 30, 30])

    run(check)


def test_subjects_in_no_partition_become_dead_letters_and_the_stream_empties():
    async def check(world: World) -> None:
        for subject in ("ferry.v1.gateways.stray", "ferry.v1.gateways.g.sensors.*.series"):
            world.stream.publish(subject, b"{}")
        await world.until(lambda: not world.stream.messages, 5)
        assert world.reasons == {"invalid_subject"}

    run(check)


def test_one_sensor_that_is_told_to_wait_delays_no_other():
    async def check(world: World) -> None:
        bad, *good = sensors_of(10, 10)
        world.add(bad, *good)
        world.fail(bad, kind="503", retry_after_s=10)
        await world.report([bad, *good], 1.0, 30)
        delays = [delay for sensor in good for delay in world.delays_s[sensor]]
        assert (median(delays) < 0.1, max(delays) < 1) == (True, True)

    run(check)


def test_after_an_outage_the_rate_returns():
    async def check(world: World) -> None:
        sensors = sensors_of(6, 10)
        world.add(*sensors)
        world.latency_s = 0.1
        await world.report(sensors, 0.5, 10)
        world.cloud.mishap = lambda _: Mishap("503")
        await world.report(sensors, 0.5, 60)
        world.cloud.mishap = lambda _: None
        await world.report(sensors, 0.5, 10)
        before = sum(world.points(sensor) for sensor in sensors)
        await world.report(sensors, 0.5, 10)
        after = sum(world.points(sensor) for sensor in sensors) - before
        assert after >= 0.95 * 60 * 2 * 10

    run(check)


def test_a_backlog_drains_at_the_speed_of_its_cloud_and_costs_its_neighbours_nothing():
    async def check(world: World) -> None:
        one, *others = sensors_of(1, 5)
        world.add(one, *others)
        world.latency_s = 0.05
        for number in range(10_000):
            world.publish(one, time=NOW_MS - 20_000 + number)
        reporting = asyncio.create_task(world.report(others, 0.5, 5))
        assert await world.until(lambda: world.points(one) == 10_000, 5) < 5
        await reporting
        assert max(delay for sensor in others for delay in world.delays_s[sensor]) < 0.5
        assert world.reasons == set()

    run(check)


def test_a_sensor_that_waits_for_long_leaves_its_gateway_room():
    async def check(world: World) -> None:
        failing, good = sensors_of(1, 2)
        world.add(failing, good)
        world.fail(failing, kind="503", retry_after_s=90)
        world.publish(failing)
        await asyncio.sleep(5)
        await world.report([failing], 0.1, 5)
        await world.report([good], 1.0, 5)
        assert max(world.delays_s[good]) < 0.5

    run(check, in_flight_messages=64)


def test_a_bad_value_without_a_time_ends_where_the_cloud_is_ahead():
    async def check(world: World) -> None:
        one = ("g", "s")
        world.add(one)
        ahead = b'{"value":"1","time":%d}' % (world.now_ms() + 60_000)
        assert world.thingplus.put("/gateways/g/sensors/s/series", ahead).status == 200
        world.stream.publish(subjects.sensor_series(*one), b'{"value":"bad"}')
        await world.until(lambda: not world.stream.messages, 5)
        assert world.reasons == {"refused"}

    run(check)


def test_a_stall_of_five_seconds_at_a_hundred_readings_a_second_is_caught_up():
    async def check(world: World) -> None:
        one = ("g", "s")
        world.add(one)
        reporting = asyncio.create_task(world.report([one], 0.01, 20))
        await asyncio.sleep(5)
        world.cloud.mishap = lambda _: Mishap("slow", slow_s=5)
        await asyncio.sleep(0.05)
        world.cloud.mishap = lambda _: None
        await reporting
        await world.until(lambda: not world.stream.messages, 1)
        assert (world.points(one), world.reasons) == (world.stream.last_sequence, set())

    run(check)


def test_who_invents_sensors_hurts_its_own_gateway_alone():
    async def check(world: World) -> None:
        good = ("good", "s")
        world.add(good)
        world.registry.takes_s = 0.05
        for number in range(17_000):
            subject = subjects.sensor_status("hostile", f"invented-{number}")
            world.stream.publish(subject, b'{"value":"on"}')
        world.publish(good)
        assert await world.until(lambda: world.points(good) == 1, 2) < 2
        for _ in range(600):
            world.publish(("hostile", "unknown"))
            await asyncio.sleep(0.1)
        await world.until(lambda: not world.stream.messages, 60)
        for _ in range(2500):
            world.publish(("hostile", "unknown"))
        await world.until(lambda: len(world.stream.messages) <= 1000, 5)
        await world.until(lambda: not world.stream.messages, 60)
        assert world.reasons == {"unknown_sensor", "unknown_gateway"}

    run(check)


def test_dead_letters_that_are_full_delay_no_good_reading_and_take_no_memory():
    async def check(world: World) -> None:
        good = ("good", "s")
        world.add(good)
        world.letters.full = lambda: True
        for _ in range(3000):
            world.stream.publish(subjects.sensor_series("bad", "s"), b"rubbish")
        world.add(("bad", "s"))
        await world.report([good], 1.0, 20)
        assert (world.points(good), max(world.delays_s[good]) < 1) == (20, True)
        assert world.replica.in_flight.messages < 10
        world.letters.full = lambda: False
        await world.until(lambda: len(world.letters.stored) == 3000, 60)
        await world.until(lambda: not world.stream.messages, 5)

    run(check)


def test_the_bound_on_bytes_holds_however_large_the_messages_are():
    async def check(world: World) -> None:
        sensors = sensors_of(8, 8)
        world.add(*sensors)
        world.cloud.mishap = lambda _: Mishap("blackhole")
        array = b"[" + b",".join(b'{"value":"%s","time":1}' % (b"x" * 100) for _ in range(1000)) + b"]"
        most = 0
        for _ in range(20):
            for sensor in sensors:
                world.stream.publish(subjects.sensor_series(*sensor), array)
            await asyncio.sleep(0.5)
            resident = [
                one.body for each in world.replica.in_flight.partitions for one in each.in_flight.values()
            ]
            most = max(most, sum(len(body) for body in resident))
            assert world.replica.in_flight.bytes <= 4 * 1024 * 1024 + 300_000
        assert 500_000 < most <= 4 * 1024 * 1024

    run(check, in_flight_bytes=4 * 1024 * 1024, earliest_time_ms=0)


def test_a_purge_blocks_no_lane():
    async def check(world: World) -> None:
        one = ("g", "s")
        world.add(one)
        world.fail(one)
        for _ in range(1000):
            world.publish(one)
        await asyncio.sleep(5)
        world.stream.purge(subjects.sensor_series(*one))
        world.cloud.mishap = lambda _: None
        await asyncio.sleep(40)
        before = world.points(one)
        world.publish(one)
        await world.until(lambda: world.points(one) > before, 2)
        await world.until(lambda: not world.stream.messages, 1)

    run(check)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_first_value_that_the_cloud_refuses_delays_what_follows_it_by_nothing(shape):
    """Its words are those of a past time, and the series that is read back then is empty: that is an answer."""

    async def check(world: World) -> None:
        one = ("g", "s")
        world.add(one)
        world.thingplus.shape = shape
        world.publish(one, BAD_VALUE)
        world.publish(one, "2", world.now_ms() + 1)
        await world.until(lambda: not world.stream.messages, 2)
        assert (world.points(one), world.reasons) == (1, {"refused"})

    run(check)


def test_a_registry_that_was_not_filled_yet_dead_letters_no_reading():
    async def check(world: World) -> None:
        one = ("g", "s")
        world.add(one)
        del world.registry.sensors[one]
        world.registry.filled = False
        for _ in range(50):
            world.publish(one)
            await asyncio.sleep(2)
        assert (world.reasons, world.replica.in_flight.messages) == (set(), 0)
        world.registry.sensors[one] = "registered"
        await world.until(lambda: world.points(one) == 50, 5)

    run(check)


class BrokenRegistry(MemoryRegistry):
    """A bug of ours, met by one sensor."""

    async def sensor(self, gateway: str, sensor: str) -> SensorState:
        if sensor == "s0":
            raise KeyError("a bug")
        return await super().sensor(gateway, sensor)


def test_a_lane_that_meets_a_bug_of_ours_waits_alone():
    async def check(world: World) -> None:
        broken, *good = sensors_of(1, 3)
        world.add(broken, *good)
        await world.report([broken, *good], 1.0, 20)
        assert (world.points(broken), [world.points(one) >= 19 for one in good]) == (0, [True, True])
        assert len(world.stream.messages) == world.replica.observer.presence().parked > 0

    run(check, BrokenRegistry())


def test_a_retired_sensors_readings_have_their_own_reason():
    async def check(world: World) -> None:
        one = ("g", "s")
        world.add(one)
        world.registry.sensors[one] = "retired"
        world.publish(one)
        await world.until(lambda: bool(world.letters.stored), 2)
        assert world.reasons == {"retired_sensor"}

    run(check)


@pytest.mark.parametrize("paused", [("g0", "s0"), ("g0", None), (None, None)])
def test_what_is_paused_waits_and_leaves_when_it_is_resumed(paused):
    async def check(world: World) -> None:
        one, other = ("g0", "s0"), ("g1", "s0")
        world.add(one, other)
        world.replica.paused.replace([Pause(gateway=paused[0], sensor=paused[1], at=0)])
        world.publish(one)
        world.publish(other)
        await asyncio.sleep(10)
        assert (world.points(one), world.points(other)) == (0, 0 if paused == (None, None) else 1)
        world.replica.paused.replace([])
        await world.until(lambda: world.points(one) == world.points(other) == 1, 2)

    run(check)
