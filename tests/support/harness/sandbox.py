"""The sandbox as a process, and its admin pages as a client: what arrived is asked of it, never of Ferry."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from harness.processes import Process, eventually, forked

USERNAME = "serviceadmin"
PASSWORD = "sandbox-password"
CLIENT_ID = "testClientId"
CLIENT_SECRET = "testClientPwd12!@"
OTOSENSE_CLIENT_ID = "demo-client"
OTOSENSE_CLIENT_SECRET = "demo-secret"


@dataclass
class Sandbox:
    url: str
    process: Process
    admin: httpx2.AsyncClient

    @property
    def thingplus(self) -> str:
        return f"{self.url}/v2"

    @property
    def otosense(self) -> str:
        return f"{self.url}/otosense"

    @property
    def cloud_env(self) -> dict[str, str]:
        """What auth needs to reach both clouds as the demo tenant."""
        return {
            "FERRY_THINGPLUS__URL": self.thingplus,
            "FERRY_THINGPLUS__CLIENT_ID": CLIENT_ID,
            "FERRY_THINGPLUS__CLIENT_SECRET": CLIENT_SECRET,
            "FERRY_THINGPLUS__USERNAME": USERNAME,
            "FERRY_THINGPLUS__PASSWORD": PASSWORD,
            "FERRY_OTOSENSE__URL": self.otosense,
            "FERRY_OTOSENSE__CLIENT_ID": OTOSENSE_CLIENT_ID,
            "FERRY_OTOSENSE__CLIENT_SECRET": OTOSENSE_CLIENT_SECRET,
        }

    async def get(self, path: str, **params: str) -> Any:
        answer = await self.admin.get(path, params=params or None)
        answer.raise_for_status()
        return answer.json()

    async def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = await self.admin.post(path, json=body or {})
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def fault(self, **fault: Any) -> Any:
        return await self.post("/admin/faults", fault)

    async def heal(self) -> None:
        (await self.admin.delete("/admin/faults")).raise_for_status()

    async def points(self) -> int:
        return int((await self.get("/admin/points"))["total"])

    async def series(self, gateway: str, sensor: str) -> list[dict[str, Any]]:
        answer = await self.admin.get(f"/admin/series/{gateway}/{sensor}")
        return [] if answer.status_code == 404 else list(answer.json())

    async def statuses(self) -> dict[tuple[str, str | None], dict[str, Any]]:
        """`value` and `expireAt` in Unix ms, by gateway and sensor (None: the gateway's own)."""
        fleet = await self.get("/admin/fleet", limit="1000")
        shown: dict[tuple[str, str | None], dict[str, Any] | None] = {}
        for gateway in fleet["gateways"]:
            shown[gateway["id"], None] = gateway["status"]
            shown |= {(gateway["id"], sensor["id"]): sensor["status"] for sensor in gateway["sensors"]}
        return {entity: status for entity, status in shown.items() if status is not None}


@asynccontextmanager
async def sandbox(folder: Path, *extra: str) -> AsyncIterator[Sandbox]:
    async with forked("sandbox", "ferry.sandbox", folder, {}, "--port", "0", *extra) as started:

        async def address() -> str | None:
            for line in started.text().splitlines():
                if line.startswith("{") and '"listening"' in line:
                    return str(json.loads(line)["url"])
            assert started.running, started.text()
            return None

        url = str(await eventually(address, what="the sandbox"))
        async with httpx2.AsyncClient(base_url=url, timeout=30) as admin:
            yield Sandbox(url, started, admin)
