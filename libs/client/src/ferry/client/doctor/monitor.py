"""Checks the server's disk through its monitoring port: `--monitor http://host:8222`."""

import asyncio
import contextlib
import json
import ssl
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ferry.client.doctor.findings import Finding, ok, size, warning, wrong
from ferry.client.doctor.streams import WARNING_SHARE, WRONG_SHARE

LARGEST = 4 * 1024 * 1024
TODO = "is it nats-server's monitoring port (8222), and may this machine reach it?"


async def disk(url: str, limit_s: float) -> list[Finding]:
    try:
        async with asyncio.timeout(limit_s):
            health, told = await _get(url, "/healthz"), await _get(url, "/jsz")
        used, room = int(told["storage"]), int(told["config"]["max_storage"])
        reserved = int(told.get("reserved_storage") or 0)
    except TimeoutError:
        return [wrong("disk", f"no answer from {_shown(url)} within {limit_s:g} s", TODO)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [wrong("disk", f"no usable answer from {_shown(url)}: {error}", TODO)]
    return [_health(health), _disk(used, room, reserved)]


def _health(told: dict[str, Any]) -> Finding:
    if told.get("status") == "ok":
        return ok("disk", "nats-server is healthy")
    todo = "a stream that stopped after a disk error needs a restart of that server"
    return wrong("disk", f"nats-server is not healthy: {told.get('error') or told.get('status')}", todo)


def _disk(used: int, room: int, reserved: int) -> Finding:
    words = f"{size(used)} of {size(room)} are used, streams may take {size(reserved)}"
    if room <= 0 or used / room < WARNING_SHARE:
        if reserved > room > 0:
            return warning("disk", words, "raise max_file_store, or lower the streams' max_bytes")
        return ok("disk", words)
    state = wrong if used / room >= WRONG_SHARE else warning
    return state("disk", words, "raise max_file_store, or let streams drain")


async def _get(url: str, path: str) -> dict[str, Any]:
    """A JSON object, whatever the status: /healthz says with a 503 what is wrong. Raises OSError, ValueError."""
    parts = _parts(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    context = ssl.create_default_context() if secure else None
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
    try:
        host = parts.netloc.rpartition("@")[2]
        writer.write(f"GET {parts.path.rstrip('/')}{path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        answer = bytearray()
        while piece := await reader.read(65_536):
            answer += piece
            if len(answer) > LARGEST:
                raise ValueError("the answer is too large")
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    told = json.loads(bytes(answer).partition(b"\r\n\r\n")[2])
    if not isinstance(told, dict):
        raise TypeError("the answer is not a JSON object")
    return told


def _parts(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.isprintable() or " " in url:
        raise ValueError("not a URL such as http://127.0.0.1:8222")
    return parts


def _shown(url: str) -> str:
    return url.rpartition("@")[2]
