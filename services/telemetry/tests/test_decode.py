import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ferry.contract.readings import SERIES, Reading, Status
from ferry.telemetry.decode import Invalid, decode_series, decode_status

VALUES = st.one_of(
    st.text(max_size=20),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
    st.booleans(),
    st.none(),
    st.lists(st.integers(), max_size=2),
)
TIMES = st.one_of(st.integers(-5, 253_402_300_800_000), st.none(), st.text(max_size=3), st.floats(0, 10))
READINGS = st.fixed_dictionaries({"value": VALUES}, optional={"time": TIMES, "tmie": st.integers()})


@given(st.one_of(READINGS, st.lists(READINGS, max_size=4), VALUES))
def test_the_hot_path_takes_what_the_contract_takes(body):
    encoded = json.dumps(body).encode()
    try:
        expected = SERIES.validate_json(encoded)
    except ValidationError:
        with pytest.raises(Invalid):
            decode_series(encoded)
        return
    points = decode_series(encoded)
    readings = [expected] if isinstance(expected, Reading) else expected
    assert [point.time for point in points] == [reading.time for reading in readings]
    for point, reading in zip(points, readings, strict=True):
        ours = json.loads(point.value)
        if isinstance(reading.value, dict) or ours == reading.value:
            assert ours == reading.value
        else:  # a number keeps the digits that it was published with
            assert float(ours) == float(reading.value)


def test_a_number_keeps_its_digits():
    assert decode_series(b'{"value": 36.50, "time": 1}')[0].value == b'"36.50"'


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b'{"value":"\xff"}', b"[" * 100_000, b'{"value":"1"', b'{"value":"\\x"}']
)
def test_what_is_no_json_is_invalid_and_harmless(body):
    with pytest.raises(Invalid):
        decode_series(body)


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
