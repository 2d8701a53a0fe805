"""Real processes for tests: started on free ports, waited for, and always ended."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import SystemRandom

from harness.preloaded import Forked, preloaded

PORTS = range(15_000, 32_000)
"""Below what the kernel gives to connections: none of them takes a port before its server has it."""


def free_port() -> int:
    while True:
        port = SystemRandom().choice(PORTS)  # Hypothesis seeds the other one, in every worker alike
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


async def eventually(
    check: Callable[[], Awaitable[object]], *, within_s: float = 10.0, what: str = "the condition"
) -> object:
    """The first true answer of `check`. Raises AssertionError, naming `what`, when time is up."""
    deadline = time.monotonic() + within_s
    last: object = None
    while time.monotonic() < deadline:
        last = await check()
        if last:
            return last
        await asyncio.sleep(0.02)
    raise AssertionError(f"{what} did not come within {within_s:g} s; last: {last!r}")


def _as_in_a_terminal() -> None:
    """A shell that runs in the background leaves Ctrl-C ignored to all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Process:
    """A child with its own log file; `env` is all that it sees besides PATH and the like."""

    def __init__(self, name: str, log: Path, child: asyncio.subprocess.Process | Forked) -> None:
        self.name = name
        self.log = log
        self.child = child

    @classmethod
    async def start(cls, name: str, command: list[str], folder: Path, env: Mapping[str, str]) -> "Process":
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / f"{name}.log"
        with log.open("ab") as out:
            child = await asyncio.create_subprocess_exec(
                *command,
                stdout=out,
                stderr=out,
                env=_seen(env),
                cwd=folder,
                preexec_fn=_as_in_a_terminal,
            )
        return cls(name, log, child)

    @classmethod
    async def fork(
        cls, name: str, module: str, folder: Path, env: Mapping[str, str], *arguments: str
    ) -> "Process":
        """`python -m module`, by a process that has imported it already."""
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / f"{name}.log"
        with log.open("ab") as out:
            child = await asyncio.to_thread(
                preloaded().start, module, [*arguments], out, _seen(env), folder.absolute()
            )
        return cls(name, log, child)

    @property
    def running(self) -> bool:
        return self.child.returncode is None

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.child.send_signal(number)

    async def stop(self, number: signal.Signals = signal.SIGTERM, within_s: float = 15.0) -> int:
        self.send(number)
        try:
            return await asyncio.wait_for(self.child.wait(), within_s)
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self.child.wait()
            raise AssertionError(
                f"{self.name} did not stop within {within_s:g} s:\n{self.text()[-3000:]}"
            ) from None

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        await self.child.wait()


def _seen(env: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("FERRY_")} | dict(env)


@asynccontextmanager
async def process(
    name: str, command: list[str], folder: Path, env: Mapping[str, str] | None = None
) -> AsyncIterator[Process]:
    """A process that is killed, at the latest, when the context ends."""
    started = await Process.start(name, command, folder, env or {})
    try:
        yield started
    finally:
        if started.running:
            await started.kill()


@asynccontextmanager
async def forked(
    name: str, module: str, folder: Path, env: Mapping[str, str], *arguments: str
) -> AsyncIterator[Process]:
    """The same for `python -m module`, by a process that has imported it already."""
    started = await Process.fork(name, module, folder, env, *arguments)
    try:
        yield started
    finally:
        if started.running:
            await started.kill()


def python(module: str) -> list[str]:
    return [sys.executable, "-W", "error::RuntimeWarning", "-m", module]
