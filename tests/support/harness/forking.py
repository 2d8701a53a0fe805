"""`python -m harness.forking FD`: imports Ferry once, then forks a process for each request on the socket `FD`."""

import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from dataclasses import dataclass

MODULES = [
    f"ferry.{name}.app" for name in ("auth", "registry", "telemetry", "otosense", "console", "sandbox")
]
LARGEST = 256 * 1024
FIRST_INHERITED, LAST_INHERITED = 3, 4096


@dataclass
class Asked:
    module: str
    arguments: list[str]
    env: dict[str, str]
    folder: str
    out: int = -1


class Forking:
    def __init__(self, asking: socket.socket) -> None:
        self._asking = asking
        self._endings: dict[int, int] = {}
        """A pipe for each child's exit code, by its pid."""

    def next_child(self) -> Asked | None:
        """In a child, what it is to run; in the parent, None when nobody asks any more."""
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        while True:
            ready, _, _ = select.select([self._asking.fileno(), woken], [], [])
            if woken in ready:
                os.read(woken, 4096)
                self._reap()
            if self._asking.fileno() in ready:
                asked = self._receive()
                if asked is None:
                    self._kill_all()
                    return None
                if child := self._fork(*asked):
                    return child

    def _receive(self) -> tuple[Asked, int] | None:
        said, fds, _, _ = socket.recv_fds(self._asking, LARGEST, 2)
        if not said:
            return None
        out, ending = fds
        return Asked(**json.loads(said), out=out), ending

    def _fork(self, asked: Asked, ending: int) -> Asked | None:
        """What is asked, in the child alone."""
        pid = os.fork()
        if pid == 0:
            _become(asked)
            return asked
        os.close(asked.out)
        self._endings[pid] = ending
        self._asking.send(str(pid).encode())
        return None

    def _reap(self) -> None:
        while self._endings:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            ending = self._endings.pop(pid)
            os.write(ending, os.waitstatus_to_exitcode(status).to_bytes(8, signed=True))
            os.close(ending)

    def _kill_all(self) -> None:
        for pid in self._endings:
            os.kill(pid, signal.SIGKILL)


def _become(asked: Asked) -> None:
    """A process as a shell would start it."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(asked.out, 1)
    os.dup2(asked.out, 2)
    os.closerange(FIRST_INHERITED, LAST_INHERITED)
    os.environ.clear()
    os.environ.update(asked.env)
    os.chdir(asked.folder)
    sys.argv = ["", *asked.arguments]


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which end this process
    for module in [*MODULES, "ferry.client.cli.main"]:
        importlib.import_module(module)
    asking = socket.socket(fileno=int(sys.argv[1]))
    child = Forking(asking).next_child()
    if child is not None:
        asking.detach()
        runpy.run_module(child.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
