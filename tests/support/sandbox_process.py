"""The sandbox as a process, for tests of the sandbox that are plain functions."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def started(*arguments: str, **environment: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The address and the process, which is killed, at the latest, when the context ends."""
    command = [sys.executable, "-m", "ferry.sandbox", *arguments]
    env = {**os.environ, **environment}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        try:
            listening = json.loads(process.stdout.readline())
            assert listening["event"] == "listening"
            yield str(listening["url"]), process
        finally:
            process.kill()
