"""Retry-After: two legal forms (RFC 9110 section 10.2.3), all else is ignored."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferry.clouds.retry_after import LONGEST_WAIT_S, retry_after_s

NOW_S = datetime(1994, 11, 6, 8, 49, 7, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("007", 7),
        (" 7\t", 7),
        ("0" * 10_000, 0),
        ("9" * 9, LONGEST_WAIT_S),
        ("9" * 10_000, LONGEST_WAIT_S),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 30),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 30),
        ("Sun Nov  6 08:49:37 1994", 30),
        ("Wed Nov 16 08:49:07 1994", 864_000),
        ("Sun, 06 Nov 1994 08:49:60 GMT", 52),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT_S),
        ("Sunday, 06-Nov-45 08:49:37 GMT", 0),
    ],
)
def test_a_legal_one_is_a_wait_in_seconds(value, seconds):
    assert retry_after_s(value, None, NOW_S) == seconds


@pytest.mark.parametrize(
    "value",
    [
        None, "", " ", "1e9", "nan", "inf", "-5", "+5", "1.5", "1,5", "0x10", "1_000", "120, 120", "5 s", "soon",
        "\u0661\u0662", "\uff11", "\u00b2", "1\n", "1\r\n2", "\x001", "1\x00", "\x0b1",
        "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 +0000",
        "sun, 06 nov 1994 08:49:37 gmt", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT", "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
        "1994-11-06T08:49:37Z", "Sun, 99999999999999999999 Nov 1994 08:49:37 GMT", "Nov 6", "0 0 0 0 0 99999999999",
    ],
)  # fmt: skip
def test_all_else_is_ignored(value):
    assert retry_after_s(value, None, NOW_S) is None


def test_a_date_is_measured_against_the_answers_own_clock():
    until = "Sun, 06 Nov 1994 08:49:37 GMT"
    assert retry_after_s(until, "Sun, 06 Nov 1994 08:49:27 GMT", NOW_S - 86_400) == 10
    assert retry_after_s(until, "rubbish", NOW_S) == 30
    assert retry_after_s("Fri, 01 Jan 2027 00:00:00 GMT", "Thu, 31 Dec 2026 23:59:00 GMT") == 60


@given(st.text(), st.text(), st.none() | st.floats(allow_nan=True))
def test_nothing_raises(value, date, now_s):
    waited = retry_after_s(value, date, now_s)
    assert waited is None or 0 <= waited <= LONGEST_WAIT_S


@given(st.integers(0), st.none() | st.floats())
def test_a_date_with_any_clock_raises_nothing(year, now_s):
    retry_after_s(f"Sunday, 06-Nov-{year % 100:02} 08:49:37 GMT", None, now_s)
