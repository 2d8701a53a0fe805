"""Server-sent events: HTML fragments that replace parts of the page."""

import time
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

from ferry.console.live.watch import Watch

STREAM_S = 900.0
"""A stream of events ends by then; the browser asks again, and has to be signed in still."""


def event_stream(watch: Watch, events: AsyncIterator[str]) -> StreamingResponse:
    """Counts as a viewer. If there are too many, the browser is asked to retry later."""

    async def bounded() -> AsyncIterator[str]:
        ends = time.monotonic() + STREAM_S
        with watch.watching() as admitted:
            if not admitted:
                yield "retry: 30000\n\n"
                return
            async for one in events:
                yield one
                if time.monotonic() >= ends:
                    return

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(bounded(), media_type="text/event-stream", headers=headers)


def event(html: str) -> str:
    """One server-sent event: a line of data for each line of the page."""
    return "".join(f"data: {text}\n" for text in html.splitlines()) + "\n"
