"""The first page: how readings flow, what is wrong, and the tokens; kept up to date by server-sent events."""

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response

from ferry.console.live.plot import Plot, line
from ferry.console.live.snapshot import Snapshot
from ferry.console.live.troubles import troubles
from ferry.console.live.watch import Watch
from ferry.console.pages.rendering import fragment, page
from ferry.console.pages.streaming import event, event_stream
from ferry.console.people.person import Session


class Overview:
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    async def show(self, request: Request) -> Response:
        live = self._live(await self._watch.now(), request.state.session)
        return page(request, "overview.html", live=live)

    async def stream(self, request: Request) -> Response:
        return event_stream(self._watch, self._events(request.state.session))

    async def _events(self, session: Session) -> AsyncIterator[str]:
        async for seen in self._watch.snapshots():
            yield event(self._live(seen, session))

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
