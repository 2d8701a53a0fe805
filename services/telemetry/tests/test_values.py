"""When a value that was sent and one that a cloud shows are the same."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferry.telemetry.lanes.values import same_json, same_value

SAME: list[tuple[Any, Any]] = [
    *(("36.50", "36.50"), ("36.50", 36.5), ("36.50", "36.5"), ("1.0", 1), ("1e3", "1000"), ("-0", 0)),
    *(("0.1", 0.1), ("12345678901234567890", 1.2345678901234567e19), ("", ""), ("on", "on"), ("é", "é")),
    *(({"lat": 1, "lng": [2]}, {"lng": [2], "lat": 1}), ({"a": 1}, '{"a": 1}'), ({}, {})),
]
OTHER: list[tuple[Any, Any]] = [
    *(("36.50", 36.51), ("36.5", "36.51"), ("1", True), ("1", None), ("on", "off"), ("", "0"), ("1", [1])),
    *(("12345678901234567890", "12345678901234567891"), ("nan", float("nan")), ("inf", float("inf"))),
    *(({"a": 1}, {"a": 2}), ({"a": 1}, "{"), ({"a": 1}, "[" * 100_000), ({"a": 1}, 1), ("x", {"a": 1})),
    *(("1" * 100, "1" * 99 + "2"), ("1e400", 1e308), ("0x10", 16), ("1_0", 11), ("", None)),
]


@pytest.mark.parametrize(("sent", "shown"), SAME)
def test_they_are_the_same_however_they_are_written(sent, shown):
    assert same_value(json.dumps(sent).encode(), shown)


@pytest.mark.parametrize(("sent", "shown"), OTHER)
def test_they_are_two(sent, shown):
    assert not same_value(json.dumps(sent).encode(), shown)


@pytest.mark.parametrize("rubbish", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_like_nothing_else(rubbish):
    assert not same_value(rubbish, "1")
    assert not same_json(rubbish, b'"1"')
    assert same_json(rubbish, rubbish)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=3))
def test_a_number_is_itself_in_every_form(number):
    sent = json.dumps(str(number)).encode()
    for shown in (str(number), str(number.normalize()), float(number), str(number + Decimal(0))):
        assert same_value(sent, shown)


@given(
    st.text(), st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())
)
def test_nothing_raises(sent, shown):
    same_value(json.dumps(sent).encode(), shown)
    same_json(json.dumps(sent).encode(), json.dumps(str(shown)).encode())
