"""`ferry apply` as a process that may be killed, and what the cloud then holds."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx2

from harness.processes import Process, eventually
from harness.services import Suite, bearer

WRITES = ("/registerGateway", "/devices", "/sensors")


def pattern(folder: Path, gateways: int, sensors: int) -> Path:
    """A fleet file of so many gateways, each with a device of so many sensors."""
    path = folder / "fleet.yaml"
    probes = f'{{name: "Probe {{n}}", type: temperature, count: {sensors}}}'
    path.write_text(
        f'gateways:\n  - name: "Plant {{n}}"\n    count: {gateways}\n    devices:\n'
        f"      - name: Rack\n        sensors: [{probes}]\n"
    )
    return path


class Applying:
    """One `ferry` command, `apply` of a file unless told otherwise, run again and again by processes of their own."""

    def __init__(self, suite: Suite, file: Path, at_once: int = 16, *, arguments: Sequence[str] = ()) -> None:
        self._suite = suite
        self._arguments = arguments or ["apply", str(file), "--yes", "--at-once", str(at_once)]

    async def start(self) -> Process:
        env = self._suite.bus.env("operator")
        name = f"apply-{len(list(self._suite.folder.glob('apply-*')))}"
        return await Process.fork(name, "ferry.client", self._suite.folder, env, *self._arguments, "--json")

    async def to_the_end(self, within_s: float = 300.0) -> dict[str, Any]:
        """What it said at its end. Raises AssertionError when that was not success."""
        run = await self.start()
        assert await asyncio.wait_for(run.child.wait(), within_s) == 0, run.text()
        said: dict[str, Any] = json.loads(run.text().splitlines()[-1])
        return said

    async def killed_at(self, entities: int, *, registry_too: bool) -> None:
        """Run until the cloud holds so many entities, then SIGKILL: the command, and the registry, anew at once."""
        await self.killed_when(self._holds(entities), registry_too=registry_too)

    async def killed_when(self, reached: Callable[[], Awaitable[bool]], *, registry_too: bool) -> None:
        """The same at another moment."""
        run = await self._until(reached)
        assert run.running, f"it came too late to kill it: {run.text()}"
        run.send(signal.SIGKILL)
        if registry_too:
            old = next(one for one in self._suite.running if one.process.name.startswith("registry"))
            await old.process.kill()
            self._suite.running.remove(old)
            await self._suite.start("registry")
        await run.child.wait()

    async def interrupted_at(self, entities: int) -> Process:
        """Run until the cloud holds so many entities, then Ctrl-C: the ended process."""
        run = await self._until(self._holds(entities))
        await run.stop(signal.SIGINT)
        return run

    def _holds(self, entities: int) -> Callable[[], Awaitable[bool]]:
        async def reached() -> bool:
            return await self.created() >= entities

        return reached

    async def _until(self, reached: Callable[[], Awaitable[bool]]) -> Process:
        run = await self.start()

        async def over() -> bool:
            return await reached() or not run.running

        await eventually(over, within_s=120, what="what the command is killed at")
        return run

    async def created(self) -> int:
        """How many entities the cloud has made."""
        counters = await self._suite.sandbox.get("/admin/counters")
        return sum(counters[noun] for noun in ("gateways", "devices", "sensors"))

    async def writes(self) -> dict[str, int]:
        """How many registrations the cloud was sent, by the status it answered; `None` is no answer."""
        counters = await self._suite.sandbox.get("/admin/counters")
        found: Counter[str] = Counter()
        for row in counters["requests"]:
            if row["method"] == "POST" and row["route"].endswith(WRITES):
                found[str(row["status"])] += row["count"]
        return dict(found)

    async def there(self) -> list[tuple[str, str, str]]:
        """What the cloud itself lists: each gateway, device and sensor, with its owner and name."""
        headers = {"Authorization": f"Bearer {await bearer(self._suite.sandbox)}"}
        params: dict[str, str | int] = {"count": 4000, "embed": "devices,sensors"}
        async with httpx2.AsyncClient(headers=headers, timeout=30) as cloud:
            answer = await cloud.get(f"{self._suite.sandbox.thingplus}/gateways", params=params)
        found = []
        for gateway in answer.json()["data"]:
            found.append(("gateway", "", gateway["name"]))
            for noun in ("device", "sensor"):
                found += [(noun, gateway["name"], item["name"]) for item in gateway[f"{noun}s"]]
        return found
