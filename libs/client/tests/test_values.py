"""What a program has becomes what the contract says, or an error that says what is wrong and where."""

import asyncio
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest
from fake_stream import FakeStream, values
from hypothesis import given
from hypothesis import strategies as st

from ferry.client import Ferry, Reading
from ferry.client.publishing.values import Clock, reading_json, time_ms
from ferry.contract.readings import MAX_TIME, SERIES
from ferry.contract.subjects import gateway_status, sensor_series, sensor_status

numpy = pytest.importorskip("numpy")
pandas = pytest.importorskip("pandas")
ANY_VALUE = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), st.integers(), max_size=3),
)


@given(ANY_VALUE, st.integers(0, MAX_TIME))
def test_every_value_is_a_reading_of_the_contract_and_says_the_same(value, moment):
    body = reading_json(value, moment)
    reading = SERIES.validate_json(body)
    assert isinstance(reading, Reading)
    assert reading.time == moment
    assert reading.value == (value if isinstance(value, str | dict) else str(value))


@pytest.mark.parametrize(
    ("value", "digits"),
    [
        (36.5, "36.5"),
        (-5, "-5"),
        (0.1, "0.1"),
        (1e300, "1e+300"),
        (Decimal("1.50"), "1.50"),
        (numpy.float64(36.5), "36.5"),
        (numpy.float32(36.1), "36.1"),
        (numpy.int64(-5), "-5"),
        (numpy.uint8(200), "200"),
        (Fraction(1, 2), "1/2"),
        ("007", "007"),
    ],
)
def test_digits_are_those_that_the_program_has(value, digits):
    assert json.loads(reading_json(value, 0))["value"] == digits


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        Decimal("NaN"),
        True,
        numpy.True_,
        None,
        b"1",
        [1],
        object(),
        "\ud800",
        {"a": float("nan")},
    ],
)
def test_what_is_no_value_is_refused(value):
    with pytest.raises(ValueError, match=r"value|surrogate"):
        reading_json(value, 0)


@pytest.mark.parametrize(
    "moment", [-1, MAX_TIME + 1, 1.5, "now", True, datetime.fromisoformat("2024-01-01"), None, pandas.NaT]
)
def test_what_is_no_time_is_refused(moment):
    with pytest.raises(ValueError, match="time"):
        reading_json(1, time_ms(moment))


def test_times():
    assert time_ms(datetime(2017, 5, 25, 14, 15, 34, 508_000, UTC)) == 1_495_721_734_508
    assert (
        time_ms(datetime(2017, 5, 25, 16, 15, 34, 508_000, timezone(timedelta(hours=2)))) == 1_495_721_734_508
    )
    assert time_ms(pandas.Timestamp("2017-05-25T14:15:34.508Z")) == 1_495_721_734_508
    assert time_ms(numpy.int64(5)) == 5


@given(st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=30))
def test_readings_without_a_time_follow_one_another_unless_the_clock_was_set_back(steps):
    clock, now = Clock(), 1_700_000_000_000
    last = None
    for step in steps:
        now += step
        given_ms = clock.at("s", now)
        if last is not None and step > -1000:
            assert given_ms > last or given_ms == now
        last = given_ms
        assert abs(given_ms - now) <= 1001


async def stored(work):
    stream = FakeStream()
    async with Ferry(stream=stream) as ferry:
        await work(ferry)
    return [(subject, json.loads(body)) for subject, body, _ in stream.stored]


async def test_one_and_several_readings_and_statuses():
    async def work(ferry):
        await ferry.series("plant-7", "boiler", 36.5, 1000)
        await ferry.series(
            "plant-7",
            "boiler",
            [(1, 2000), Reading(value="2", time=3000), (3, datetime(1970, 1, 1, 0, 0, 4, tzinfo=UTC))],
        )
        await ferry.series("plant-7", "boiler", {"lat": 1, "lon": 2}, 5000)
        await ferry.status("plant-7", "on")
        await ferry.status("plant-7", "err", sensor="boiler", valid_s=450)

    boiler = sensor_series("plant-7", "boiler")
    assert await stored(work) == [
        (boiler, {"value": "36.5", "time": 1000}),
        (boiler, [{"value": "1", "time": 2000}, {"value": "2", "time": 3000}, {"value": "3", "time": 4000}]),
        (boiler, {"value": {"lat": 1, "lon": 2}, "time": 5000}),
        (gateway_status("plant-7"), {"value": "on"}),
        (sensor_status("plant-7", "boiler"), {"value": "err", "validDuration": 450}),
    ]


@pytest.mark.parametrize(
    "call",
    [
        lambda ferry: ferry.series("a b", "s", 1),
        lambda ferry: ferry.series("g", "s.x", 1),
        lambda ferry: ferry.series("g", "s", []),
        lambda ferry: ferry.series("g", "s", [1, 2], 5),
        lambda ferry: ferry.series("g", "s", [(1, 2, 3)]),
        lambda ferry: ferry.series("g", "s", "x" * 600_000),
        lambda ferry: ferry.status("g", "maybe"),
        lambda ferry: ferry.status("g", "on", valid_s=10**9),
    ],
)
async def test_a_call_that_the_contract_does_not_allow_is_a_value_error(call):
    async with Ferry(stream=FakeStream()) as ferry:
        with pytest.raises(ValueError, match=r".+"):
            await call(ferry)


async def test_a_large_array_is_split_within_the_contracts_bounds():
    found = await stored(lambda ferry: ferry.series("g", "s", [(str(n) * 20, n) for n in range(5000)]))
    assert [reading["time"] for _, body in found for reading in body] == list(range(5000))
    assert all(len(body) <= 1000 for _, body in found)


FRAME = pandas.DataFrame(
    {"sensor": ["a", "b"], "value": [1.5, 2], "time": pandas.to_datetime([1000, 2000], unit="ms", utc=True)}
)
ROWS = {
    "tuples": ([("g", "a", 1.5, 1000), ("g", "b", 2.0, 2000)], {}),
    "mappings": (
        [
            {"gateway": "g", "sensor": "a", "value": 1.5, "time": 1000},
            {"gateway": "g", "sensor": "b", "value": 2.0, "time": 2000},
        ],
        {},
    ),
    "a gateway for all": ([("a", 1.5, 1000), ("b", 2.0, 2000)], {"gateway": "g"}),
    "a frame": (FRAME, {"gateway": "g"}),
    "a frame by its index": (FRAME.set_index("time"), {"gateway": "g"}),
}


@pytest.mark.parametrize(("rows", "fixed"), ROWS.values(), ids=ROWS)
async def test_bulk_takes_what_programs_have(rows, fixed):
    found = await stored(lambda ferry: ferry.bulk(rows, **fixed))
    assert sorted(found) == [
        (sensor_series("g", "a"), {"value": "1.5", "time": 1000}),
        (sensor_series("g", "b"), {"value": "2.0", "time": 2000}),
    ]


async def test_bulk_takes_a_slow_source_as_it_comes():
    stream = FakeStream()

    async def slow():
        yield ("g", "s", 1)
        await asyncio.sleep(0.05)
        assert values([(subject, body) for subject, body, _ in stream.stored])
        yield ("g", "s", 2)

    async with Ferry(stream=stream) as ferry:
        assert (await ferry.bulk(slow())).readings == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gateway,sensor,value,time\ng,s,1,1000\ng,s,2,2017-05-25T14:15:34Z\n", None),
        ("\ufeffvalue,sensor,gateway\n1,s,g\n", None),
        ("gateway,sensor,value,time\ng,s,1,yesterday\n", "line 2: time is"),
        ("gateway,sensor,value,time\ng,s,1,2017-05-25T14:15:34\n", "line 2: a time needs a time zone"),
        ("gateway,sensor,value,time\ng,s,1,1\ng,s\n", "line 3: it has more or fewer cells"),
        ("gateway,sensor,value,time\ng,s,1,1,1\n", "line 2: it has more or fewer cells"),
        ("gateway,sensor,value\ng,a b,1\n", "line 2: an id has only"),
        ("gateway,sensor,valeu\ng,s,1\n", "no column 'valeu'"),
        ("sensor,value\ns,1\n", "the column 'gateway' is missing"),
        ("", "is missing"),
        ("gateway,sensor,value\ng,s,\n", None),
    ],
)
async def test_a_csv_file(tmp_path, text, words):
    path = tmp_path / "readings.csv"
    path.write_text(text, "utf-8")
    async with Ferry(stream=FakeStream()) as ferry:
        if words is None:
            assert (await ferry.bulk(path)).readings == text.strip().count("\n")
        else:
            with pytest.raises(ValueError, match=words):
                await ferry.bulk(path)


async def test_a_bad_row_says_which_and_how_many_are_confirmed():
    async with Ferry(stream=FakeStream()) as ferry:
        with pytest.raises(ValueError, match=r"row 3001: .*nan \(3000 readings before it are confirmed"):
            await ferry.bulk(("g", "s", float("nan") if n == 3000 else n) for n in range(4000))
