"""Polls the state of the services: often while somebody is viewing, rarely otherwise. All viewers share the answers."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace

from pydantic import BaseModel

from ferry.console.bus import Answer, Bus
from ferry.console.live.snapshot import RECENT_S, History, Snapshot, died, rates
from ferry.contract import subjects
from ferry.contract.auth import AuthState
from ferry.contract.auth import StateRequest as TokensRequest
from ferry.contract.problems import Problem, ProblemError
from ferry.contract.telemetry import DeadCount, DeadFilter, State
from ferry.contract.telemetry import StateRequest as FlowRequest

OFTEN_S, SELDOM_S = 2.0, 15.0
ASK_S = 5.0
FRESH_S = 3.0
MOST_KEPT = 450
"""15 minutes of them while somebody is viewing."""
MOST_WATCHERS = 64


class Watch:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._watchers = 0
        self._woken = asyncio.Event()
        self._next = asyncio.Event()
        self._asking: asyncio.Task[Snapshot] | None = None
        self.history = History(MOST_KEPT)
        self._closed = False

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.look()
            self._woken.clear()
            try:
                async with asyncio.timeout(OFTEN_S if self._watchers else SELDOM_S):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def now(self) -> Snapshot:
        """At most FRESH_S old."""
        last = self.history.last
        return last if last and time.monotonic() - last.at < FRESH_S else await self.look()

    async def look(self) -> Snapshot:
        """Asks now; many who call at once share one answer."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._look(), name="look")
        return await asyncio.shield(self._asking)

    @contextmanager
    def watching(self) -> Iterator[bool]:
        """Whether there is room for one more viewer."""
        if self._watchers >= MOST_WATCHERS:
            yield False
            return
        self._watchers += 1
        self._woken.set()
        try:
            yield True
        finally:
            self._watchers -= 1

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        """Each new one, until the console stops."""
        while not self._closed:
            following = self._next
            if self.history.last is not None:
                yield self.history.last
            await following.wait()

    def close(self) -> None:
        self._closed = True
        self._next.set()

    async def _look(self) -> Snapshot:
        try:
            (state, state_problem), (tokens, tokens_problem) = await asyncio.gather(
                self._ask(subjects.TELEMETRY_STATE_GET, FlowRequest(), State),
                self._ask(subjects.AUTH_STATE_GET, TokensRequest(), AuthState),
            )
            at = time.monotonic()
            found = Snapshot(at, int(time.time() * 1000), state, state_problem, tokens, tokens_problem)
            before = self.history.before(at)
            found = replace(found, rates=rates(before, found) if before else None)
            found = await self._with_dead(found)
            self.history.add(found)
        finally:
            self._asking = None
        following, self._next = self._next, asyncio.Event()
        following.set()
        return found

    async def _with_dead(self, found: Snapshot) -> Snapshot:
        """Counted anew only where their number is another than before."""
        last = self.history.last
        if found.state is None:
            return found
        if last and last.dead and last.state and last.state.dead == found.state.dead:
            dead: DeadCount | None = last.dead
        else:
            dead, _ = await self._ask(subjects.TELEMETRY_DEAD_COUNT, DeadFilter(), DeadCount)
        earlier = self.history.before(found.at, RECENT_S)
        return replace(found, dead=dead, died=died(earlier, dead) if earlier and dead else {})

    async def _ask(
        self, subject: str, request: BaseModel, answer: type[Answer]
    ) -> tuple[Answer | None, Problem | None]:
        try:
            return await self._bus.ask(subject, request, answer, timeout_s=ASK_S), None
        except ProblemError as error:
            return None, error.problem
