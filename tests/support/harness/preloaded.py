"""Processes forked from one that has imported Ferry: a service starts without the second that its imports take.

All else is a process's own: pid, environment, folder, log, signals, memory from then on. What tests a start itself,
or measures, starts an interpreter instead.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO

_EXIT = 8
"""Bytes of an exit code, as the forking process sends it."""


class Forked:
    """A grandchild: what asyncio's Process offers of a child."""

    def __init__(self, pid: int, ending: int) -> None:
        """`ending` is a pipe on which the exit code comes."""
        self.pid = pid
        self._ending: int | None = ending
        self._code: int | None = None

    @property
    def returncode(self) -> int | None:
        if self._ending is not None:
            try:
                said = os.read(self._ending, _EXIT)
            except BlockingIOError:
                return None
            self._code = int.from_bytes(said, signed=True) if said else -signal.SIGKILL
            os.close(self._ending)
            self._ending = None
        return self._code

    async def wait(self) -> int:
        while (code := self.returncode) is None:
            await self._readable()
        return code

    def send_signal(self, number: int) -> None:
        """Raises ProcessLookupError when it has ended."""
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, number)

    async def _readable(self) -> None:
        loop, seen = asyncio.get_running_loop(), asyncio.Event()
        assert self._ending is not None
        copy = os.dup(self._ending)  # two may wait, and a loop takes one reader for a descriptor
        loop.add_reader(copy, seen.set)
        try:
            await seen.wait()
        finally:
            loop.remove_reader(copy)
            os.close(copy)


class Preloaded:
    """The process that forks. It ends, and all that it has forked, with the one that made it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [
            sys.executable,
            "-W",
            "error::RuntimeWarning",
            "-m",
            "harness.forking",
            str(theirs.fileno()),
        ]
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        self._socket = ours
        self._one_asks = threading.Lock()

    def start(
        self, module: str, arguments: list[str], out: IO[bytes], env: Mapping[str, str], folder: Path
    ) -> Forked:
        """`python -m module`, with `out` for both of its outputs."""
        ending, ended = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        asked = {"module": module, "arguments": arguments, "env": dict(env), "folder": str(folder)}
        with self._one_asks:
            socket.send_fds(self._socket, [json.dumps(asked).encode()], [out.fileno(), ended])
            pid = int(self._socket.recv(64))
        os.close(ended)
        return Forked(pid, ending)


_preloaded: list[Preloaded] = []
_one_makes_it = threading.Lock()


def preloaded() -> Preloaded:
    """The one of this process, made when it is first asked for."""
    with _one_makes_it:
        if not _preloaded:
            _preloaded.append(Preloaded())
        return _preloaded[0]
