"""Order and loss, on the fake stream: any mixture of faults, with and without a spool."""

import asyncio
import itertools
import json

import pytest
from fake_stream import FakeStream, first_of_each, values
from hypothesis import given, settings
from hypothesis import strategies as st

from ferry.client import (
    BulkError,
    Ferry,
    NotConfirmedError,
    NotConnectedError,
    NotPermittedError,
    NotStoredError,
    RefusedError,
)
from ferry.client.publishing.memory import Memory
from ferry.contract.subjects import sensor_series

FAULTS = st.lists(st.sampled_from(["store", "store", "ack lost", "away", "full"]), max_size=30)
SENSORS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=40)


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch):
    monkeypatch.setattr("ferry.client.publishing.lanes.FIRST_WAIT_S", 0.001)
    monkeypatch.setattr("ferry.client.publishing.lanes.LONGEST_WAIT_S", 0.002)


def stored(stream):
    return values([(subject, body) for subject, body, _ in stream.stored])


def expected(sensors):
    numbered = [(sensor, str(number)) for number, sensor in enumerate(sensors)]
    return {
        sensor_series("g", name): [value for sensor, value in numbered if sensor == name]
        for name in set(sensors)
    }


@given(FAULTS, SENSORS)
@settings(deadline=None, max_examples=60)
def test_what_is_confirmed_is_stored_in_the_order_of_each_sensor(faults, sensors):
    async def run():
        stream = FakeStream(iter(faults))
        async with Ferry(stream=stream) as ferry:
            tasks = [
                asyncio.create_task(ferry.series("g", sensor, str(number)))
                for number, sensor in enumerate(sensors)
            ]
            receipts = await asyncio.gather(*tasks)
        assert {subject: first_of_each(found) for subject, found in stored(stream).items()} == expected(
            sensors
        )
        assert all(receipt.where == "bus" for receipt in receipts)
        for receipt, (number, sensor) in zip(receipts, enumerate(sensors), strict=True):
            subject, body, _ = stream.stored[receipt.sequence - 1]
            assert subject == sensor_series("g", sensor)
            assert f'"{number}"' in body.decode()

    asyncio.run(run())


@given(FAULTS, SENSORS)
@settings(deadline=None, max_examples=40)
def test_bulk_keeps_the_same(faults, sensors):
    async def run():
        stream = FakeStream(iter(faults))
        async with Ferry(stream=stream) as ferry:
            done = await ferry.bulk(("g", sensor, str(number)) for number, sensor in enumerate(sensors))
        assert done.readings == len(sensors)
        assert {subject: first_of_each(found) for subject, found in stored(stream).items()} == expected(
            sensors
        )

    asyncio.run(run())


@given(FAULTS, SENSORS, st.integers(0, 40))
@settings(deadline=None, max_examples=30)
def test_a_spool_keeps_the_same_over_two_runs(tmp_path_factory, faults, sensors, cut):
    spool = tmp_path_factory.mktemp("spool") / "spool.db"

    async def run():
        away = FakeStream(there=False)
        async with Ferry(stream=away, spool=spool, drain_s=0) as ferry:
            for number, sensor in enumerate(sensors[:cut]):
                assert (await ferry.series("g", sensor, str(number))).where == "spool"
        assert away.stored == []
        stream = FakeStream(iter(faults))
        async with Ferry(stream=stream, spool=spool) as ferry:
            for number, sensor in enumerate(sensors[cut:], cut):
                await ferry.series("g", sensor, str(number))
            assert await ferry.flush(10)
            assert (await ferry.spool_state()).waiting == 0
        assert {subject: first_of_each(found) for subject, found in stored(stream).items()} == expected(
            sensors
        )

    asyncio.run(run())


async def test_one_sensors_trouble_is_not_the_others():
    """Neither a right that lacks nor too large a body holds up the neighbours, or the same sensor's next reading."""
    stream = FakeStream(denied={sensor_series("g", "b")}, max_message=500)
    async with Ferry(stream=stream, timeout_s=5) as ferry:
        large = asyncio.create_task(ferry.series("g", "a", "x" * 600))
        denied = asyncio.create_task(ferry.series("g", "b", 1))
        assert (await ferry.series("g", "c", 1)).sequence
        with pytest.raises(RefusedError) as refused:
            await large
        with pytest.raises(NotPermittedError) as forbidden:
            await denied
        assert not refused.value.maybe_stored
        assert not forbidden.value.maybe_stored
        assert (await ferry.series("g", "a", 2)).sequence


async def test_while_one_is_on_its_way_the_next_ones_gather_into_one_message():
    stream = FakeStream()
    async with Ferry(stream=stream) as ferry:
        await asyncio.gather(*(ferry.series("g", "s", number) for number in range(100)))
    assert len(stream.stored) < 5
    assert stored(stream)[sensor_series("g", "s")] == [str(number) for number in range(100)]
    times = [reading["time"] for _, body, _ in stream.stored for reading in _readings(body)]
    assert all(before < after for before, after in itertools.pairwise(times))


def _readings(body):
    message = json.loads(body)
    return message if isinstance(message, list) else [message]


async def test_the_window_bounds_what_is_unconfirmed():
    stream = FakeStream(takes_s=0.002)
    async with Ferry(stream=stream, window=4) as ferry:
        await ferry.bulk(("g", f"s{number}", 1) for number in range(200))
    assert stream.most_at_once == 4


async def test_bulk_costs_no_task_a_message():
    stream = FakeStream(takes_s=0.01)
    tasks = []

    def rows():
        for number in range(3000):
            yield ("g", f"s{number}", 1)
            tasks.append(len(asyncio.all_tasks()))

    async with Ferry(stream=stream, window=20) as ferry:
        await ferry.bulk(rows())
    assert max(tasks) < 20 + 10  # the fake's own, one for each message under way


async def test_who_gives_up_a_bulk_has_nothing_sent_later():
    stream = FakeStream()
    async with Ferry(stream=stream) as ferry:
        stream.go_away()
        bulk = asyncio.create_task(ferry.bulk(("g", f"s{number}", 1) for number in range(5000)))
        await asyncio.sleep(0.05)
        bulk.cancel()
        await asyncio.wait({bulk})
        stream.come_back()
        await ferry.series("g", "s", "last")
        assert await ferry.flush(5)
    assert stored(stream) == {sensor_series("g", "s"): ["last"]}


async def test_an_error_says_whether_the_reading_may_have_been_stored():
    away = FakeStream()
    async with Ferry(stream=away, timeout_s=0.05) as ferry:
        away.go_away()
        with pytest.raises(NotConnectedError, match="unreachable") as never_sent:
            await ferry.series("g", "s", 1)
        assert not never_sent.value.maybe_stored
    async with Ferry(stream=FakeStream(itertools.repeat("full")), timeout_s=0.05) as ferry:
        with pytest.raises(NotStoredError) as full:
            await ferry.series("g", "s", 1)
        assert not full.value.maybe_stored
    async with Ferry(stream=FakeStream(itertools.repeat("ack lost")), timeout_s=0.05) as ferry:
        with pytest.raises(NotConfirmedError) as perhaps:
            await ferry.series("g", "s", 1)
        assert perhaps.value.maybe_stored


async def test_what_was_given_up_is_not_sent_later_and_takes_no_memory():
    stream = FakeStream()
    async with Ferry(stream=stream, timeout_s=0.02) as ferry:
        stream.go_away()
        for number in range(20):
            with pytest.raises(NotConnectedError):
                await ferry.series("g", "s", number)
        assert isinstance(ferry._store, Memory)
        assert (ferry._store._lanes, ferry._store._waiting) == ({}, {})
        stream.come_back()
        await ferry.series("g", "s", "last")
    assert stored(stream) == {sensor_series("g", "s"): ["last"]}


async def test_bulk_stops_at_the_first_failure_and_says_what_is_confirmed():
    stream = FakeStream(denied={sensor_series("g", "bad")})
    drawn = []

    def rows():
        for number in range(100_000):
            drawn.append(number)
            yield ("g", "bad" if number == 2500 else "good", number)

    async with Ferry(stream=stream) as ferry:
        with pytest.raises(BulkError) as error:
            await ferry.bulk(rows())
    assert error.value.failed == 1
    assert error.value.failures[0].row == 2501
    assert isinstance(error.value.failures[0].error, NotPermittedError)
    assert len(stored(stream)[sensor_series("g", "good")]) == error.value.confirmed
    assert len(drawn) < 20_000
