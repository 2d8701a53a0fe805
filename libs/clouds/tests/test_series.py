"""Series read back: every public shape with every type of value and time; unknown for all that is none of them."""

import json
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferry.clouds.thingplus.series import MOST_POINTS, Series, read_latest, read_series, series_query

T = 1_495_715_734_508
VALUES: dict[str, list[Any]] = {
    "string": ["36.5", "36.3", "0"],
    "number": [36.5, 36, 0],
    "object": [{"lat": 1.5, "lng": [1, None]}, {"lat": 2}, {}],
    "odd string": ["", "\u0000", "jä"],
}
TIMES = {"number": int, "string": str}
SENSOR = {
    "name": "T",
    "type": "temperature",
    "id": "s1",
    "owner": "g1",
    "mtime": "1495717726517",
    "status": "status.x",
}
LEAF = {
    "type": "series",
    "srcDbType": "sensor",
    "id": "series.sensor.x",
    "owner": "g1",
    "sensor": "s1",
    "mtime": "5",
}


def flat(points):
    return [item for moment, value in points for item in (value, moment)]


def pack(points):
    return [{"value": value, "time": moment} for moment, value in points]


def now(points):
    return {"time": points[-1][0], "value": points[-1][1]}


RANGES = {
    "embedded pairs": lambda points: {
        **SENSOR,
        "series": {
            **LEAF,
            **now(points),
            "data": flat(points),
            "_meta": {"count": len(points), "dataStart": "x", "dataEnd": "y", "interval": "0"},
        },
    },
    "embedded pairs without latest": lambda points: {
        **SENSOR, "series": {"data": flat(points), "_meta": {"count": str(len(points))}}
    },
    "pairs and latest": lambda points: {
        "_meta": {"count": len(points), "total": 77}, "data": flat(points), "latest": {**LEAF, **now(points)}
    },
    "pairs alone": lambda points: {"_meta": {"count": len(points)}, "data": flat(points)},
    "leaf with pack": lambda points: {**LEAF, **now(points), "seriesPack": pack(points), "series": "s1"},
    "leaf with pack alone": lambda points: {**LEAF, "seriesPack": pack(points)},
    "embedded leaf with pack": lambda points: {**SENSOR, "series": {**LEAF, "seriesPack": pack(points)}},
}  # fmt: skip
LATEST = {
    "embedded leaf": lambda points: {**SENSOR, "series": {**LEAF, **now(points)}},
    "embedded bare": lambda points: {**SENSOR, "series": now(points)},
    "latest": lambda points: {"_meta": {"count": 1}, "data": flat(points[-1:]), "latest": now(points)},
    "latest alone": lambda points: {"latest": {**LEAF, **now(points)}},
    "leaf": lambda points: {**LEAF, **now(points), "series": "s1"},
}


def answer(data, status=200, **more):
    return json.dumps({"statusCode": status, "message": "OK", "data": data, **more}).encode()


def shown(value_type, time_type, many):
    values = VALUES[value_type][: 3 if many else 1]
    exact = {T + 60_000 * index: value for index, value in enumerate(values)}
    return exact, [(TIMES[time_type](moment), value) for moment, value in exact.items()]


@pytest.mark.parametrize(
    ("shape", "value_type", "time_type", "many"), list(product(RANGES, VALUES, TIMES, [False, True]))
)
def test_a_range_in_every_shape(shape, value_type, time_type, many):
    exact, points = shown(value_type, time_type, many)
    found = read_series(answer(RANGES[shape](points)))
    assert found is not None
    assert found.points == exact
    assert found.latest in (None, list(exact.items())[-1])
    assert (found.latest is None) is (
        "alone" in shape or "without" in shape or shape == "embedded leaf with pack"
    )
    assert found.count in (None, len(exact))


@pytest.mark.parametrize(
    ("shape", "value_type", "time_type", "many"), list(product(LATEST, VALUES, TIMES, [False, True]))
)
def test_the_latest_value_in_every_shape(shape, value_type, time_type, many):
    exact, points = shown(value_type, time_type, many)
    newest = list(exact.items())[-1]
    found = read_series(answer(LATEST[shape](points)))
    assert found is not None
    assert found.latest == newest
    assert found.points == dict([newest])


@pytest.mark.parametrize(
    "data",
    [
        {**SENSOR, "series": {**LEAF, "data": [], "_meta": {"count": 0}}},
        {**SENSOR, "series": {"data": [], "_meta": {"count": 0}}},
        {"_meta": {"count": 0}, "data": []},
        {"_meta": {"count": "0", "total": 0}, "data": [], "latest": None},
        {**LEAF, "seriesPack": []},
        {**SENSOR, "series": {**LEAF, "seriesPack": []}},
    ],
)
def test_an_empty_range_in_every_shape_is_nothing_and_not_unknown(data):
    found = read_series(answer(data))
    assert found is not None
    assert (found.points, found.latest) == ({}, None)


def test_an_empty_list_with_its_count_in_the_envelope_is_nothing():
    assert read_series(answer([], _meta={"count": 0})) == Series({}, None, 0)


@pytest.mark.parametrize(
    "data",
    [
        {**SENSOR, "series": {**LEAF, "time": str(T), "value": "1", "data": [], "_meta": {"count": 0}}},
        {"_meta": {"count": 0}, "data": [], "latest": {"time": T, "value": "1"}},
        {**LEAF, "time": str(T), "value": "1", "seriesPack": []},
    ],
)
def test_an_empty_range_may_name_the_latest_value_outside_of_it(data):
    found = read_series(answer(data))
    assert found is not None
    assert found.latest == (T, "1")
    assert found.points == {T: "1"}


def test_a_latest_value_newer_than_the_range_is_told_apart():
    data = {"_meta": {"count": 1, "total": "9"}, "data": ["1", T], "latest": {"time": T + 5, "value": 2}}
    assert read_series(answer(data)) == Series({T: "1", T + 5: 2}, (T + 5, 2), 1, 9)


def range_of(pairs, **meta):
    return {"_meta": {"count": len(pairs) // 2, **meta}, "data": pairs}


ODD_TIMES: tuple[Any, ...] = (
    None, True, -1, "-1", "", "soon", "2017-05-25T12:35:34.508Z", 1.5, 1e300, 10**20, "9" * 5000, "\u0661", [], {},
)  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (None, True, False, [], ["1"])
UNKNOWN: dict[str, Any] = {
    "nothing": None,
    "an empty object": {},
    "a sensor without its leaf": {**SENSOR, "series": "series.sensor.x"},
    "a sensor that shows no series": SENSOR,
    "a sensor with its device that shows no series": {**SENSOR, "deviceId": "d1"},
    "a sensor with null": {**SENSOR, "series": None},
    "an empty leaf": {**SENSOR, "series": {}},
    "a leaf without a point": {**SENSOR, "series": LEAF},
    "a bare leaf without a point": LEAF,
    "a status": {**LEAF, "type": "status", "time": str(T), "value": "on"},
    "an embedded status": {**SENSOR, "series": {**LEAF, "type": "status", "time": T, "value": "on"}},
    "a time and a value of nobody knows what": {"time": T, "value": "1"},
    "an empty list": [],
    "a list of pairs": ["1", T],
    "a list of leaves": [{**LEAF, "time": T, "value": "1"}],
    "an empty range that does not say so": {"data": []},
    "an empty range that says otherwise": {"_meta": {"count": 3}, "data": []},
    "an empty pack of nobody knows what": {"seriesPack": []},
    "fewer points than it says": {"_meta": {"count": 7}, "data": ["1", T]},
    "more points than it says": {"_meta": {"count": 0}, "data": ["1", T]},
    "a count that is none": range_of(["1", T], count="many"),
    "a negative count": range_of(["1", T], count=-1),
    "a meta that is none": {"_meta": [1], "data": ["1", T]},
    "half a pair": {"data": ["1", T, "2"]},
    "pairs the other way round": range_of([T, "36.5"]),
    "pairs as lists": range_of([["1", T], ["2", T + 1]]),
    "pairs as objects": {"data": [{"value": "1", "time": T}, {"value": "2", "time": T + 1}]},
    "a pack of pairs": {**LEAF, "seriesPack": ["1", T]},
    "pairs that are no list": {"data": "1"},
    "a pack that is no list": {**LEAF, "seriesPack": {"value": "1", "time": T}},
    "a point without a time": {**LEAF, "seriesPack": [{"value": "1"}]},
    "a point without a value": {**LEAF, "seriesPack": [{"time": T}]},
    "two values at one time": range_of(["1", T, "2", T]),
    "a latest without a value": {**range_of(["1", T]), "latest": {"time": T}},
    "a latest that is no object": {**range_of(["1", T]), "latest": "1"},
    "a leaf's time without its value": {**SENSOR, "series": {**LEAF, "time": T}},
    **{f"the time {odd!r}": range_of(["1", odd]) for odd in ODD_TIMES},
    **{f"the value {odd!r}": range_of([odd, T]) for odd in ODD_VALUES},
}  # fmt: skip


@pytest.mark.parametrize("why", UNKNOWN)
def test_what_is_in_none_of_the_shapes_is_unknown(why):
    assert read_series(answer(UNKNOWN[why])) is None


EMPTY = {"a leaf without a point", "a bare leaf without a point"}


@pytest.mark.parametrize("why", UNKNOWN)
def test_a_leaf_without_a_point_says_that_there_is_none_where_the_latest_was_asked_for(why):
    assert read_latest(answer(UNKNOWN[why])) == (Series({}) if why in EMPTY else None)
    assert read_latest(answer(UNKNOWN[why], 404), 404) is None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{}", b'"x"', b"<html>", b"\xff", b"[" * 200_000, b'{"data":' * 50_000,
        b'{"statusCode":200,"data":{"_meta":{"count":1},"data":["1",1e999]}}',
        b'{"statusCode":200,"data":{"_meta":{"count":1},"data":[NaN,1495715734508]}}',
        b'{"statusCode":200,"data":{"_meta":{"count":1},"data":["\\ud800",1495715734508]}}',
        b'{"statusCode":200,"data":{"_meta":{"count":1},"data":["1",' + b"1" * 5000 + b"]}}",
        answer({"data": ["1", T]}) + b"x",
        answer({"data": ["1", T]}, 404),
        answer({"data": ["1", T]}, 201),
        answer({"data": ["1", T]}, status=True),
    ],
)  # fmt: skip
def test_what_is_no_envelope_of_a_success_is_unknown(body):
    assert read_series(body) is None


def test_a_refusal_is_unknown_whatever_it_shows():
    assert read_series(answer({"data": ["1", T]}, 404), 404) is None
    assert read_series(answer({"data": ["1", T]}, 200), 500) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([T, str(T), "1"]),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(
                ["series", "data", "_meta", "count", "latest", "time", "value", "seriesPack", "type"]
            ),
            inner,
        )
    ),
    max_leaves=20,
)


@given(st.binary() | json_values.map(lambda data: answer(data, _meta=data)))
def test_no_body_raises(body):
    read_series(body)
    read_latest(body)


@given(st.integers(), st.integers(), st.integers())
def test_no_query_raises(first, last, count):
    assert set(series_query(first, last, count=count)) == {"dataStart", "dataEnd", "interval", "count"}


def test_the_query_is_the_documented_one():
    assert series_query(1_439_342_348_315, 1_439_342_348_999) == {
        "dataStart": "2015-08-12T01:19:08.315Z",
        "dataEnd": "2015-08-12T01:19:09.000Z",  # exclusive
        "interval": "0",
        "count": str(MOST_POINTS),
    }
    assert series_query(0, 0, count=10**6)["count"] == str(MOST_POINTS)
