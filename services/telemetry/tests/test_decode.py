import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ferry.contract.dead import Reason
from ferry.contract.readings import SERIES, Reading, Status
from ferry.telemetry.lanes.decode import Invalid, decode_status
from ferry.telemetry.lanes.points import points_of
from ferry.telemetry.lanes.times import TimeBounds
from ferry.telemetry.stream.delivery import Delivery

ANY_TIME = TimeBounds(0, 10**16)
BOUNDS = TimeBounds(946_684_800_000, 900_000)
NOW = 1_790_000_000_000


def at(time):
    return Delivery(1, "s", b'{"value":"1","time":%d}' % time, NOW)


def strictly(body):
    """The points of a body without a bad element. Raises Invalid."""
    points, bad = points_of(Delivery(1, "s", body, 0), ANY_TIME)
    if bad:
        raise bad[0][1]
    return points


VALUES = st.one_of(
    st.text(max_size=20),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
    st.booleans(),
    st.none(),
    st.lists(st.integers(), max_size=2),
)
TIMES = st.one_of(st.integers(-5, 253_402_300_799_999), st.none(), st.text(max_size=3), st.floats(0, 10))
READINGS = st.fixed_dictionaries({"value": VALUES}, optional={"time": TIMES, "tmie": st.integers()})


@given(st.one_of(READINGS, st.lists(READINGS, max_size=4), VALUES))
def test_the_hot_path_takes_what_the_contract_takes(body):
    encoded = json.dumps(body).encode()
    try:
        expected = SERIES.validate_json(encoded)
    except ValidationError:
        with pytest.raises(Invalid):
            strictly(encoded)
        return
    points = strictly(encoded)
    readings = [expected] if isinstance(expected, Reading) else expected
    times = [None if point.implicit else point.time for point in points]
    assert times == [reading.time for reading in readings]
    for point, reading in zip(points, readings, strict=True):
        ours = json.loads(point.value)
        if isinstance(reading.value, dict) or ours == reading.value:
            assert ours == reading.value
        else:  # a number keeps the digits that it was published with
            assert float(ours) == float(reading.value)


def test_a_number_keeps_its_digits():
    assert strictly(b'{"value": 36.50, "time": 1}')[0].value == b'"36.50"'


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b'{"value":"\xff"}', b"[" * 100_000, b'{"value":"1"', b'{"value":"\\x"}']
)
def test_what_is_no_json_is_invalid_and_harmless(body):
    with pytest.raises(Invalid):
        strictly(body)


@given(
    st.fixed_dictionaries(
        {"value": st.sampled_from(["on", "off", "err", "ON", "", 1])},
        optional={"validDuration": st.one_of(st.integers(-1, 10**8), st.text(max_size=2), st.none())},
    )
)
def test_a_status_is_what_the_contract_says(body):
    encoded = json.dumps(body).encode()
    try:
        expected = Status.model_validate_json(encoded)
    except ValidationError:
        with pytest.raises(Invalid):
            decode_status(encoded)
        return
    assert decode_status(encoded) == (expected.value, expected.valid_duration)


def test_one_bad_element_does_not_stop_the_others():
    body = b'[{"value":"1","time":5},{"value":null,"time":6},{"valeu":"2"},7,{"value":"3","time":7}]'
    points, bad = points_of(Delivery(1, "s", body, 0), ANY_TIME)
    assert [point.index for point in points] == [0, 4]
    assert [index for index, _ in bad] == [1, 2, 3]


@pytest.mark.parametrize(
    "value",
    [["aéééééééééééé"], ["a" + "é" * 30], ["é" * 30], ["\\ud800" * 30], [[]], True, None, ["é" * 200_000]],
)
def test_a_value_of_any_form_is_a_bad_element_and_no_exception(value):
    body = json.dumps([{"value": value}, {"value": "1"}], ensure_ascii=False).encode("utf-8", "surrogatepass")
    points, bad = points_of(Delivery(1, "s", body, 0), ANY_TIME)
    assert [point.index for point in points] == [1]
    assert bad[0][1].reason is Reason.INVALID_VALUE


@pytest.mark.parametrize(
    ("time", "reason", "hint"),
    [
        (1_830_297_600_000, Reason.FUTURE_TIME, ""),
        (NOW + 900_001, Reason.FUTURE_TIME, ""),
        (1_648_731_311, Reason.INVALID_TIME, "it looks like s"),
        (1_648_731_311_000_000, Reason.FUTURE_TIME, "it looks like µs"),
        (1_648_731_311_000_000_000, Reason.FUTURE_TIME, "it looks like ns"),
        (0, Reason.INVALID_TIME, ""),
        (-1, Reason.INVALID_TIME, ""),
        (9_223_372_036_854_775_807, Reason.FUTURE_TIME, ""),
    ],
)
def test_a_wrong_clock_is_told_before_any_request(time, reason, hint):
    points, bad = points_of(at(time), BOUNDS)
    assert not points
    assert bad[0][1].reason is reason
    assert hint in bad[0][1].detail


@pytest.mark.parametrize("time", [946_684_800_000, NOW, NOW + 900_000])
def test_a_time_within_the_bounds_is_sent(time):
    assert points_of(at(time), BOUNDS)[0][0].time == time
