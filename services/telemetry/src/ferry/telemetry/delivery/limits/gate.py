"""Decides which lane may send now, from the limiter, the breaker and pauses that the cloud asked for."""

import asyncio
import contextlib
from collections import OrderedDict

from ferry.telemetry.delivery.limits.breaker import Breaker
from ferry.telemetry.delivery.limits.fair_queue import FairQueue
from ferry.telemetry.delivery.limits.limiter import Limiter

TICK_S = 0.001
FAILING_SHARE = 4
"""Failing lanes take at most this part of the places: they may wait for an answer until their time-out."""
REFUSED_S = 120.0
"""How long a refusal counts: a lane that is refused tries again well within it."""
EVIDENCE = 4096
"""Lanes whose last success is remembered: the latest are enough."""


class Gate:
    """Enter before a request, leave with its outcome. Healthy lanes first, gateways in turn. Times in s."""

    def __init__(self, limiter: Limiter, breaker: Breaker) -> None:
        self.limiter = limiter
        self.breaker = breaker
        self._refused_at: dict[str, float] = {}
        """Lanes whose entity the cloud refuses, and when it last did."""
        self._good_at: OrderedDict[str, float] = OrderedDict()
        """When a lane last got through, oldest first."""
        self._healthy = FairQueue()
        self._failing = FairQueue()
        self._failing_in_use = 0
        self._timer: asyncio.TimerHandle | None = None
        self._recovered = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def open(self) -> bool:
        """Whether new work makes sense; a closed gate lets the backlog wait in the stream."""
        return self.breaker.state == "closed"

    def others_since(self, moment: float, lane: str, enough: int = 1) -> bool:
        """Whether so many other lanes got through since."""
        found = 0
        for key, at in reversed(self._good_at.items()):
            if found >= enough or at <= moment:
                break
            found += key != lane
        return found >= enough

    def refuse_entity(self, lane: str) -> None:
        """The cloud refuses the lane's sensor or gateway."""
        self._refused_at[lane] = self._loop.time()

    def believe_gone(self, lane: str) -> None:
        """It is gone from the cloud: it no longer counts among those that an outage may have refused."""
        self._refused_at.pop(lane, None)

    def most_are_refused(self, since: float, lane: str) -> bool:
        """Whether the refusals of entities look like an outage: more lanes have them than got through since."""
        recent = self._loop.time() - REFUSED_S
        refused = sum(at > recent for at in self._refused_at.values())
        return not self.others_since(since, lane, enough=refused)

    def try_enter(self, *, failing: bool = False) -> bool:
        """Whether it has entered: nobody waits, and there is a place."""
        if self._healthy.turns or self._failing.turns or not self._admits(failing=failing):
            return False
        self._take(failing=failing)
        return True

    async def enter(self, gateway: str = "", *, failing: bool = False) -> None:
        """Waits for a place."""
        queue = self._failing if failing else self._healthy
        mine = self._loop.create_future()
        queue.push(gateway, mine)
        # without a place the next request that ends wakes somebody
        if self.limiter.free or self.breaker.state != "closed":
            self._wake()
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self.abandon(failing=failing)
            raise

    def _take(self, *, failing: bool) -> None:
        self.limiter.in_use += 1
        self._failing_in_use += failing

    def _give(self, *, failing: bool) -> None:
        self.limiter.in_use -= 1
        self._failing_in_use -= failing

    def _admits(self, *, failing: bool) -> bool:
        limit = int(self.limiter.limit)
        if failing and (not self.limiter.free or self._failing_in_use >= max(1, limit // FAILING_SHARE)):
            return False
        # what failing lanes wait for takes no place from a healthy one
        if self.limiter.in_use - self._failing_in_use >= limit:
            return False
        return self.breaker.allows(self._loop.time(), healthy=not failing)

    def abandon(self, *, failing: bool = False) -> None:
        """Leaves without a request."""
        self._give(failing=failing)
        self.breaker.abandoned()
        self._wake()

    def leave_good(self, lane: str, *, failing: bool = False) -> None:
        self._give(failing=failing)
        self.limiter.good()
        if self.breaker.state != "closed":
            self._recovered.set()
            self._recovered = asyncio.Event()
        self.breaker.good()
        self._good_at[lane] = self._loop.time()
        self._good_at.move_to_end(lane)
        if len(self._good_at) > EVIDENCE:
            self._good_at.popitem(last=False)
        if self._refused_at:
            self._refused_at.pop(lane, None)
        if self._healthy.turns or self._failing.turns:
            self._wake()

    def leave_failed(
        self,
        lane: str,
        cause: str,
        retry_after_s: float | None,
        *,
        failing: bool = False,
        account: bool = False,
    ) -> None:
        """A failure that may pass: the limiter and the breaker learn from it, unless the lane was failing before."""
        self._give(failing=failing)
        if not failing:
            self.limiter.overloaded()
        self.breaker.failed(
            lane, self._loop.time(), cause, newly=not failing, account=account, retry_after_s=retry_after_s
        )
        self._wake()

    def pause(self, for_s: float, cause: str) -> None:
        self.breaker.pause(self._loop.time(), for_s, cause)
        self._wake()

    async def back_off(self, for_s: float) -> None:
        """Waits so long, or until the breaker closes: what failed with the cloud need not wait longer than it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(for_s):
                await self._recovered.wait()

    def _wake(self) -> None:
        for queue, failing in ((self._healthy, False), (self._failing, True)):
            # One that gave up is dropped before the breaker is asked: it must not be given the only probe.
            while queue.turns and (queue.first().done() or self._admits(failing=failing)):
                first = queue.pop()
                if not first.done():
                    self._take(failing=failing)
                    first.set_result(None)
        if self.breaker.state == "closed":
            return
        waits = bool(self._healthy.turns or self._failing.turns)
        if self.breaker.state == "half_open":
            waits = bool(self._healthy.turns) and self.breaker.waits_for_a_failing_lane
        # Where no request in flight will wake those who wait, the clock must.
        if waits:
            self._wake_at(max(self._loop.time() + TICK_S, self._next()))

    def _wake_at(self, when: float) -> None:
        """At the latest: a healthy lane may probe before the failing ones that wait already."""
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._on_timer)

    def _next(self) -> float:
        return self.breaker.next_probe if self._healthy.turns else self.breaker.until

    def _on_timer(self) -> None:
        self._timer = None
        self._wake()
