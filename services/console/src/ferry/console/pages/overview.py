"""The first page: how readings flow, what is wrong, and the tokens; kept up to date by server-sent events."""

import time
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ferry.console.live.plot import Plot, line
from ferry.console.live.snapshot import Snapshot
from ferry.console.live.troubles import troubles
from ferry.console.live.watch import Watch
from ferry.console.pages.rendering import fragment, page
from ferry.console.people.person import Session

STREAM_S = 900.0
"""A stream of events ends by then; the browser asks again, and has to be signed in still."""


class Overview:
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    async def show(self, request: Request) -> Response:
        live = self._live(await self._watch.now(), request.state.session)
        return page(request, "overview.html", live=live)

    async def stream(self, request: Request) -> Response:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(
            self._events(request.state.session), media_type="text/event-stream", headers=headers
        )

    async def _events(self, session: Session) -> AsyncIterator[str]:
        ends = time.monotonic() + STREAM_S
        with self._watch.watching() as admitted:
            if not admitted:
                yield "retry: 30000\n\n"
                return
            async for seen in self._watch.snapshots():
                yield event(self._live(seen, session))
                if time.monotonic() >= ends:
                    return

    def _live(self, seen: Snapshot, session: Session) -> str:
        state = seen.state
        ages = [part.oldest_age_ms for part in state.partitions if part.oldest_age_ms] if state else []
        busy = [p for p in state.partitions if p.lag or p.oldest_age_ms or p.owner is None] if state else []
        shown = {
            "session": session,
            "seen": seen,
            "troubles": troubles(seen),
            "oldest_ms": max(ages, default=0),
            "busy": busy,
        }
        return fragment("_overview.html", **shown, plot=self._plot())

    def _plot(self) -> Plot | None:
        kept = [(one.at, one.rates.delivered) for one in self._watch.history if one.rates]
        return line(kept, from_zero=True)


def event(html: str) -> str:
    """One server-sent event: a line of data for each line of the page."""
    return "".join(f"data: {text}\n" for text in html.splitlines()) + "\n"
