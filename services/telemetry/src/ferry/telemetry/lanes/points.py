"""Splits a publication's readings into points that can be sent and errors of the others. Pure."""

import msgspec

from ferry.telemetry.lanes.decode import Invalid, decode_series, value_json
from ferry.telemetry.lanes.times import TimeBounds


class Point(msgspec.Struct, frozen=True):
    """`time` in Unix ms, or None for the moment that the bus stored it; `value` as the JSON that is sent."""

    time: int | None
    value: bytes
    index: int


def points_of(
    body: bytes, stored_ms: int, bounds: TimeBounds
) -> tuple[list[Point], list[tuple[int, Invalid]]]:
    """The good elements, and the bad ones by index. Raises Invalid where the body as a whole is not a series."""
    points: list[Point] = []
    bad: list[tuple[int, Invalid]] = []
    for index, reading in enumerate(decode_series(body)):
        if isinstance(reading, Invalid):
            bad.append((index, reading))
            continue
        try:
            if reading.time is not None:
                bounds.check(reading.time, stored_ms)
            points.append(Point(reading.time, value_json(bytes(reading.value)), index))
        except Invalid as invalid:
            bad.append((index, invalid))
    return points, bad
