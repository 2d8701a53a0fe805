"""What publishers put on the bus: series and status."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter

from ferry.contract.model import Request

MAX_READINGS = 1000
MAX_TIME = 253_402_300_799_999
"""The last ms of the year 9999: a later `time` was not meant in ms."""


def _as_text(value: Any) -> Any:
    """A number is taken and sent on as a string (guide, chapter 9); a bool is not a number."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class Reading(Request):
    """One measured value. `time` is in Unix ms; without it, the moment that the bus took the message."""

    value: Annotated[str | dict[str, Any], BeforeValidator(_as_text)]
    time: Annotated[int, Field(strict=True, ge=0, le=MAX_TIME)] | None = None


class Status(Request):
    """The state of a gateway or sensor. `validDuration` is in s; without, 1.5 times `reportInterval`."""

    value: Literal["on", "off", "err"]
    valid_duration: Annotated[int, Field(strict=True, gt=0, le=31_536_000)] | None = None


Series = Annotated[list[Reading], Field(min_length=1, max_length=MAX_READINGS)] | Reading
SERIES: TypeAdapter[list[Reading] | Reading] = TypeAdapter(Series)
