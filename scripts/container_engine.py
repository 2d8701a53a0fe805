"""docker, or buildah and podman: the first that works."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


class NoEngineError(RuntimeError):
    """Says what to install."""


@dataclass(frozen=True)
class Engine:
    build: tuple[str, ...]
    run: str

    def call(self, *arguments: str, timeout_s: float = 60.0, env: dict[str, str] | None = None) -> str:
        """What the engine printed. Raises RuntimeError with its words, TimeoutExpired after `timeout_s`."""
        return self._done(*arguments, timeout_s=timeout_s, env=env).stdout.strip()

    def logs(self, container: str) -> str:
        done = self._done("logs", container)
        return done.stdout + done.stderr

    def _done(
        self, *arguments: str, timeout_s: float = 60.0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self.run, *arguments], capture_output=True, text=True, check=False, timeout=timeout_s, env=env
        )
        if done.returncode:
            raise RuntimeError(f"{self.run} {' '.join(arguments[:2])}: {done.stderr.strip()[-2000:]}")
        return done

    def has(self, image: str) -> bool:
        command = [self.run, "image", "inspect", image]
        return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0

    @property
    def read_only(self) -> tuple[str, ...]:
        """A read-only root; podman would lay writable folders of its own over it."""
        return ("--read-only", *(["--read-only-tmpfs=false"] if self.run == "podman" else []))

    def healthy(self, container: str) -> bool:
        """The image's own health check: docker runs it periodically, podman on request."""
        if self.run == "podman":
            command = ["podman", "healthcheck", "run", container]
            return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0
        for _ in range(60):
            if self.call("inspect", "--format", "{{.State.Health.Status}}", container) == "healthy":
                return True
            time.sleep(0.5)
        return False


def find() -> Engine:
    """Raises NoEngineError."""
    if _works(["docker", "info"]):
        return Engine(("docker", "build"), "docker")
    if _works(["podman", "info"]):
        # OCI's own format has no HEALTHCHECK
        building = ("buildah", "build") if shutil.which("buildah") else ("podman", "build")
        return Engine((*building, "--layers", "--format", "docker"), "podman")
    raise NoEngineError("no container engine: neither docker with its daemon, nor podman (with buildah)")


def _works(command: list[str]) -> bool:
    if not shutil.which(command[0]):
        return False
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=20).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def process_status(pid: int) -> dict[str, str]:
    """`/proc/<pid>/status` of a container's process, as this machine's kernel sees it."""
    lines: Iterable[str] = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def cpu_s(pid: int) -> float:
    """User and system time so far, in s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
