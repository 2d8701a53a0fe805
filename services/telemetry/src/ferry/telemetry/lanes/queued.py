"""A lane's points in flight, and the deliveries that wait for them."""

import msgspec

from ferry.telemetry.stream.delivery import Cause, Delivery

FRAME = 34
"""Bytes of a point in a request beside its value."""


class QueuedPoint(msgspec.Struct, eq=False):
    """One point to send: `time` in Unix ms, `value` as JSON, element `index` of its message.

    `implicit`: it was published without a time; until it leaves, `time` is the moment that the bus stored it.
    `equal` are the same point, published again.
    """

    time: int
    value: bytes
    delivery: Delivery
    index: int
    implicit: bool
    equal: "list[QueuedPoint] | None" = None

    @property
    def deliveries(self) -> list[Delivery]:
        return [self.delivery, *(point.delivery for point in self.equal or ())]

    def finish(self) -> list[Delivery]:
        """The point's outcome is final; the deliveries whose last open point it was."""
        self.delivery.open -= 1
        if self.equal is None:
            return [] if self.delivery.open else [self.delivery]
        for equal in self.equal:
            equal.delivery.open -= 1
        return [delivery for delivery in dict.fromkeys(self.deliveries) if not delivery.open]

    def fail(self, cause: Cause) -> list[Delivery]:
        """The point cannot be delivered; the deliveries whose last open point it was."""
        for each in (self, *(self.equal or ())):
            each.delivery.fail(each.index, cause)
        return self.finish()


def chunks(points: list[QueuedPoint], max_points: int, max_bytes: int) -> list[list[QueuedPoint]]:
    """Arrays of at most so many points and bytes, in order; a larger single point goes alone."""
    if len(points) <= max_points and sum([len(point.value) + FRAME for point in points]) <= max_bytes:
        return [points]
    cut: list[list[QueuedPoint]] = [[]]
    size = 0
    for point in points:
        of_point = len(point.value) + FRAME
        if cut[-1] and (len(cut[-1]) >= max_points or size + of_point > max_bytes):
            cut.append([])
            size = 0
        cut[-1].append(point)
        size += of_point
    return cut


def body_of(points: list[QueuedPoint]) -> bytes:
    """The guide's body, chapter 9: one object, or an array of them."""
    parts = [b'{"value":%b,"time":%d}' % (point.value, point.time) for point in points]
    return parts[0] if len(parts) == 1 else b"[" + b",".join(parts) + b"]"
