"""One gateway: its devices and sensors as a tree, with what each has published of late and what is wrong with it."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ferry.console.bus import Bus
from ferry.console.live.passing import Passing
from ferry.console.live.watch import Watch
from ferry.console.pages.pauses import pause_of
from ferry.console.pages.rendering import fragment, page
from ferry.console.pages.streaming import event, event_stream
from ferry.contract import subjects
from ferry.contract.problems import ProblemError
from ferry.contract.registry import DeviceList, Gateway, GatewayId, ListRequest, Sensor, SensorList
from ferry.contract.telemetry import State

DEVICES, SENSORS = 500, 100


@dataclass(frozen=True, slots=True)
class Tree:
    """A page of a gateway's sensors, below their devices. `branches` by a device's id."""

    gateway: Gateway
    names: dict[str, str]
    branches: dict[str, list[Sensor]]
    more_devices: bool
    after: str
    next: str | None


class GatewayPage:
    def __init__(self, bus: Bus, watch: Watch, passing: Passing) -> None:
        self._bus = bus
        self._watch = watch
        self._passing = passing

    async def show(self, request: Request) -> Response:
        tree = await self._tree(request)
        state = (await self._watch.now()).state
        live = await self._live(tree, state)
        return page(request, "gateway.html", tree=tree, live=live, pause=pause_of(state, tree.gateway.id))

    async def stream(self, request: Request) -> Response:
        tree = await self._tree(request)

        async def events() -> AsyncIterator[str]:
            async for seen in self._watch.snapshots():
                yield event(await self._live(tree, seen.state))

        return event_stream(self._watch, events())

    async def _live(self, tree: Tree, state: State | None) -> str:
        heard, unheard = None, None
        try:
            heard = await self._passing.of(tree.gateway.id)
        except ProblemError as error:
            unheard = error.problem
        shown: dict[str, Any] = {"heard": heard, "unheard": unheard, "now_ms": int(time.time() * 1000)}
        shown |= {"gateway": tree.gateway, "names": tree.names, "branches": tree.branches, "next": tree.next}
        return fragment("_gateway.html", **shown, troubles=_troubles(tree, state))

    async def _tree(self, request: Request) -> Tree:
        id_ = request.path_params["gateway"]
        after = request.query_params.get("after", "")
        sensors_page = ListRequest.model_validate({"owner": id_, "after": after, "limit": SENSORS})
        devices_page = ListRequest.model_validate({"owner": id_, "limit": DEVICES})
        gateway, devices, sensors = await asyncio.gather(
            self._bus.ask(subjects.REGISTRY_GATEWAYS_GET, GatewayId.model_validate({"id": id_}), Gateway),
            self._bus.ask(subjects.REGISTRY_DEVICES_LIST, devices_page, DeviceList),
            self._bus.ask(subjects.REGISTRY_SENSORS_LIST, sensors_page, SensorList),
        )
        names = {device.id: device.name for device in devices.items}
        branches: dict[str, list[Sensor]] = {} if after else {device: [] for device in names}
        for sensor in sensors.items:
            branches.setdefault(sensor.device_id, []).append(sensor)
        return Tree(gateway, names, branches, bool(devices.next), after, sensors.next)


def _troubles(tree: Tree, state: State | None) -> dict[str, list[str]]:
    """In words, by sensor."""
    found: dict[str, list[str]] = {}
    for sensors in tree.branches.values():
        for sensor in sensors:
            if sensor.deleted_before:
                found.setdefault(sensor.id, []).append("gone from the cloud")
    for pause in state.paused if state else ():
        if pause.gateway == tree.gateway.id and pause.sensor:
            found.setdefault(pause.sensor, []).append("paused")
    for replica in state.replicas if state else ():
        for trouble in replica.troubles:
            if trouble.gateway == tree.gateway.id and trouble.sensor:
                words = trouble.detail if trouble.kind == "failing" else "not in the registry"
                found.setdefault(trouble.sensor, []).append(f"{trouble.kind}: {words}")
    return found
