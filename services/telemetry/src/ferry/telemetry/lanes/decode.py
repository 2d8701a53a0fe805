"""Bodies from publishers, on the hot path: msgspec, where the contract's pydantic models would cost ten times.

A contract test holds both to the same answers.
"""

import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from ferry.contract.dead import Reason
from ferry.contract.readings import MAX_READINGS

MAX_VALID_DURATION_S = 31_536_000
SHOWN = 40
"""Characters of a wrong value that a dead letter shows."""


class Invalid(Exception):  # noqa: N818 - the domain's word for what is not sent
    """A publication, or one element of it, that no cloud can take. `detail` is for its dead letter."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Reading(msgspec.Struct, forbid_unknown_fields=True):
    """`time` in Unix ms, or None for the moment that the bus stored it; `value` as JSON."""

    value: msgspec.Raw
    time: int | None = None


class _Status(msgspec.Struct, forbid_unknown_fields=True):
    value: Literal["on", "off", "err"]
    validDuration: int | None = None  # noqa: N815 - the guide's name


_readings = msgspec.json.Decoder(list[Reading] | Reading)
_elements = msgspec.json.Decoder(list[msgspec.Raw])
_reading = msgspec.json.Decoder(Reading)
_status = msgspec.json.Decoder(_Status)
_text = msgspec.json.Decoder(str)
_object = msgspec.json.Decoder()
_PLAIN = re.compile(rb'"[ !#-\[\]-~]*"')
"""A string of printable ASCII without an escape: the common case."""
_QUOTE, _BRACE = ord('"'), ord("{")
_NUMBER_STARTS = frozenset(b"-0123456789")
_UNREADABLE = (msgspec.MsgspecError, RecursionError, ValueError)  # UnicodeDecodeError is a ValueError


def decode_series(body: bytes) -> Sequence[Reading | Invalid]:
    """Each element, or what is wrong with it: one bad element does not stop the others.

    Raises Invalid where the body as a whole is not a series.
    """
    try:
        found: list[Reading] | Reading = _readings.decode(body)
    except _UNREADABLE as error:
        return _each(body, error)
    if isinstance(found, Reading):
        return [found]
    _check_length(len(found))
    return found


def _each(body: bytes, error: Exception) -> list[Reading | Invalid]:
    if body.lstrip()[:1] != b"[":
        raise Invalid(Reason.INVALID_BODY, str(error)[:300]) from None
    try:
        elements = _elements.decode(body)
    except _UNREADABLE as broken:
        raise Invalid(Reason.INVALID_BODY, str(broken)[:300]) from None
    _check_length(len(elements))
    return [_element(raw) for raw in elements]


def _element(raw: msgspec.Raw) -> Reading | Invalid:
    try:
        return _reading.decode(raw)
    except _UNREADABLE as error:
        return Invalid(Reason.INVALID_BODY, str(error)[:300])


def _check_length(length: int) -> None:
    if not 1 <= length <= MAX_READINGS:
        raise Invalid(
            Reason.INVALID_BODY, f"an array must have 1 to {MAX_READINGS} readings, this one has {length}"
        )


def value_json(raw: bytes) -> bytes:
    """The value as it is sent: a number becomes a string with the same digits. Raises Invalid."""
    if _PLAIN.fullmatch(raw):
        return raw
    first = raw[0]
    if first == _QUOTE:
        _check(_text, raw)
        return raw
    if first in _NUMBER_STARTS:
        return b'"' + raw + b'"'
    if first == _BRACE:
        _check(_object, raw)
        return raw
    shown = raw[:SHOWN].decode("utf-8", "backslashreplace")
    raise Invalid(Reason.INVALID_VALUE, f"value is {shown}: it must be a string, a number or an object")


def _check(decoder: "msgspec.json.Decoder[Any]", raw: bytes) -> None:
    """Raw is passed on by msgspec without a look at its text."""
    try:
        decoder.decode(raw)
    except _UNREADABLE as error:
        raise Invalid(Reason.INVALID_BODY, str(error)[:300]) from None


def decode_status(body: bytes) -> tuple[str, int | None]:
    """The value and its `validDuration` in s. Raises Invalid."""
    try:
        status = _status.decode(body)
    except _UNREADABLE as error:
        raise Invalid(Reason.INVALID_BODY, str(error)[:300]) from None
    valid_s = status.validDuration
    if valid_s is not None and not 0 < valid_s <= MAX_VALID_DURATION_S:
        raise Invalid(
            Reason.INVALID_BODY, f"validDuration is {valid_s}: it must be between 1 s and a year, in s"
        )
    return status.value, valid_s
