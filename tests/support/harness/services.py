"""Services as processes, each seeing only its own settings, and fleets laid without the registry service."""

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx2

from ferry.contract import registry, topology
from harness.bus import Bus, Cluster
from harness.processes import Process, eventually, free_port
from harness.sandbox import CLIENT_ID, CLIENT_SECRET, PASSWORD, USERNAME, Sandbox

FERRY = Path(sys.executable).parent / "ferry"
REPORT_INTERVAL_MS = 60_000


@dataclass
class Running:
    process: Process
    health: str

    async def ready(self, within_s: float = 40.0) -> None:
        async with httpx2.AsyncClient() as client:

            async def answers() -> bool:
                assert self.process.running, self.process.text()
                try:
                    return (await client.get(f"{self.health}/readyz")).status_code == 200
                except httpx2.TransportError:
                    return False

            await eventually(answers, within_s=within_s, what=f"{self.process.name} ready")


class Suite:
    """Starts services on one bus and one sandbox, and ends them all."""

    def __init__(self, bus: Bus | Cluster, sandbox: Sandbox, folder: Path) -> None:
        self.bus = bus
        self.sandbox = sandbox
        self.folder = folder
        self.running: list[Running] = []
        self._numbers = count()

    async def start(self, service: str, env: dict[str, str] | None = None) -> Running:
        """A ready service."""
        running = await self.launch(service, env)
        await running.ready()
        return running

    async def launch(
        self, service: str, env: dict[str, str] | None = None, *, command: list[str] | None = None
    ) -> Running:
        """The same without waiting until it is ready, perhaps by another command: it may be meant to die before."""
        port = free_port()
        seen = {
            **self.bus.env(service),
            "FERRY_HEALTH__HOST": "127.0.0.1",
            "FERRY_HEALTH__PORT": str(port),
            "FERRY_LOG__FORMAT": "console",
        }
        clouds = self.sandbox.cloud_env
        seen |= (
            clouds if service == "auth" else {name: clouds[name] for name in clouds if name.endswith("__URL")}
        )
        name, seen = f"{service}-{next(self._numbers)}", {**seen, **(env or {})}
        process = (
            await Process.start(name, command, self.folder, seen)
            if command
            else await Process.fork(name, f"ferry.{service}", self.folder, seen)
        )
        running = Running(process, f"http://127.0.0.1:{port}")
        self.running.append(running)
        return running

    async def ferry(self, *arguments: str, within_s: float = 60.0) -> tuple[int, str]:
        """The operator's command, to its end: exit code and all that it said."""
        name = f"ferry-{next(self._numbers)}"
        started = await Process.fork(name, "ferry.client", self.folder, self.bus.env("operator"), *arguments)
        return await asyncio.wait_for(started.child.wait(), within_s), started.text()

    async def stop(self) -> None:
        for running in self.running:
            if running.process.running:
                await running.process.kill()


@asynccontextmanager
async def suite(bus: Bus | Cluster, sandbox: Sandbox, folder: Path) -> AsyncIterator[Suite]:
    started = Suite(bus, sandbox, folder)
    try:
        yield started
    finally:
        await started.stop()


async def lay_fleet(
    bus: Bus | Cluster, sandbox: Sandbox, gateways: int, sensors: int
) -> list[tuple[str, str]]:
    """Registers `sensors` on each of `gateways` at the cloud and in the bucket; all (gateway, sensor)."""
    token = await bearer(sandbox)
    laid: list[tuple[str, str]] = []
    client = await bus.connect()
    bucket = await client.jetstream().key_value(topology.REGISTRY.name)
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30) as cloud:
        for number in range(gateways):
            gateway = f"gateway-{number}"
            names = [f"{gateway}-sensor-{index}" for index in range(sensors)]
            answer = await cloud.post(
                f"{sandbox.thingplus}/registerGateway", json=_registration(gateway, names)
            )
            assert answer.status_code in {201, 207}, answer.text
            await bucket.put(registry.gateway_key(gateway), record(gateway_record(gateway)))
            for sensor in names:
                await bucket.put(registry.sensor_key(gateway, sensor), record(sensor_record(gateway, sensor)))
                laid.append((gateway, sensor))
    await bucket.put(registry.FILLED_KEY, registry.Filled(at=0).model_dump_json().encode())
    await client.close()
    return laid


async def bearer(sandbox: Sandbox) -> str:
    form = {
        "grant_type": "password",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "username": USERNAME,
        "password": hashlib.md5(PASSWORD.encode(), usedforsecurity=False).hexdigest(),
    }
    async with httpx2.AsyncClient() as client:
        answer = await client.post(f"{sandbox.thingplus}/oauth2/token", data=form)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def _registration(gateway: str, sensors: list[str]) -> dict[str, object]:
    device = f"{gateway}-device"
    return {
        "reqId": gateway,
        "params": {
            "siteId": "1",
            "model": "52",
            "name": gateway,
            "reportInterval": REPORT_INTERVAL_MS,
            "devices": [{"reqId": device, "name": device, "model": "open-api-device-v1.0"}],
            "sensors": [
                {
                    "reqId": sensor,
                    "name": sensor,
                    "type": "temperature",
                    "driverName": "openApiSensor",
                    "model": "openApiTemp",
                    "category": "sensor",
                    "deviceId": device,
                }
                for sensor in sensors
            ],
        },
    }


def record(entity: dict[str, object]) -> bytes:
    return json.dumps({"state": "registered", "entity": entity}).encode()


def gateway_record(gateway: str) -> dict[str, object]:
    return {
        "id": gateway,
        "name": gateway,
        "model": "52",
        "siteId": "1",
        "reportInterval": REPORT_INTERVAL_MS,
    }


def sensor_record(gateway: str, sensor: str) -> dict[str, object]:
    return {
        "id": sensor,
        "owner": gateway,
        "deviceId": f"{gateway}-device",
        "name": sensor,
        "type": "temperature",
        "driverName": "openApiSensor",
        "model": "openApiTemp",
        "category": "sensor",
    }
