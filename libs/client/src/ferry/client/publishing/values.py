"""Converts a program's numbers, times and rows to the contract's JSON. Pure."""

import json
import math
import numbers
import time
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

from ferry.contract.readings import MAX_TIME

Value = str | int | float | Decimal | Mapping[str, Any]
Time = int | datetime
MS = 1000
STEP_MS = 1000
"""Readings closer than this get distinct times; a clock that jumped back further is followed."""


def reading_json(value: object, time_ms: int) -> bytes:
    """One reading of the contract. Raises ValueError, which says what is wrong with the value or its time."""
    if not 0 <= time_ms <= MAX_TIME:
        raise ValueError(f"time is in Unix ms; {time_ms} is not a plausible time")
    shown = _value_json(value)
    try:
        return f'{{"value":{shown},"time":{time_ms}}}'.encode()
    except UnicodeEncodeError:
        raise ValueError("the value is not valid text") from None


def _value_json(value: object) -> str:
    if type(value) is int or (type(value) is float and math.isfinite(value)):  # what most are
        return f'"{value!r}"'
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, Mapping):
        try:
            return json.dumps(dict(value), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"the value is not a JSON object: {error}") from None
    return f'"{_number(value)}"'


def _string(value: str) -> str:
    return encode_basestring(value)


def _number(value: Any) -> str:
    """Its digits as Python writes them: numpy's numbers are numbers, a bool is not."""
    if type(value).__name__ in {"bool", "bool_"}:
        raise ValueError("a bool is not a value: send 'on', '1' or a status")
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return repr(float(value))
    elif isinstance(value, numbers.Real) and math.isfinite(float(value)):
        return str(value)  # numpy's float32 has the digits that it holds
    shown = str(value) if isinstance(value, float | Decimal) else type(value).__name__
    raise ValueError(f"a value is a number, a string or an object; this is {shown}")


def time_ms(moment: Any) -> int:
    """Unix ms of an int or an aware datetime (pandas' too). Raises ValueError."""
    if type(moment) is int:
        return moment
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ValueError("a time needs a time zone, such as UTC")
        return round(moment.timestamp() * MS)
    if isinstance(moment, numbers.Integral) and type(moment).__name__ != "bool":
        return int(moment)
    raise ValueError(f"a time is Unix ms or a datetime with a zone; this is {type(moment).__name__}")


class Clock:
    """Gives each sensor's readings without a time one of this machine's, each later than the one before."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def now_ms(self, subject: str) -> int:
        return self.at(subject, time.time_ns() // 1_000_000)

    def at(self, subject: str, now: int) -> int:
        last = self._last.get(subject, 0)
        if now <= last < now + STEP_MS:
            now = last + 1
        self._last[subject] = now
        return now
