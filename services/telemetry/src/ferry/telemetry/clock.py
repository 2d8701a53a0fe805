"""The bus's time, so that a machine with a wrong clock expires nothing."""

import time
from collections.abc import Callable

NowMs = Callable[[], int]
"""The bus's time, in Unix ms."""


def machine_ms() -> int:
    """By the machine's own clock, in Unix ms."""
    return time.time_ns() // 1_000_000
