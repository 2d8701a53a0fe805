"""Watches the secrets directory: a changed file or swapped symlink is used without a restart."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import structlog
from pydantic import ValidationError

from ferry.auth.settings import AuthSettings

_log = structlog.get_logger(__name__)


async def follow(
    folder: Path,
    current: AuthSettings,
    read: Callable[[], AuthSettings],
    take: Callable[[AuthSettings], None],
    every_s: float,
) -> None:
    """Calls `take` with what `read` brings when that differs from `current`. What is invalid is logged and left.

    The first look is at once: a file may have changed since `current` was read. Content is compared, not times:
    Kubernetes swaps a directory behind a symlink, and a poll sees every way.
    """
    last: bytes | None = None
    while True:
        now = _digest(folder)  # before it is read: what changes meanwhile is seen at the next look
        if now is not None and now != last:
            last = now
            current = _taken(current, read, take)
        await asyncio.sleep(every_s)


def _taken(
    current: AuthSettings, read: Callable[[], AuthSettings], take: Callable[[AuthSettings], None]
) -> AuthSettings:
    try:
        settings = read()
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)
        fields = ["FERRY_" + "__".join(str(part).upper() for part in item["loc"]) for item in wrong]
        _log.error("secrets.rejected", fields=fields, words=[item["msg"] for item in wrong])
        return current
    except (OSError, ValueError) as error:  # a file that has just been removed, or is not text
        _log.error("secrets.unreadable", error=type(error).__name__)
        return current
    if settings == current:
        return current
    _log.info("secrets.changed")
    take(settings)
    return settings


def _digest(folder: Path) -> bytes | None:
    """Of all files that Kubernetes or a person may have put there; None while there are none to read."""
    digest = hashlib.sha256()
    try:
        for path in sorted(folder.iterdir()):
            if not path.name.startswith(".") and path.is_file():
                digest.update(path.name.encode(errors="surrogateescape") + b"\0" + path.read_bytes() + b"\0")
    except OSError:
        return None
    return digest.digest()
