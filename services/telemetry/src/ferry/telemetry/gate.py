"""Who may send now: the limiter's free places, unless the breaker is open or the cloud asked for quiet."""

import asyncio
from collections import deque

from ferry.telemetry.breaker import Breaker
from ferry.telemetry.limiter import Limiter

TICK_S = 0.001


class Gate:
    """Enter before a request, leave with what came of it. First come, first served. Times in s."""

    def __init__(self, limiter: Limiter, breaker: Breaker) -> None:
        self.limiter = limiter
        self.breaker = breaker
        self.last_good = 0.0
        self.last_good_lane = ""
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def open(self) -> bool:
        """Whether new work makes sense; a closed gate lets the backlog wait in the stream."""
        return self.breaker.state == "closed" and self._loop.time() >= self.breaker.until

    async def enter(self) -> None:
        if not self._waiting and self._admits():
            self.limiter.in_use += 1
            return
        mine = self._loop.create_future()
        self._waiting.append(mine)
        self._wake()
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self.abandon()
            raise

    def _admits(self) -> bool:
        probing = self.breaker.state == "half_open"
        return self.limiter.free and not probing and self.breaker.allows(self._loop.time())

    def abandon(self) -> None:
        """Leaves without a request: a probe that was not sent must not keep the breaker half open for ever."""
        self.limiter.in_use -= 1
        if self.breaker.state == "half_open":
            self.breaker.state = "open"
        self._wake()

    def leave_good(self, lane: str) -> None:
        self.limiter.in_use -= 1
        self.limiter.good()
        self.breaker.good()
        self.last_good = self._loop.time()
        self.last_good_lane = lane
        if self._waiting:
            self._wake()

    def leave_failed(self, lane: str, retry_after_s: float | None) -> None:
        """A passing failure: the limiter and the breaker learn from it."""
        now = self._loop.time()
        self.limiter.in_use -= 1
        self.limiter.overloaded()
        self.breaker.failed(lane, now)
        if retry_after_s is not None:
            self.breaker.pause(now, retry_after_s)
        self._wake()

    def pause(self, for_s: float) -> None:
        self.breaker.pause(self._loop.time(), for_s)

    def _wake(self) -> None:
        while self._somebody_waits() and self._admits():
            self.limiter.in_use += 1
            self._waiting.popleft().set_result(None)
        # Whom no request that is on its way will wake, the clock must: also when it has ticked since `_admits`.
        on_its_way = self.breaker.state == "half_open" or not self.limiter.free
        if self._waiting and not on_its_way and self._timer is None:
            wait_s = max(TICK_S, self.breaker.until - self._loop.time())
            self._timer = self._loop.call_later(wait_s, self._on_timer)

    def _somebody_waits(self) -> bool:
        """Who gave up is dropped before the breaker is asked: it must not be given the only probe."""
        while self._waiting and self._waiting[0].done():
            self._waiting.popleft()
        return bool(self._waiting)

    def _on_timer(self) -> None:
        self._timer = None
        self._wake()
