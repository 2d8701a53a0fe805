"""A whole replica in memory against odd subjects, bodies, headers, clocks and answers: each kind, not one example."""

import asyncio

import pytest

from ferry.contract import subjects
from memory.cloud import ANSWERS, Mishap
from memory.one_replica import World, run, sensors_of

ONE, OTHER = ("g", "s"), ("h", "s")
SERIES, STATUS = subjects.sensor_series(*ONE), subjects.sensor_status(*ONE)
ODD_SUBJECTS = (
    *("ferry.v1.gateways", "ferry.v1.gateways.", "ferry.v1.gateways..", "ferry.v1.gateways.g."),
    *(
        "ferry.v1.gateways.g.sensors.s",
        "ferry.v1.gateways.g.sensors.s.series.x",
        "ferry.v1.gateways.g.series",
    ),
    *("ferry.v1.gateways.g.sensors..series", "ferry.v1.gateways.g.sensors.\udcff.series"),
    *("ferry.v1.gateways.\udcff.status", "ferry.v1.gateways.g.sensors.*.series", "ferry.v1.gateways.>.x"),
    *("ferry.v1.gateways.g h.status", "ferry.v1.gateways.g.sensors.a/b.series", "ferry.v1.gateways.é.status"),
    *("ferry.v1.gateways.g.sensors.s.SERIES", "ferry.v1.gateways." + "g" * 3000 + ".status", "x" * 3000),
    *("ferry.v1.gateways.g.sensors.%2e%2e.series", "ferry.v1.gateways.g.sensors...series"),
    "ferry.v1.gateways.g.sensors.s\x00.series",
)
ODD_BODIES = (
    *(b"", b" ", b"\x00", b"\xff", b"{", b"[", b"[" * 100_000, b"[]", b"[[]]", b"{}", b"[{}]", b"null", b"7"),
    *(b'"x"', b'{"value":["a' + b"\xc3\xa9" * 30 + b'"]}', b'{"value":"\xff"}', b'{"value":"\\ud800"}'),
    *(
        b'{"value":"1","time":1e999}',
        b'{"value":NaN}',
        b'{"value":"1","time":null,"time":1}',
    ),
    *(b'{"value":' + b"[" * 5000, b'{"value":{"a":' * 3000, b'{"value":"1","value":"2","extra":1}'),
    *(
        b'{"VALUE":"1"}',
        b"\xef\xbb\xbf{}",
        b'{"value":"1"}{"value":"2"}',
        b'{"value":"1"},',
        b'{"value":true}',
    ),
    *(b'{"value":"1","time":"now"}', b'{"value":"1","time":[]}', b'{"value":"1","time":1.5}'),
    *(b'{"value":"1","time":' + b"9" * 5000 + b"}", b"[" + b'{"value":"1"},' * 20_000 + b'{"value":"1"}]'),
)
ODD_STATUSES = (
    *(b"", b"{", b"[]", b"null", b'"on"', b'{"value":"ON"}', b'{"value":true}', b'{"value":["on"]}', b"\xff"),
    *(b'{"value":"on","validDuration":0}', b'{"value":"on","validDuration":-1}', b'{"value":"on","x":1}'),
    *(b'{"value":"on","validDuration":1e400}', b'{"value":"on","validDuration":' + b"9" * 5000 + b"}"),
    *(b'{"value":"on","validDuration":"60"}', b'{"value":"on","validDuration":31536001}', b"[" * 100_000),
)
ODD_HEADERS = (
    *({"Ferry-Published-At": text} for text in ("", "now", "-1", "1e9", "9" * 5000, "٣", "0x1", " 5", "nan")),
    *({"traceparent": text} for text in ("", "x", "\udcff", "a\r\nb", "x" * 100_000)),
    {"Status": "204"},
    {"Nats-Sequence": "1", "Nats-Subject": "x", "Nats-Msg-Id": "1", "Nats-Rollup": "all", "Nats-TTL": "1s"},
)
ODD_TIMES = (-1, 0, 1, 1_648_731_311, 946_684_799_999, 1_830_297_600_000, 2**53, 2**63, 10**300)
PROVES_NOTHING = sorted(
    ANSWERS.keys() - {"400", "200_with_400", "413", "surprise"} | {"blackhole", "reset", "commit_then_reset"}
)
"""Answers that say nothing of a reading, also not the Thing+ that refuses every entity or the account."""


async def all_ends(world: World, within_s: float = 60.0) -> None:
    await world.until(lambda: not world.stream.messages, within_s)
    assert world.replica.in_flight.messages == 0


@pytest.mark.parametrize("subject", ODD_SUBJECTS)
def test_no_subject_harms_another_message(subject):
    async def check(world: World) -> None:
        world.add(ONE, OTHER)
        world.stream.publish(subject, b'{"value":"1"}')
        world.publish(ONE)
        world.publish(OTHER)
        await all_ends(world)
        assert (world.points(ONE), world.points(OTHER), world.reasons) == (1, 1, {"invalid_subject"})

    run(check)


def test_no_body_harms_another_message():
    async def check(world: World) -> None:
        world.add(ONE, OTHER)
        for number, body in enumerate(ODD_BODIES):
            world.stream.publish(SERIES, body)
            world.publish(ONE, time=world.now_ms() + number)
        await all_ends(world)
        assert world.points(ONE) == len(ODD_BODIES)
        assert {letter.body for letter in world.letters.stored} == set(ODD_BODIES)
        assert world.reasons <= {"invalid_body", "invalid_value", "invalid_time", "future_time"}

    run(check)


def test_no_status_harms_another():
    async def check(world: World) -> None:
        world.add(ONE)
        for body in ODD_STATUSES:
            world.stream.publish(STATUS, body)
        world.stream.publish(STATUS, b'{"value":"err"}')
        await all_ends(world)
        assert [write.value for write in world.thingplus.statuses[ONE]] == ["err"]
        assert {letter.body for letter in world.letters.stored} == set(ODD_STATUSES)

    run(check)


def test_no_header_harms_a_message():
    async def check(world: World) -> None:
        world.add(ONE)
        for number, headers in enumerate(ODD_HEADERS):
            body = b'{"value":"%d","time":%d}' % (number, world.now_ms() + number)
            world.stream.publish(SERIES, body, headers)
            world.stream.publish(SERIES, b"rubbish", headers)
            world.stream.publish(STATUS, b'{"value":"on"}', headers)
        await all_ends(world)
        assert world.points(ONE) == len(world.letters.stored) == len(ODD_HEADERS)

    run(check)


@pytest.mark.parametrize("time", ODD_TIMES)
def test_a_wrong_clock_closes_no_sensor(time):
    async def check(world: World) -> None:
        world.add(ONE)
        world.stream.publish(SERIES, b'{"value":"1","time":%d}' % time)
        await world.report([ONE], 1.0, 50)
        await all_ends(world)
        assert (world.points(ONE), len(world.letters.stored)) == (50, 1)
        assert world.reasons <= {"future_time", "invalid_time", "invalid_body"}

    run(check)


@pytest.mark.parametrize("kind", PROVES_NOTHING)
def test_no_answer_that_proves_nothing_ends_a_reading_and_all_are_delivered_soon_after_it(kind):
    async def check(world: World) -> None:
        sensors = sensors_of(3, 3)
        world.add(*sensors)
        await world.report(sensors, 2.0, 6)
        world.cloud.mishap = lambda _: Mishap(kind)
        await world.report(sensors, 2.0, 60)
        world.cloud.mishap = lambda _: None
        await all_ends(world, 20)
        assert world.reasons == set()
        assert sum(world.points(sensor) for sensor in sensors) == world.stream.last_sequence

    run(check)


@pytest.mark.parametrize("retry_after_s", [0.0, 0.001, 119.0, 1e9, float("inf")])
@pytest.mark.parametrize("kind", ["429", "503"])
def test_no_retry_after_stops_the_others_or_the_cloud_for_longer_than_is_set(kind, retry_after_s):
    async def check(world: World) -> None:
        bad, *good = sensors_of(3, 2)
        world.add(bad, *good)
        world.cloud.mishap = lambda _: Mishap(kind, retry_after_s)
        await world.report([bad, *good], 1.0, 3)
        world.cloud.mishap = lambda _: None
        await all_ends(world, 150)
        assert world.reasons == set()
        assert world.replica.gate.breaker.state == "closed"

    run(check)


@pytest.mark.parametrize("retry_after_s", [0.0, 119.0, 1e9, float("inf")])
def test_no_retry_after_silences_a_sensor_for_longer_than_is_set(retry_after_s):
    async def check(world: World) -> None:
        world.add(ONE, OTHER)
        world.fail(ONE, kind="503", retry_after_s=retry_after_s)
        await world.report([ONE, OTHER], 1.0, 3)
        world.cloud.mishap = lambda _: None
        await world.report([OTHER], 1.0, 125)
        assert (world.points(ONE), world.points(OTHER), world.reasons) == (3, 128, set())

    run(check)


@pytest.mark.parametrize("subject", [None, SERIES, STATUS])
def test_a_purge_at_any_moment_stops_no_lane(subject):
    async def check(world: World) -> None:
        world.add(ONE, OTHER)
        world.cloud.mishap = lambda _: Mishap("503")
        for _ in range(3):
            for number in range(400):
                world.publish(ONE, time=world.now_ms() + number)
            world.stream.publish(STATUS, b'{"value":"off"}')
            world.stream.publish(SERIES, b"rubbish")
            await asyncio.sleep(3)
            world.stream.purge(subject)
        world.cloud.mishap = lambda _: None
        world.publish(ONE, time=world.now_ms() + 1000)
        world.publish(OTHER)
        world.stream.publish(STATUS, b'{"value":"err"}')
        await all_ends(world)
        assert world.points(OTHER) == 1
        assert world.thingplus.statuses[ONE][-1].value == "err"

    run(check, in_flight_messages=256)
