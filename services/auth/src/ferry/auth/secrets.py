"""Follows the secrets directory: a changed file, or a swapped symlink, is taken up without a restart."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import structlog
from pydantic import ValidationError

from ferry.auth.settings import AuthSettings

_log = structlog.get_logger(__name__)


async def follow(
    folder: Path, read: Callable[[], AuthSettings], take: Callable[[AuthSettings], None], every_s: float
) -> None:
    """Calls `take` with what `read` brings whenever the files differ. What is invalid is told and left.

    Content is compared, not times: Kubernetes swaps a directory behind a symlink, and a poll sees every way.
    """
    last = _digest(folder)
    while True:
        await asyncio.sleep(every_s)
        now = _digest(folder)
        if now == last:
            continue
        last = now
        try:
            settings = read()
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False, include_context=False)
            fields = ["FERRY_" + "__".join(str(part).upper() for part in item["loc"]) for item in wrong]
            _log.error("secrets.rejected", fields=fields, words=[item["msg"] for item in wrong])
            continue
        _log.info("secrets.changed")
        take(settings)


def _digest(folder: Path) -> bytes:
    """Of all files that Kubernetes or a person may have put there; a half-written state is read again."""
    digest = hashlib.sha256()
    try:
        for path in sorted(folder.iterdir()):
            if not path.name.startswith(".") and path.is_file():
                digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    except OSError:
        return b""
    return digest.digest()
