"""How a part says what changed in it, so that it outlives the process."""

from collections.abc import Callable
from typing import Any

Note = Callable[[str, dict[str, Any]], None]


def nothing_noted(_kind: str, _change: dict[str, Any]) -> None:
    """In memory alone."""
