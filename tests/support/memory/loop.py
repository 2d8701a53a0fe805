"""An event loop whose time jumps to the next timer, and in which a process can be stopped or killed.

Our own instead of PyPI's looptime 0.9: that one has no notion of processes (SIGSTOP, SIGKILL) inside one loop, and
goes through the operating system's selector at each turn. Nothing here waits for the operating system.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")
START_S = 1000.0
PROCESS: ContextVar[str | None] = ContextVar("process", default=None)
"""The simulated process that runs now; it is inherited by every task and timer."""


class DeadlockError(Exception):
    """Nothing is left that could ever happen."""


class _Handle(asyncio.TimerHandle):
    """asyncio's own looks at the loop's debug flag each time: half of the time of a run."""

    __slots__ = ()
    _callback: Callable[..., object]
    _args: tuple[Any, ...]
    _context: Context
    _cancelled: bool

    def __init__(
        self, when: float, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None
    ) -> None:
        self._when = when
        self._callback = callback
        self._args = args
        self._context = copy_context() if context is None else context
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True
        self._args = ()


class VirtualLoop(asyncio.BaseEventLoop):
    """Times in s, from START_S. Timers of one moment run in the order in which they were set."""

    _stopping: bool

    def __init__(self) -> None:
        super().__init__()
        self._now = START_S
        self._handles: deque[_Handle] = deque()
        self._timers: list[tuple[float, int, _Handle]] = []
        self._numbers = count()
        self._stopped: dict[str, list[_Handle]] = {}
        self._tasks_of: dict[str, dict[asyncio.Task[Any], None]] = {}
        self.set_task_factory(self._new_task)

    def time(self) -> float:
        return self._now

    def call_soon(  # type: ignore[override] # the stubs' way to say the same
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = _Handle(self._now, callback, args, context)
        self._handles.append(handle)
        return handle

    def call_at(  # type: ignore[override] # the same
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = _Handle(when, callback, args, context)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def call_later(  # type: ignore[override] # the same
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def _run_once(self) -> None:
        """The base class calls it until it is told to stop: what is ready runs, else time passes."""
        handles, timers = self._handles, self._timers
        while not self._stopping:
            if not handles:
                self._now = max(self._now, self._next_at())
            while timers and timers[0][0] <= self._now:
                handles.append(heapq.heappop(timers)[2])
            for _ in range(len(handles)):
                handle = handles.popleft()
                if handle._cancelled or (self._stopped and self._set_aside(handle)):
                    continue
                try:
                    handle._context.run(handle._callback, *handle._args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:  # noqa: BLE001 - as asyncio's own handles do
                    self.call_exception_handler({"message": f"{handle._callback}", "exception": error})

    def _next_at(self) -> float:
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if not timers:
            raise DeadlockError
        return timers[0][0]

    def _new_task(self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **options)
        context = options.get("context")
        process = PROCESS.get() if context is None else context.get(PROCESS)
        if process is not None:
            self._tasks_of.setdefault(process, {})[task] = None
            task.add_done_callback(self._tasks_of[process].pop)
        return task

    def _set_aside(self, handle: _Handle) -> bool:
        """Whether the handle must not run now, because its process is stopped."""
        process = handle._context.get(PROCESS)
        waiting = self._stopped.get(process) if process else None
        if waiting is None:
            return False
        waiting.append(handle)
        return True

    def stop_process(self, process: str) -> None:
        """SIGSTOP: nothing of it runs until `go_on`. Without that it is SIGKILL."""
        self._stopped.setdefault(process, [])

    def go_on(self, process: str) -> None:
        self._handles.extend(self._stopped.pop(process, ()))

    async def end_process(self, process: str) -> None:
        """Cancels all of it. After SIGKILL (which is a stop without end) it is called when the world is gone."""
        while tasks := list(self._tasks_of.get(process, ())):
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
