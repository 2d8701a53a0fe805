"""Free ports on this machine: none is handed out twice, not even to two suites at the same time."""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

RANGE = range(15_000, 32_000)
"""Below what the kernel gives to outgoing connections: none of them takes a port before its server has it."""
HOST = "127.0.0.1"
LARGEST = 65_535


class PortError(RuntimeError):
    """Says which port is taken or is none, and what to do."""


class Ports:
    """A port stays its asker's until this process ends; a lock on a file of its name says so to others."""

    def __init__(self, folder: Path | None = None, within: range = RANGE) -> None:
        self._folder = folder or Path(tempfile.gettempdir()) / f"ferry-ports-{os.getuid()}"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._locks: dict[int, int] = {}
        self._untried = iter(random.sample(within, len(within)))

    def free(self) -> int:
        """Raises PortError when every port is taken."""
        for port in self._untried:
            if self._take(port):
                return port
        raise PortError("no port is free")

    def named(self, variable: str, value: str | None) -> int:
        """The port that a setting names, or a free one. Raises PortError when it is taken or is none."""
        if not value:
            return self.free()
        if not (value.isascii() and value.isdigit() and 0 < int(value) <= LARGEST):
            raise PortError(f"{variable} is {value!r}: a port is a number from 1 to {LARGEST}")
        port = int(value)
        if port in self._locks:
            raise PortError(f"{variable} is {port}, which another process of this suite has: name another")
        if not self._take(port):
            raise PortError(
                f"{variable} is {port}, and something else listens there: name another port, or leave it out"
            )
        return port

    def _take(self, port: int) -> bool:
        if port in self._locks or not _is_free(port):
            return False
        lock = os.open(self._folder / str(port), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return False
        self._locks[port] = lock
        return True


def _is_free(port: int) -> bool:
    """Whether a server may listen there; one that ended a moment ago is none."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
