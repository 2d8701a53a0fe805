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
from ferry.contract.problems import Problem, ProblemError
from ferry.contract.registry import (
    DeviceList,
    Gateway,
    GatewayId,
    GatewayList,
    ListRequest,
    OwnedId,
    Sensor,
    SensorList,
)
from ferry.contract.telemetry import DeadFilter, DeadList

GATEWAYS, DEVICES, SENSORS, LETTERS = 50, 500, 100, 20


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

    async def sensor(self, request: Request) -> Response:
        owner, id_ = request.path_params["gateway"], request.path_params["sensor"]
        asked = OwnedId.model_validate({"owner": owner, "id": id_})
        sensor = await self._bus.ask(subjects.REGISTRY_SENSORS_GET, asked, Sensor)
        letters, problem = await self._letters(owner, id_)
        pause = pause_of((await self._watch.now()).state, owner, id_)
        return page(request, "sensor.html", sensor=sensor, letters=letters, problem=problem, pause=pause)

    async def _letters(self, gateway: str, sensor: str) -> tuple[DeadList | None, Problem | None]:
        """The page is of use without them."""
        wanted = DeadFilter.model_validate({"gateway": gateway, "sensor": sensor, "limit": LETTERS})
        try:
            return await self._bus.ask(subjects.TELEMETRY_DEAD_LIST, wanted, DeadList), None
        except ProblemError as error:
            return None, error.problem


def _after(request: Request) -> str:
    return request.query_params.get("after", "")
