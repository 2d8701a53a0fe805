"""The fleet as a tree: gateways, their devices, their sensors; a page at a time."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ferry.console.bus import Bus
from ferry.console.live.watch import Watch
from ferry.console.pages.pauses import pause_of
from ferry.console.pages.rendering import page
from ferry.contract import subjects
from ferry.contract.registry import (
    DeviceList,
    Gateway,
    GatewayId,
    GatewayList,
    ListRequest,
    Sensor,
    SensorList,
)

GATEWAYS, DEVICES, SENSORS = 50, 500, 100


class Fleet:
    def __init__(self, bus: Bus, watch: Watch) -> None:
        self._bus = bus
        self._watch = watch

    async def list(self, request: Request) -> Response:
        if found := request.query_params.get("gateway", "").strip():
            asked = GatewayId.model_validate({"id": found})
            return RedirectResponse(f"/fleet/{asked.id}", 303)
        asked_page = ListRequest.model_validate({"after": _after(request), "limit": GATEWAYS})
        gateways = await self._bus.ask(subjects.REGISTRY_GATEWAYS_LIST, asked_page, GatewayList)
        return page(request, "fleet.html", gateways=gateways, after=asked_page.after)

    async def gateway(self, request: Request) -> Response:
        id_ = request.path_params["gateway"]
        sensors_page = ListRequest.model_validate({"owner": id_, "after": _after(request), "limit": SENSORS})
        devices_page = ListRequest.model_validate({"owner": id_, "limit": DEVICES})
        gateway, devices, sensors = await asyncio.gather(
            self._bus.ask(subjects.REGISTRY_GATEWAYS_GET, GatewayId.model_validate({"id": id_}), Gateway),
            self._bus.ask(subjects.REGISTRY_DEVICES_LIST, devices_page, DeviceList),
            self._bus.ask(subjects.REGISTRY_SENSORS_LIST, sensors_page, SensorList),
        )
        names = {device.id: device.name for device in devices.items}
        branches: dict[str, list[Sensor]] = {} if sensors_page.after else {id_: [] for id_ in names}
        for sensor in sensors.items:
            branches.setdefault(sensor.device_id, []).append(sensor)
        shown: dict[str, Any] = {"gateway": gateway, "names": names, "branches": branches}
        shown["pause"] = pause_of((await self._watch.now()).state, id_)
        shown |= {"more_devices": devices.next, "next": sensors.next, "after": sensors_page.after}
        return page(request, "gateway.html", **shown)


def _after(request: Request) -> str:
    return request.query_params.get("after", "")
