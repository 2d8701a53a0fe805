"""Server-sent events: a watcher is told twice a second what is new, so that requests pay nothing for it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ferry.sandbox.admin.control import Control
from ferry.sandbox.web.http import encode

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
PERIOD_S = 0.5
MOST_REQUESTS = 100


class Live:
    def __init__(self, control: Control) -> None:
        self._control = control

    async def __call__(self, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        gone = asyncio.create_task(_disconnected(receive))
        seen = self._control.recorder.number
        last: dict[str, bytes] = {}
        try:
            while not gone.done():
                requests = self._control.recorder.since(seen, MOST_REQUESTS)
                seen = self._control.recorder.number
                news = self._changed(last)
                if requests:
                    news += _event("requests", encode(requests))
                await send({"type": "http.response.body", "body": news or b":\n\n", "more_body": True})
                await asyncio.wait([gone], timeout=PERIOD_S)
        finally:
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone

    def _changed(self, last: dict[str, bytes]) -> bytes:
        news = b""
        for name, content in (
            ("counters", self._control.counters()),
            ("faults", self._control.faults.shown()),
        ):
            encoded = encode(content)
            if last.get(name) != encoded:
                last[name] = encoded
                news += _event(name, encoded)
        return news


def _event(name: str, data: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
