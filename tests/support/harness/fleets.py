"""`ferry apply` as a process that may be killed, and what the cloud then holds."""

import asyncio
import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from harness.processes import Process, eventually
from harness.services import FERRY, Suite, bearer

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
    """One fleet file, applied again and again by processes of their own."""

    def __init__(self, suite: Suite, file: Path, at_once: int = 16) -> None:
        self._suite = suite
        self._file = file
        self._at_once = at_once

    async def start(self) -> Process:
        command = [str(FERRY), "apply", str(self._file), "--yes", "--json", "--at-once", str(self._at_once)]
        env = self._suite.bus.env("operator")
        name = f"apply-{len(list(self._suite.folder.glob('apply-*')))}"
        return await Process.start(name, command, self._suite.folder, env)

    async def to_the_end(self, within_s: float = 300.0) -> dict[str, Any]:
        """What it said at its end. Raises AssertionError when that was not success."""
        run = await self.start()
        assert await asyncio.wait_for(run.child.wait(), within_s) == 0, run.text()
        said: dict[str, Any] = json.loads(run.text().splitlines()[-1])
        return said

    async def killed_at(self, entities: int, *, registry_too: bool) -> None:
        """Run until the cloud holds so many entities, then SIGKILL: the command, and the registry, anew at once."""
        run = await self._until(entities)
        run.send(signal.SIGKILL)
        if registry_too:
            old = next(one for one in self._suite.running if one.process.name.startswith("registry"))
            await old.process.kill()
            self._suite.running.remove(old)
            await self._suite.start("registry")
        await run.child.wait()

    async def interrupted_at(self, entities: int) -> Process:
        """Run until the cloud holds so many entities, then Ctrl-C: the ended process."""
        run = await self._until(entities)
        await run.stop(signal.SIGINT)
        return run

    async def _until(self, entities: int) -> Process:
        run = await self.start()

        async def reached() -> bool:
            return await self.created() >= entities or not run.running

        await eventually(reached, within_s=120, what=f"{entities} entities at the cloud")
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
        async with httpx.AsyncClient(headers=headers, timeout=30) as cloud:
            answer = await cloud.get(f"{self._suite.sandbox.thingplus}/gateways", params=params)
        found = []
        for gateway in answer.json()["data"]:
            found.append(("gateway", "", gateway["name"]))
            for noun in ("device", "sensor"):
                found += [(noun, gateway["name"], item["name"]) for item in gateway[f"{noun}s"]]
        return found
