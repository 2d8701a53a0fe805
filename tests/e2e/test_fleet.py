"""A fleet by one command: at a stretch, again, killed, interrupted, and imported from the portal."""

import asyncio
import json
import os
import random

import httpx2
import pytest
import yaml

from harness import bus as buses
from harness import services
from harness.fleets import Applying, pattern
from harness.services import FERRY, bearer, gateway_record, lay_fleet, record, sensor_record

GATEWAYS = int(os.environ.get("FERRY_FLEET_GATEWAYS", "30"))
SENSORS = int(os.environ.get("FERRY_FLEET_SENSORS", "3"))
KILLS = int(os.environ.get("FERRY_FLEET_KILLS", "3"))
SEED = 6
ENTITIES = GATEWAYS * (2 + SENSORS)

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture
def suite(cleared):
    return cleared


@pytest.fixture
def sandbox(cleared):
    return cleared.sandbox


@pytest.fixture
def nats_client(cleared_client):
    return cleared_client


def assert_each_once(found):
    assert len(found) == len(set(found))
    assert len(found) == ENTITIES


async def test_one_apply_registers_all_and_a_second_writes_nothing(suite, tmp_path):
    applying = Applying(suite, pattern(tmp_path, GATEWAYS, SENSORS))
    said = await applying.to_the_end()
    assert (said["created"], said["failed"]) == (ENTITIES, [])
    assert await applying.writes() == {"201": GATEWAYS}
    assert_each_once(await applying.there())
    said = await applying.to_the_end()
    assert (said["created"], said["same"]) == (0, ENTITIES)
    assert await applying.writes() == {"201": GATEWAYS}


async def test_killed_anywhere_and_run_again_it_finishes(suite, sandbox, tmp_path):
    await sandbox.fault(match={"path": "/registerGateway"}, kind="latency", ms=250)
    applying = Applying(suite, pattern(tmp_path, GATEWAYS, SENSORS), at_once=4)
    # Beyond the half, and without the delay, what was in flight could finish the fleet before the last kill.
    points = sorted(random.Random(SEED).sample(range(1, ENTITIES // 2), KILLS))
    for number, point in enumerate(points):
        await applying.killed_at(point, registry_too=number % 2 == 1)
    said = await applying.to_the_end()
    assert said["created"] > 0, "the last kill came too late to show anything"
    assert said["failed"] == []
    assert_each_once(await applying.there())
    assert (await applying.to_the_end())["same"] == ENTITIES


async def test_an_interrupt_leaves_no_traceback(suite, sandbox, tmp_path):
    await sandbox.fault(match={"path": "/registerGateway"}, kind="latency", ms=100)
    applying = Applying(suite, pattern(tmp_path, GATEWAYS, SENSORS), at_once=4)
    run = await applying.interrupted_at(ENTITIES // 4)
    assert run.child.returncode not in {0, None}
    assert "Traceback" not in run.text()
    assert "run the same command again to continue" in run.text()
    assert (await applying.to_the_end())["failed"] == []
    assert_each_once(await applying.there())


async def test_import_then_export_then_plan_shows_no_difference(suite, sandbox, tmp_path):
    await lay_fleet(suite.bus, sandbox, 2, 3)
    client = await suite.bus.connect()
    await client.jetstream().purge_stream("KV_ferry-registry")
    await client.close()
    code, text = await suite.ferry("import", "--json")
    assert code == 0, text
    assert '"sensors": 6' in text
    code, text = await suite.ferry("export")
    file = tmp_path / "exported.yaml"
    file.write_text(text)
    code, text = await suite.ferry("plan", str(file))
    assert code == 0, text
    assert "Plan: 0 to register, 0 to change, 0 not declared, 10 unchanged." in text


async def test_a_file_without_ids_makes_no_second_fleet_on_a_registry_that_lost_its_bucket(suite, tmp_path):
    applying = Applying(suite, pattern(tmp_path, 2, 3))
    await applying.to_the_end()
    client = await suite.bus.connect()
    await client.jetstream().purge_stream("KV_ferry-registry")
    await client.close()
    code, text = await suite.ferry("apply", str(tmp_path / "fleet.yaml"), "--yes")
    assert (code, "run `ferry import` first" in text) == (1, True), text
    assert await applying.writes() == {"201": 2}
    assert (await suite.ferry("import"))[0] == 0
    assert (await applying.to_the_end())["same"] == 10
    assert await applying.writes() == {"201": 2}


async def test_what_the_cloud_throttles_is_waited_for(suite, sandbox, tmp_path):
    few = {"match": {"path": "/registerGateway"}, "kind": "status", "status": 429, "retry_after": "1"}
    await sandbox.fault(**few, per_s=10)
    applying = Applying(suite, pattern(tmp_path, 25, 2))
    said = await applying.to_the_end()
    assert (said["created"], said["failed"], said["skipped"]) == (100, [], 0)
    writes = await applying.writes()
    assert writes["201"] == 25
    # Those that are under way when the first is refused may be refused too, each second; nobody asks again before.
    assert writes["429"] <= 3 * 16


async def test_two_accounts_apply_the_same_file(suite, sandbox, tmp_path):
    """Thing+'s ids are unique over all accounts: what Ferry makes must be new each time."""
    trial = {"CLIENT_ID": "trialClientId", "CLIENT_SECRET": "trial-client-secret"}
    trial |= {"USERNAME": "trialadmin", "PASSWORD": "trial-password"}
    file = pattern(tmp_path, 2, 3)
    async with buses.bus(tmp_path / "bus") as bus, services.suite(bus, sandbox, tmp_path / "other") as other:
        await bus.lay()
        await other.start("auth", {f"FERRY_THINGPLUS__{name}": value for name, value in trial.items()})
        await other.start("registry")
        for account in (suite, other):
            code, text = await account.ferry("apply", str(file), "--yes")
            assert (code, "10 registered, 0 were there, 0 failed" in text) == (0, True), text
        for account in (suite, other):
            code, text = await account.ferry("plan", str(file))
            assert (code, "0 to register" in text) == (0, True), text
    fleet = await sandbox.get("/admin/fleet", limit="100")
    assert [one["tenant"] for one in fleet["gateways"]] == ["demo", "demo", "trial", "trial"]
    ids = [sensor["id"] for gateway in fleet["gateways"] for sensor in gateway["sensors"]]
    assert len(set(ids)) == len(ids) == 12


async def test_a_retry_after_a_time_out_makes_no_second_gateway(suite, sandbox, tmp_path):
    """The cloud registers and nobody hears of it; the command gives up, and is run again."""
    await sandbox.fault(match={"path": "^/registerGateway$"}, kind="reset_after", for_requests=1)
    applying = Applying(suite, pattern(tmp_path, 1, 3))
    await applying.killed_at(1, registry_too=True)
    said = await applying.to_the_end()
    assert said["failed"] == []
    assert len(await applying.there()) == 5


async def test_a_mistake_is_told_once_before_anything_is_registered(suite, sandbox, tmp_path):
    file = pattern(tmp_path, 2, 3)
    file.write_text(file.read_text().replace("temperature", "temprature") + "  - name: Fine\n")
    code, text = await suite.ferry("apply", str(file), "--yes")
    assert code == 1
    assert (
        text.count("fleet.yaml:6:45: type: device model open-api-device-v1.0 has no type 'temprature'") == 1
    )
    assert text.count("did you mean 'temperature'?") == 1
    assert (await sandbox.get("/admin/counters"))["gateways"] == 0


async def test_alike_failures_are_one_line_and_spare_the_others(suite, sandbox, tmp_path):
    file = pattern(tmp_path, 2, 3)
    assert (await suite.ferry("apply", str(file), "--yes"))[0] == 0
    refusal = {"kind": "status", "status": 471, "code": "BILLING"}
    await sandbox.fault(match={"method": "POST", "path": "^/gateways/.*/sensors$"}, **refusal)
    file.write_text(file.read_text().replace("count: 3", "count: 5") + "  - name: Fine\n")
    code, text = await suite.ferry("apply", str(file), "--yes")
    assert code == 1
    assert "1 registered, 10 were there, 4 failed" in text
    assert text.count("has no room for more") == 1


async def test_import_takes_page_after_page_and_leaves_out_what_has_no_safe_id(suite, sandbox):
    await lay_fleet(suite.bus, sandbox, 12, 2)
    client = await suite.bus.connect()
    await client.jetstream().purge_stream("KV_ferry-registry")
    await client.close()
    sensor = {"reqId": "a.b", "name": "Dotted", "deviceId": "gateway-3-device", "category": "sensor"}
    model = {"type": "temperature", "model": "openApiTemp", "driverName": "openApiSensor"}
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {await bearer(sandbox)}"}) as cloud:
        answer = await cloud.post(f"{sandbox.thingplus}/gateways/gateway-3/sensors", json={**sensor, **model})
        assert answer.status_code == 201, answer.text
    code, text = await suite.ferry("import", "--json")
    assert code == 0, text
    said = json.loads(text)
    assert (said["gateways"], said["devices"], said["sensors"]) == (12, 12, 24)
    assert len(said["unreadable"]) == 1
    assert said["unreadable"][0].startswith("a.b: ")
    code, text = await suite.ferry("import", "--json")
    assert json.loads(text)["sensors"] == 0
    code, text = await suite.ferry("gateways", "list", "--limit", "5", "--all", "--json")
    assert len(json.loads(text)["items"]) == 12


async def test_what_was_deleted_at_the_portal_is_said_planned_and_registered_again(
    suite, sandbox, nats_client, tmp_path
):
    await lay_fleet(suite.bus, sandbox, 2, 2)
    bucket = await nats_client.jetstream().key_value("ferry-registry")
    for gateway in ("gateway-9", "gateway-8"):  # neither of them is at the cloud
        await bucket.put(f"gateways.{gateway}", record(gateway_record(gateway)))
        await bucket.put(f"sensors.{gateway}.s", record(sensor_record(gateway, "s")))
    await bucket.put("sensors.gateway-0.gone", record(sensor_record("gateway-0", "gone")))
    deleted = await nats_client.jetstream().subscribe("ferry.v1.events.registry.*.deleted")

    code, text = await suite.ferry("import")
    assert code == 0, text
    assert "deleted at the portal: sensor gateway-0/gone" in text
    assert "deleted at the portal: gateway gateway-9, its 0 devices and 1 sensors" in text
    assert len([await deleted.next_msg(timeout=5) for _ in range(5)]) == 5
    code, text = await suite.ferry("import")
    assert "deleted" not in text
    code, text = await suite.ferry("sensors", "show", "gateway-0", "gone")
    assert "deletedBefore: 1" in text

    code, text = await suite.ferry("export")
    assert "gone" not in text
    file = tmp_path / "fleet.yaml"
    file.write_text(text)
    assert (await suite.ferry("plan", str(file)))[0] == 0
    declared = yaml.safe_load(text)
    mine = next(one for one in declared["gateways"] if one["id"] == "gateway-0")
    mine["devices"][0]["sensors"].append({"id": "gone", "name": "gone", "type": "temperature"})
    file.write_text(yaml.safe_dump(declared))
    code, text = await suite.ferry("plan", str(file))
    assert code == 2, text
    assert "/gone (gone), which was deleted at the portal, will be registered again" in text
    assert "Plan: 1 to register (1 again: deleted at the portal), 0 to change, 0 not declared" in text
    code, text = await suite.ferry("apply", str(file), "--yes")
    assert (code, "1 registered" in text) == (0, True), text
    code, text = await suite.ferry("sensors", "show", "gateway-0", "gone")
    assert "deletedBefore: 1" not in text


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"gateways: [", ":2:1: not YAML"),
        (b"\xff\xfe\x00", ":1:1: the file is UTF-16"),
        (b"gateways: 2026-99-99", ":1:11: gateways: a list is expected"),
        (b"- 1", ":1:1: a fleet file is a mapping"),
        (b"gateways: [{name: G, sensor: []}]", ":1:22: a gateway has no key sensor"),
        (b"gateways: [{name: G, count: 3}]", "{n}"),
        (b"gateways: [{name: G}, {name: G}]", "declared twice"),
        (b"gateways: [{name: G, reportInterval: 1}]", ":1:38: reportInterval"),
        (b"[" * 100_000, "levels deep"),
    ],
)
async def test_a_wrong_file_is_told_in_words(tmp_path, body, says):
    file = tmp_path / "fleet.yaml"
    file.write_bytes(body)
    child = await asyncio.create_subprocess_exec(
        str(FERRY), "plan", str(file),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said = (await asyncio.wait_for(child.communicate(), 30))[0].decode()
    assert child.returncode == 1, said
    assert says in said
    assert "Traceback" not in said
