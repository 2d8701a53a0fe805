"""A fleet from its birth to an import on a fresh registry, each step killed on the way, and what it asked of the cloud.

`make test` has a small one; FERRY_LIFE_GATEWAYS=100 FERRY_LIFE_SENSORS=49 is 5,200 entities (`make fleet-life`).
"""

import math
import os
import time
from collections import Counter

import pytest

from ferry.client.bus import connect
from ferry.client.fleet.file.read import read
from ferry.client.fleet.planning import planned
from ferry.client.settings import NatsSettings
from ferry.contract import topology
from harness.fleets import Applying

GATEWAYS = int(os.environ.get("FERRY_LIFE_GATEWAYS", "6"))
SENSORS = int(os.environ.get("FERRY_LIFE_SENSORS", "5"))
SMALL = GATEWAYS < 20
LATENCY_MS, AT_ONCE = (200, 1) if SMALL else (20, 16)
A_TENTH = max(1, round(SENSORS / 10))
"""Of a gateway's sensors are renamed, and then moved."""
A_TWELFTH = max(1, SENSORS // 12)
"""Of every other gateway's sensors are retired, and the last gateway: 5 % of all."""
EVERY = 5
"""Each of so many gateways renames a device too."""

pytestmark = [pytest.mark.timeout(1200), pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture
def suite(cleared):
    return cleared


class File:
    """Gateways of two devices, `Rack` with all the sensors and `Spare`; each step changes what it says."""

    def __init__(self):
        self.renamed = self.moved = self.retired = False

    def text(self):
        lines = ["gateways:"]
        for gateway in range(1, GATEWAYS + 1):
            if self.retired and gateway == GATEWAYS:
                continue
            lines += [f"  - name: Plant {gateway}", "    devices:"]
            racks: dict[str, list[str]] = {"Rack": [], "Spare": []}
            for number in range(1, SENSORS + 1):
                if self.retired and number > SENSORS - A_TWELFTH and gateway % 2:
                    continue
                racks["Spare" if self.moved and number <= A_TENTH else "Rack"].append(self.sensor(number))
            for rack, sensors in racks.items():
                lines += [f"      - name: {rack}", f"        sensors: [{', '.join(sensors)}]"]
            if self.renamed and gateway % EVERY == 0:
                lines[-2] = (
                    "      - {name: Shelf, renamedFrom: Spare, sensors: [" + ", ".join(racks["Spare"]) + "]}"
                )
                del lines[-1]
        return "\n".join(lines) + "\n"

    def sensor(self, number):
        words = [f"name: Probe {number}"]
        if self.renamed and number <= A_TENTH:
            words = [f"name: Sensor {number}", f"renamedFrom: Probe {number}"]
        if self.moved and number <= A_TENTH:
            words.append("movedFrom: Rack")
        return f"{{{', '.join(words)}, type: temperature}}"


class Asked:
    """What the cloud was asked for since the last look, by method and the last word of the path."""

    def __init__(self, sandbox):
        self._sandbox = sandbox
        self._before: Counter[tuple[str, str]] = Counter()

    async def since(self):
        now: Counter[tuple[str, str]] = Counter()
        for row in (await self._sandbox.get("/admin/counters"))["requests"]:
            if "/gateways" in row["route"] or row["route"].endswith("/registerGateway"):
                now[row["method"], str(row["status"])] += row["count"]
        return now - self._before

    async def begin(self):
        self._before += await self.since()


class Life:
    """A file that changes, and the cloud that is asked."""

    def __init__(self, suite, path):
        self.suite, self.path, self.file = suite, path, File()
        self.asked = Asked(suite.sandbox)

    async def step(self, method, status, wanted, *, registry_too):
        """Killed on the way, then run to the end: the cloud did each thing once, but for what was in flight.

        All else that it was asked for, by what it answered.
        """
        self.path.write_text(self.file.text())
        arguments = ["apply", str(self.path), "--yes", "--prune", "--at-once", str(AT_ONCE)]
        applying = Applying(self.suite, self.path, arguments=arguments)
        await self.killed(applying, method, status, wanted // 3, registry_too=registry_too)
        said = await applying.to_the_end()
        assert (said["failed"], said["skipped"]) == ([], 0)
        found = await self.asked.since()
        assert wanted <= found.pop((method, status)) <= wanted + AT_ONCE, found
        await self.is_in_place()
        return found

    async def killed(self, applying, method, status, at, *, registry_too):
        await self.asked.begin()

        async def reached():
            return (await self.asked.since())[method, status] >= at

        await applying.killed_when(reached, registry_too=registry_too)

    async def is_in_place(self):
        """`ferry plan` is empty, and asks nothing of the cloud."""
        await self.asked.begin()
        env = self.suite.bus.env("operator")
        settings = NatsSettings(
            url=env["FERRY_NATS__URL"], user=env["FERRY_NATS__USER"], password=env["FERRY_NATS__PASSWORD"]
        )
        async with connect(settings) as bus:
            plan = (await planned(bus, read(self.path))).plan
        assert not plan.does_something(prune=True)
        assert plan.fixed == []
        assert (
            sum((await self.asked.since()).values()) <= 1
        )  # the registry's own look at a bucket without a marker


async def test_a_fleet_lives_and_nothing_is_asked_for_twice(suite, tmp_path):
    await suite.sandbox.fault(match={"path": "^/(registerGateway|gateways)"}, kind="latency", ms=LATENCY_MS)
    life = Life(suite, tmp_path / "fleet.yaml")

    # A gateway comes with its parts by one call. What was in flight when the registry died is looked for.
    others = await life.step("POST", "201", GATEWAYS, registry_too=True)
    assert sum(others.values()) <= 4 * AT_ONCE + 2, others

    life.file.renamed = True
    renamed = GATEWAYS * A_TENTH + GATEWAYS // EVERY
    others = await life.step("PUT", "200", renamed, registry_too=False)
    assert sum(others.values()) <= renamed + AT_ONCE + 2, others  # an entity is read before it is sent back

    life.file.moved = True
    moved = GATEWAYS * A_TENTH
    others = await life.step("PUT", "200", moved, registry_too=True)
    assert sum(others.values()) <= moved + AT_ONCE + 2, others

    life.file.retired = True
    others = await life.step("DELETE", "204", 1 + A_TWELFTH * (GATEWAYS // 2), registry_too=False)
    assert sum(others.values()) <= AT_ONCE + 2, others

    await imported(life)


async def imported(life):
    """On a fresh registry."""
    client = await life.suite.bus.connect()
    await client.jetstream().purge_stream(f"KV_{topology.REGISTRY.name}")
    await client.close()
    begun = time.monotonic()
    importing = Applying(life.suite, life.path, arguments=["import"])
    await life.killed(importing, "GET", "200", GATEWAYS // 4, registry_too=False)
    assert (await importing.to_the_end())["unreadable"] == []
    needed = math.ceil((GATEWAYS - 1) / 10) + 2 + 2 * (GATEWAYS - 1)
    looks = 2 + (time.monotonic() - begun) / 10  # a registry without a marker looks at the list every 10 s
    again = 2 * 10 + 1  # the step in which it was killed
    assert (await life.asked.since())["GET", "200"] <= needed + looks + again
    await life.is_in_place()
