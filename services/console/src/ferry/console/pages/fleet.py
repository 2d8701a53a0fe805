"""The fleet: its gateways, a page at a time."""

from collections import Counter
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ferry.console.bus import Bus
from ferry.console.live.watch import Watch
from ferry.console.pages.pauses import pause_of
from ferry.console.pages.rendering import page
from ferry.contract import subjects
from ferry.contract.registry import GatewayId, GatewayList, ListRequest

GATEWAYS = 50


class Fleet:
    def __init__(self, bus: Bus, watch: Watch) -> None:
        self._bus = bus
        self._watch = watch

    async def list(self, request: Request) -> Response:
        if found := request.query_params.get("gateway", "").strip():
            asked = GatewayId.model_validate({"id": found})
            return RedirectResponse(f"/fleet/{asked.id}", 303)
        after = request.query_params.get("after", "")
        asked_page = ListRequest.model_validate({"after": after, "limit": GATEWAYS})
        gateways = await self._bus.ask(subjects.REGISTRY_GATEWAYS_LIST, asked_page, GatewayList)
        state = (await self._watch.now()).state
        named = (
            [trouble.gateway for replica in state.replicas for trouble in replica.troubles] if state else []
        )
        shown: dict[str, Any] = {"gateways": gateways, "after": after, "troubled": Counter(named)}
        return page(request, "fleet.html", **shown, state=state, pause_of=pause_of)
