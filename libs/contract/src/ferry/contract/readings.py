"""What publishers send: series and status."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, WithJsonSchema

from ferry.contract.model import Request

MAX_READINGS = 1000
MAX_TIME = 253_402_300_799_999
"""The last ms of the year 9999: a later `time` is not in ms."""


def _as_text(value: Any) -> Any:
    """A number is accepted and sent on as a string (guide, chapter 9); a bool is not a number."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Value = Annotated[
    str | dict[str, Any],
    BeforeValidator(_as_text),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "object"}]}),
]


class Reading(Request):
    """One measured value."""

    value: Value
    """A string, a number (sent on as a string with its digits unchanged) or an object."""
    time: Annotated[int, Field(strict=True, ge=0, le=MAX_TIME)] | None = None
    """In Unix ms; by default the time at which the bus stored the message."""


class Status(Request):
    """The state of a gateway or sensor."""

    value: Literal["on", "off", "err"]
    valid_duration: Annotated[int, Field(strict=True, gt=0, le=31_536_000)] | None = None
    """How long it is valid, in s; by default 1.5 times the gateway's `reportInterval`."""


Readings = Annotated[list[Reading], Field(min_length=1, max_length=MAX_READINGS)]
Series = Readings | Reading
SERIES: TypeAdapter[list[Reading] | Reading] = TypeAdapter(Series)
