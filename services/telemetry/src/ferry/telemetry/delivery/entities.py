"""Checks whether a sensor or gateway that the cloud refuses is really gone, by one GET of the gateway."""

import asyncio
import json
from typing import Literal

from ferry.clouds.thingplus.answers import Kind, read_reply
from ferry.clouds.thingplus.paths import gateway_path
from ferry.telemetry.delivery.ports import Cloud, Unreachable

Gone = Literal["sensor", "gateway"]
KEEP_S = 5.0
"""How long one answer serves all lanes of the gateway."""
NOT_FOUND = 404


class Entities:
    def __init__(self, cloud: Cloud, keep_s: float = KEEP_S) -> None:
        self.keep_s = keep_s
        self._cloud = cloud
        self._asked: dict[str, tuple[float, asyncio.Task[tuple[bool, frozenset[str] | None]]]] = {}
        self._loop = asyncio.get_running_loop()

    async def gone(self, gateway: str, sensor: str | None, bearer: str) -> Gone | None:
        """None where the cloud's answer does not prove it."""
        gateway_is_gone, sensors = await asyncio.shield(self._ask(gateway, bearer))
        if gateway_is_gone:
            return "gateway"
        return "sensor" if sensor is not None and sensors is not None and sensor not in sensors else None

    def _ask(self, gateway: str, bearer: str) -> "asyncio.Task[tuple[bool, frozenset[str] | None]]":
        now = self._loop.time()
        until, task = self._asked.get(gateway, (0.0, None))
        if task is None or now >= until:
            self._asked = {name: asked for name, asked in self._asked.items() if asked[0] > now}
            task = asyncio.ensure_future(self._look(gateway, bearer))
            self._asked[gateway] = (now + self.keep_s, task)
        return task

    async def _look(self, gateway: str, bearer: str) -> tuple[bool, frozenset[str] | None]:
        """Whether the gateway is gone, and the ids of its sensors where the answer shows them."""
        try:
            answer = await self._cloud.get(gateway_path(gateway), {}, bearer)
        except Unreachable:
            return False, None
        reply = read_reply(answer.status, answer.body, answer.content_type)
        if reply.kind is Kind.ENTITY:
            return reply.status == NOT_FOUND, None
        return False, _sensor_ids(answer.body) if reply.kind is Kind.DELIVERED else None


def _sensor_ids(body: bytes) -> frozenset[str] | None:
    """Thing+ shows a gateway's sensors as ids, or embedded with an id each. None where it shows neither."""
    try:
        sensors = json.loads(body)["data"]["sensors"]
        return frozenset(str(item["id"] if isinstance(item, dict) else item) for item in sensors)
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
