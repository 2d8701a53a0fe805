"""An event loop whose time jumps to the next timer, and in which a process can be stopped or killed.

Our own instead of PyPI's looptime 0.9: that one has no notion of processes (SIGSTOP, SIGKILL) inside one loop, and
goes through the operating system's selector at each turn, which is most of the time of a run.
"""

import asyncio
import heapq
import selectors
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

T = TypeVar("T")
START_S = 1000.0
PROCESS: ContextVar[str | None] = ContextVar("process", default=None)
"""The simulated process that runs now; it is inherited by every task and timer."""


class DeadlockError(Exception):
    """Nothing is left that could ever happen."""


class _Selector(selectors.SelectSelector):
    """Instead of waiting, time passes. It never asks the operating system."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START_S

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise DeadlockError
        self.now += max(0.0, timeout)
        return []


class _Handle(asyncio.Handle):
    _loop: "VirtualLoop"

    def _run(self) -> None:
        if not self._loop.set_aside(self):
            super()._run()


class _TimerHandle(asyncio.TimerHandle):
    _loop: "VirtualLoop"
    _scheduled: bool

    def _run(self) -> None:
        if not self._loop.set_aside(self):
            super()._run()


class VirtualLoop(asyncio.SelectorEventLoop):
    """Times in s, from START_S."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        self._virtual = _Selector()
        self._stopped: dict[str, list[asyncio.Handle]] = {}
        self._tasks_of: dict[str, dict[asyncio.Task[Any], None]] = {}
        super().__init__(self._virtual)
        self.set_task_factory(self._new_task)

    def time(self) -> float:
        return self._virtual.now

    def call_soon(  # type: ignore[override] # the stubs' way to say the same
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override] # the same
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = _TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer

    def _new_task(self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **options)
        context = options.get("context")
        process = PROCESS.get() if context is None else context.get(PROCESS)
        if process is not None:
            self._tasks_of.setdefault(process, {})[task] = None
            task.add_done_callback(self._tasks_of[process].pop)
        return task

    def set_aside(self, handle: asyncio.Handle) -> bool:
        """Whether the handle must not run now, because its process is stopped."""
        if not self._stopped:
            return False
        process = handle._context.get(PROCESS)  # type: ignore[attr-defined] # the stubs leave it out
        waiting = self._stopped.get(process) if process else None
        if waiting is None:
            return False
        waiting.append(handle)
        return True

    def stop_process(self, process: str) -> None:
        """SIGSTOP: nothing of it runs until `go_on`. Without that it is SIGKILL."""
        self._stopped.setdefault(process, [])

    def go_on(self, process: str) -> None:
        self._ready.extend(self._stopped.pop(process, ()))

    async def end_process(self, process: str) -> None:
        """Cancels all of it. After SIGKILL (which is a stop without end) it is called when the world is gone."""
        tasks = list(self._tasks_of.get(process, ()))
        for task in tasks:
            task.cancel()
        self.go_on(process)
        await asyncio.gather(*tasks, return_exceptions=True)

    def tasks_of(self, process: str) -> int:
        return len(self._tasks_of.get(process, ()))


def context_of(process: str) -> Context:
    context = copy_context()
    context.run(PROCESS.set, process)
    return context


@contextmanager
def virtual_loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def run_virtually(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    with virtual_loop() as loop:
        return loop.run_until_complete(main(loop))
