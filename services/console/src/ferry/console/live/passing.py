"""Traffic of the gateways that are being viewed: the last message of each sensor, and rates."""

import asyncio
import json
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ferry.console.bus import Bus
from ferry.contract.subjects import PREFIX, parse_published

MOST_GATEWAYS = 16
"""Looked at once; the one that was looked at longest ago is forgotten first."""
IDLE_S = 900.0
"""How long a gateway is followed after the last look."""
MOST_SENSORS = 2000
"""Of one gateway; the one that was heard longest ago is forgotten first."""
MOST_BODY = 16 * 1024
"""Bytes of a body that is read."""
LONGEST_VALUE = 100
RATE_S = 10


@dataclass(frozen=True, slots=True)
class Published:
    """`at` in Unix ms. `text` is its last value, or why there is none."""

    at: int
    text: str


@dataclass(slots=True)
class Heard:
    """Of one gateway since `since`, in Unix ms. Statuses and readings are kept by sensor, "" for the gateway's own."""

    since: int
    looked_at: float
    stop: Callable[[], Awaitable[None]]
    readings: OrderedDict[str, Published] = field(default_factory=OrderedDict)
    statuses: OrderedDict[str, Published] = field(default_factory=OrderedDict)
    seconds: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=RATE_S + 1))
    """A second, and how many messages it had."""

    def take(self, subject: str, body: bytes) -> None:
        """Never raises: a publisher may publish anything, anywhere below its gateway."""
        now_ms = int(time.time() * 1000)
        second = now_ms // 1000
        if self.seconds and self.seconds[-1][0] == second:
            self.seconds[-1] = (second, self.seconds[-1][1] + 1)
        else:
            self.seconds.append((second, 1))
        try:
            address = parse_published(subject)
        except ValueError:
            return
        kept = self.readings if address.kind == "series" else self.statuses
        sensor = address.sensor or ""
        kept[sensor] = Published(now_ms, _value(body))
        kept.move_to_end(sensor)
        if len(kept) > MOST_SENSORS:
            kept.popitem(last=False)

    def per_s(self, now_ms: int) -> float | None:
        """Messages a second, over the last whole seconds; None before there is one."""
        end = now_ms // 1000
        begin = max(end - RATE_S, self.since // 1000 + 1)
        if end <= begin:
            return None
        return sum(count for second, count in self.seconds if begin <= second < end) / (end - begin)


class Passing:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._heard: OrderedDict[str, Heard] = OrderedDict()
        self._lock = asyncio.Lock()

    async def of(self, gateway: str) -> Heard:
        """What was heard of it, from now on if nobody looked at it of late. Raises ProblemError."""
        async with self._lock:
            heard = self._heard.get(gateway)
            if heard is None:
                heard = Heard(int(time.time() * 1000), 0.0, _nothing)
                heard.stop = await self._bus.listen(f"{PREFIX}.gateways.{gateway}.>", heard.take)
                self._heard[gateway] = heard
            heard.looked_at = time.monotonic()
            self._heard.move_to_end(gateway)
            await self._forget()
        return heard

    async def _forget(self) -> None:
        before = time.monotonic() - IDLE_S
        while self._heard:
            gateway, oldest = next(iter(self._heard.items()))
            if len(self._heard) <= MOST_GATEWAYS and oldest.looked_at >= before:
                return
            del self._heard[gateway]
            await oldest.stop()


async def _nothing() -> None:
    """Before the bus listens."""


def _value(body: bytes) -> str:
    """The value of a publication, of an array its last."""
    if len(body) > MOST_BODY:
        return f"{len(body)} bytes, too large to show"
    try:
        said = json.loads(body)
        last = said[-1] if isinstance(said, list) else said
        value = last["value"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return "not a reading"
    text = value if isinstance(value, str) else json.dumps(value)
    return text[:LONGEST_VALUE]
