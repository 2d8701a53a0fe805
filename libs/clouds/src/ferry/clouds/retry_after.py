"""Parses Retry-After in its two legal forms (RFC 9110 section 10.2.3). Pure."""

import re
from datetime import UTC, datetime
from time import time

LONGEST_WAIT_S = 86_400.0 * 366
"""What a huge Retry-After counts as; who waits has a bound of its own."""

_DELAY = re.compile(r"[0-9]+", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_CLOCK = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_DATES = tuple(
    re.compile(form, re.ASCII)
    for form in (
        rf"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_CLOCK} GMT",  # IMF-fixdate
        rf"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_CLOCK} GMT",  # RFC 850
        rf"{_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_CLOCK} (?P<year>[0-9]{{4}})",  # asctime
    )
)
_HALF_CENTURY = 50


def retry_after_s(value: str | None, date: str | None = None, now_s: float | None = None) -> float | None:
    """Seconds to wait, from the two forms of RFC 9110 section 10.2.3; None for anything else. Never raises.

    A date is measured against the answer's own `date` header where that can be read, so that clocks may differ; else
    against `now_s`, Unix seconds. At most 366 days.
    """
    text = (value or "").strip(" \t")
    if _DELAY.fullmatch(text):
        digits = text.lstrip("0")
        return min(float(digits or 0), LONGEST_WAIT_S) if len(digits) < 10 else LONGEST_WAIT_S  # noqa: PLR2004
    now = time() if now_s is None else now_s
    until = _http_date(text, now)
    if until is None:
        return None
    said = _http_date((date or "").strip(" \t"), now)
    return min(max(0.0, until - (now if said is None else said)), LONGEST_WAIT_S)


def _http_date(text: str, now_s: float) -> float | None:
    """Unix seconds of an HTTP-date (RFC 9110 section 5.6.7), its two obsolete forms included."""
    found = next((match for form in _DATES if (match := form.fullmatch(text))), None)
    if found is None:
        return None
    year = int(found["year"])
    second = 59 if found["second"] == "60" else int(found["second"])  # a leap second
    try:
        if len(found["year"]) == len("94"):
            this_year = datetime.fromtimestamp(now_s, UTC).year
            year += this_year // 100 * 100
            year -= 100 if year > this_year + _HALF_CENTURY else 0
        moment = datetime(
            year,
            _MONTHS.index(found["month"]) + 1,
            int(found["day"]),
            int(found["hour"]),
            int(found["minute"]),
            second,
            tzinfo=UTC,
        )
    except (ValueError, OverflowError, OSError):
        return None
    return moment.timestamp()
