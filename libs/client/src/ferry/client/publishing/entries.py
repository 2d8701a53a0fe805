"""What a program says of one sensor or gateway, as entries for its lane. Pure but for the clock."""

from collections.abc import Iterable, Iterator, Mapping

from ferry.client.publishing.batches import MOST_BYTES
from ferry.client.publishing.ports import NO_HEADERS, Entry, Headers
from ferry.client.publishing.values import Clock, reading_json, time_ms
from ferry.contract.readings import MAX_READINGS, Reading, Status
from ferry.contract.topology import MAX_BODY

_PLAIN = frozenset({int, float, str})
"""Known without a look at their classes."""


def readings(
    subject: str, value: object, time: object, clock: Clock, headers: Headers = NO_HEADERS
) -> list[Entry]:
    """One value, or an iterable of `Reading`, `(value, time)` and plain values. Raises ValueError."""
    if isinstance(value, str | Mapping | Reading) or not isinstance(value, Iterable):
        parts: Iterable[bytes] = [part(subject, value, time, clock)]
    elif time is not None:
        raise ValueError("several readings have a time each: give (value, time) pairs")
    else:
        parts = (part(subject, *_pair(one), clock) for one in value)
    made = list(split(subject, parts, headers))
    if not made:
        raise ValueError("it contains no reading")
    return made


def _pair(one: object) -> tuple[object, object]:
    if isinstance(one, tuple | list):
        if len(one) != 2:  # noqa: PLR2004 - a pair
            raise ValueError(f"a reading is a value or (value, time), not {len(one)} things")
        return one[0], one[1]
    return one, None


def part(subject: str, value: object, time: object, clock: Clock) -> bytes:
    if type(value) not in _PLAIN and isinstance(value, Reading):
        time = value.time if time is None else time
        value = value.value
    made = reading_json(value, clock.now_ms(subject) if time is None else time_ms(time))
    if len(made) > MAX_BODY:
        raise ValueError(f"a reading has at most {MAX_BODY} bytes, this one has {len(made)}")
    return made


def split(subject: str, parts: Iterable[bytes], headers: Headers = NO_HEADERS) -> Iterator[Entry]:
    """Entries within the contract's bounds, in order."""
    taken: list[bytes] = []
    size = 0
    for one in parts:
        if taken and (len(taken) == MAX_READINGS or size + len(one) > MOST_BYTES):
            yield Entry(subject, taken, headers)
            taken, size = [], 0
        taken.append(one)
        size += len(one) + 1
    if taken:
        yield Entry(subject, taken, headers)


def status(subject: str, value: str, valid_s: int | None, headers: Headers = NO_HEADERS) -> Entry:
    """Raises ValueError (pydantic's ValidationError is one)."""
    made = Status.model_validate({"value": value, "validDuration": valid_s})
    return Entry(subject, [made.model_dump_json(exclude_none=True).encode()], headers)
