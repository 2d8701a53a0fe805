"""Bodies from publishers, on the hot path: msgspec, where the contract's pydantic models would cost ten times.

A contract test holds both to the same answers.
"""

from typing import Any, Literal

import msgspec

from ferry.contract.dead import Reason
from ferry.contract.readings import MAX_READINGS, MAX_TIME

MAX_VALID_DURATION_S = 31_536_000


class Point(msgspec.Struct, frozen=True):
    """`time` in Unix ms, or None for the moment that the bus took it; `value` as the JSON that is sent."""

    time: int | None
    value: bytes


class Invalid(Exception):  # noqa: N818 - the domain's word for what is not sent
    """A publication that no cloud can take. `detail` is for its dead letter."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class _Reading(msgspec.Struct, forbid_unknown_fields=True):
    value: msgspec.Raw
    time: int | None = None


class _Status(msgspec.Struct, forbid_unknown_fields=True):
    value: Literal["on", "off", "err"]
    validDuration: int | None = None  # noqa: N815 - the guide's name


_readings = msgspec.json.Decoder(list[_Reading] | _Reading)
_status = msgspec.json.Decoder(_Status)
_text = msgspec.json.Decoder(str)
_object = msgspec.json.Decoder()
_QUOTE, _BRACE = ord('"'), ord("{")
_NUMBER_STARTS = frozenset(b"-0123456789")


def decode_series(body: bytes) -> list[Point]:
    """Raises Invalid: not JSON, not a series, a time that is none, a value that is no string, number or object."""
    try:
        read = _readings.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Invalid(Reason.INVALID_BODY, str(error)[:300]) from None
    if isinstance(read, _Reading):
        return [_point(read)]
    if not 1 <= len(read) <= MAX_READINGS:
        raise Invalid(Reason.INVALID_BODY, f"an array has 1 to {MAX_READINGS} readings, this one {len(read)}")
    return [_point(reading) for reading in read]


def _point(reading: _Reading) -> Point:
    time = reading.time
    if time is not None and not 0 <= time <= MAX_TIME:
        raise Invalid(Reason.INVALID_BODY, f"time {time} is no Unix time in ms")
    raw = bytes(reading.value)
    first = raw[0]
    if first == _QUOTE:
        if b"\\" in raw or not (raw.isascii() and raw.decode("ascii").isprintable()):
            _checked(_text, raw)
        return Point(time, raw)
    if first in _NUMBER_STARTS:
        return Point(time, b'"' + raw + b'"')
    if first == _BRACE:
        _checked(_object, raw)
        return Point(time, raw)
    raise Invalid(
        Reason.INVALID_VALUE, f"value is {raw[:20].decode()}: it must be a string, number or object"
    )


def _checked(decoder: "msgspec.json.Decoder[Any]", raw: bytes) -> None:
    """What msgspec passes on raw is not yet known to be well-formed text."""
    try:
        decoder.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Invalid(Reason.INVALID_BODY, str(error)[:300]) from None


def decode_status(body: bytes) -> tuple[str, int | None]:
    """The value and its `validDuration` in s. Raises Invalid."""
    try:
        status = _status.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Invalid(Reason.INVALID_BODY, str(error)[:300]) from None
    valid_s = status.validDuration
    if valid_s is not None and not 0 < valid_s <= MAX_VALID_DURATION_S:
        raise Invalid(Reason.INVALID_BODY, f"validDuration {valid_s} is not within a year, in s")
    return status.value, valid_s
