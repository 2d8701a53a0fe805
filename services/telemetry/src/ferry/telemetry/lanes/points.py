"""Splits a publication's readings into points that can be sent and errors of the others. Pure."""

from ferry.telemetry.lanes.decode import Invalid, Reading, decode_series, value_json
from ferry.telemetry.lanes.queued import QueuedPoint
from ferry.telemetry.lanes.times import TimeBounds
from ferry.telemetry.stream.delivery import Delivery


def points_of(delivery: Delivery, bounds: TimeBounds) -> tuple[list[QueuedPoint], list[tuple[int, Invalid]]]:
    """The good elements, and the bad ones by index. Raises Invalid where the body as a whole is not a series."""
    points: list[QueuedPoint] = []
    bad: list[tuple[int, Invalid]] = []
    for index, reading in enumerate(decode_series(delivery.body)):
        if isinstance(reading, Invalid):
            bad.append((index, reading))
            continue
        try:
            points.append(_point(delivery, index, reading, bounds))
        except Invalid as invalid:
            bad.append((index, invalid))
    return points, bad


def _point(delivery: Delivery, index: int, reading: Reading, bounds: TimeBounds) -> QueuedPoint:
    """Without a time it gets one as it leaves its lane, unless it is replayed: its time was then. Raises Invalid."""
    time = reading.time
    implicit = time is None and not delivery.replayed
    if time is not None:
        bounds.check(time, delivery.published_ms)
    else:
        time = delivery.published_ms + index
    return QueuedPoint(time, value_json(bytes(reading.value)), delivery, index, implicit)
