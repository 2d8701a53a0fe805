"""All services once under the permissions of production: enough, and no line too many."""

import asyncio
import hashlib
import json
import re
from pathlib import Path

import pytest
from certificates import chain

from ferry.contract import subjects, topology
from ferry.contract.operations import OPERATIONS
from harness import console
from harness.bus import bus as a_bus
from harness.console import form_of
from harness.exercised import rules, unused
from harness.nats_config import PUBLISHERS, USERS, password
from harness.processes import eventually
from harness.sandbox import PASSWORD, USERNAME
from harness.services import Suite

SERVICES = ("auth", "registry", "telemetry", "otosense")
PAGES = ("/", "/fleet", f"/fleet/{PUBLISHERS['alice'][1]}", "/motor-sensors", "/dead-letters")
GATEWAY = PUBLISHERS["alice"][1]


@pytest.fixture
async def bus(tmp_path):
    """It traces: each publication and subscription of each user is a line of its log."""
    async with a_bus(tmp_path / "bus", "-V") as running:
        await running.lay()
        yield running


@pytest.fixture
async def operator(bus):
    client = await bus.as_user("operator")
    yield client
    await client.close()


@pytest.fixture
async def alice(bus):
    client = await bus.as_publisher("alice")
    yield client
    await client.close()


FIRST_MS = 1495715734508
NEW_ACKS = "feature_flags { js_ack_fc_v2: true }\n"
"""Acknowledgements with domain and account in their subject: nats-server's next form (ADR-15).

Nothing lists by a watch under it: nats-py 2.16.0 reads a watch's acknowledgements in the old form alone.
"""


async def ask(client, subject, **body):
    answer = await client.request(subject, json.dumps(body).encode(), timeout=15)
    assert not (answer.headers or {}).get("Nats-Service-Error-Code"), answer.data
    return json.loads(answer.data)


async def registered(operator):
    """A sensor of alice's gateway, and every list that the registry serves."""
    await ask(operator, subjects.REGISTRY_GATEWAYS_REGISTER, name="alice", reqId=GATEWAY)
    device = await ask(operator, subjects.REGISTRY_DEVICES_REGISTER, owner=GATEWAY, name="d1")
    sensor = await ask(
        operator,
        subjects.REGISTRY_SENSORS_REGISTER,
        owner=GATEWAY,
        deviceId=device["id"],
        name="s1",
        type="temperature",
    )
    assert (await ask(operator, subjects.REGISTRY_SENSORS_LIST, owner=GATEWAY))["items"]
    return sensor["id"]


async def dead(operator):
    return [letter["id"] for letter in (await ask(operator, subjects.TELEMETRY_DEAD_LIST))["items"]]


async def delivered(sandbox, sensor, count):
    async def arrived():
        return len(await sandbox.series(GATEWAY, sensor)) == count

    await eventually(arrived, what=f"{count} readings at the cloud")


def reading(number):
    return json.dumps({"value": "36.5", "time": FIRST_MS + number}).encode()


async def a_dead_letter_replayed_and_discarded(alice, operator):
    await alice.jetstream().publish(subjects.sensor_series(GATEWAY, "unknown"), reading(0))
    await eventually(lambda: dead(operator), what="the dead letter")
    number = (await dead(operator))[0]
    counted = await ask(operator, subjects.TELEMETRY_DEAD_COUNT)
    assert (counted["total"], counted["byReason"]) == (1, {"unknown_sensor": 1})
    await ask(operator, subjects.TELEMETRY_DEAD_GET, id=number)
    await ask(operator, subjects.TELEMETRY_DEAD_REPLAY, id=number)
    await eventually(lambda: dead(operator), what="the dead letter once more")
    await ask(operator, subjects.TELEMETRY_DEAD_DISCARD, id=(await dead(operator))[0])


async def shown(page_of, sensor):
    """Every page, and one action, which is told."""
    async with page_of.anna() as browser:
        for path in (*PAGES, f"/fleet/{GATEWAY}/{sensor}"):
            assert (await browser.get(path)).status_code == 200, path
        counted = await browser.get("/dead-letters/choose?do=discard")
        await browser.post("/dead-letters/act", data=form_of(counted.text))

        for path in ("/pauses/pause", "/pauses/resume"):
            told = await browser.post(path, data={**form_of(counted.text), "all": "true"})
            assert told.headers["location"] == "/", told.text

        async def done():
            return (await browser.get("/actions")).text.count("<td>done</td>") == 3

        await eventually(done, what="the action's end")


async def a_reading_purged_while_it_waits(alice, operator, harness):
    """The stream's leader says that it is gone, and nothing waits for it."""
    await alice.jetstream().publish(subjects.sensor_series(GATEWAY, "unknown"), reading(0))

    async def parked():
        state = await ask(operator, subjects.TELEMETRY_STATE_GET)
        return state["replicas"][0].get("parked", 0)

    await eventually(parked, what="a reading that waits for the registry")
    await harness.jetstream().purge_stream(topology.READINGS.name)

    async def forgotten():
        return not await parked()

    await eventually(forgotten, what="a purged reading forgotten")


async def paused_and_resumed(alice, operator, sandbox, sensor, number):
    pause = {"gateway": GATEWAY, "sensor": sensor}
    assert (await ask(operator, subjects.TELEMETRY_LANES_PAUSE, **pause, reason="a test"))["items"]
    await alice.jetstream().publish(subjects.sensor_series(GATEWAY, sensor), reading(number))

    async def waits():
        state = await ask(operator, subjects.TELEMETRY_STATE_GET)
        return state["paused"] and state["replicas"][0].get("parked")

    await eventually(waits, what="a reading of a paused sensor")
    assert (await ask(operator, subjects.TELEMETRY_LANES_RESUME, **pause))["items"] == []
    await delivered(sandbox, sensor, number)


async def watched(alice, operator, sandbox, sensor, number):
    """A PUT that an operator asked to see."""
    seen = await operator.subscribe(subjects.watched_puts(GATEWAY, sensor))
    await operator.publish(subjects.TELEMETRY_WATCH, json.dumps({"gateway": GATEWAY}).encode())
    await ask(operator, subjects.TELEMETRY_STATE_GET)  # answered after the request to watch was heard
    await alice.jetstream().publish(subjects.sensor_series(GATEWAY, sensor), reading(number))
    assert json.loads((await seen.next_msg(timeout=20)).data)["sensor"] == sensor
    await seen.unsubscribe()
    await delivered(sandbox, sensor, number)


async def seen_waiting(bus, alice, operator, sandbox, sensor, number):
    """What waits out an outage has its age read from the stream, and is said to be in progress before its ack."""
    await sandbox.fault(match={"path": "*/series", "method": "PUT"}, kind="status", status=503)
    begun = len(bus.process.text())
    await alice.jetstream(timeout=10).publish(subjects.sensor_series(GATEWAY, sensor), reading(number))
    state = await ask(operator, subjects.TELEMETRY_STATE_GET)
    assert any("oldestAgeMs" in partition for partition in state["partitions"])

    async def in_progress():
        return "+WPI" in bus.process.text()[begun:]

    await eventually(in_progress, within_s=20, what="a reading that is in progress")
    await sandbox.heal()
    await delivered(sandbox, sensor, number)


async def claimed_and_connected(operator, sandbox, serial):
    sensor = (await ask(operator, subjects.OTOSENSE_SENSORS_PROVISION, cert=chain(serial)))["sensorId"]
    await sandbox.post(f"/admin/sensors/{sensor}/connect", {"delay_s": 0})

    async def heard():
        return "lastConnected" in await ask(operator, subjects.OTOSENSE_SENSORS_GET, sensorId=sensor)

    await eventually(heard, what="the motor sensor connected")
    return sensor


async def told_before_a_crash(harness, sensor):
    """As if otosense had died after the event and before noting it: it asks the events' stream."""
    bucket = await harness.jetstream().key_value(topology.OTOSENSE.name)

    async def told():
        return json.loads((await bucket.get(f"sensors.{sensor}")).value).get("told")

    await eventually(told, what="the end told")
    record = json.loads((await bucket.get(f"sensors.{sensor}")).value)
    await bucket.put(f"sensors.{sensor}", json.dumps({**record, "told": False}).encode())
    await harness.jetstream().publish(f"{subjects.OTOSENSE_FOLLOW}.{sensor}", b"")
    await eventually(told, what="the end noted once more")


async def credentials_refused(alice, harness, sandbox, sensor):
    events = await harness.subscribe(subjects.event("auth", "credentials", "refused"))
    await sandbox.post("/admin/credentials", {"tenant": "demo", "password": "changed"})
    await sandbox.post("/admin/revoke")
    await alice.jetstream().publish(subjects.sensor_series(GATEWAY, sensor), reading(5))

    await events.next_msg(timeout=20)
    await sandbox.post("/admin/credentials", {"tenant": "demo", "password": PASSWORD})


async def everything_once(suite, bus, sandbox, operator, alice, harness, page_of):
    await bus.lay(readings_max_bytes=topology.READINGS.max_bytes + topology.MIB)  # an update
    sensor = await registered(operator)
    await a_dead_letter_replayed_and_discarded(alice, operator)
    await alice.jetstream().publish(subjects.sensor_series(GATEWAY, "unknown"), reading(0))
    await eventually(lambda: dead(operator), what="a dead letter for the console")
    await shown(page_of, sensor)
    span = {"since": FIRST_MS, "until": FIRST_MS + 1000}
    assert (await ask(operator, subjects.TELEMETRY_SENSORS_GET, gateway=GATEWAY, sensor=sensor, **span))[
        "points"
    ] == []
    await a_reading_purged_while_it_waits(alice, operator, harness)
    await paused_and_resumed(alice, operator, sandbox, sensor, 1)
    await watched(alice, operator, sandbox, sensor, 2)
    await seen_waiting(bus, alice, operator, sandbox, sensor, 3)
    assert (await ask(operator, subjects.OTOSENSE_SENSORS_LIST))["items"] == []
    await told_before_a_crash(harness, await claimed_and_connected(operator, sandbox, "0000S111A"))
    await ask(operator, subjects.AUTH_STATE_GET)
    await ask(operator, "$SRV.PING.ferry-auth")
    for command in (("doctor",), ("watch", "--for-s", "0")):
        code, said = await suite.ferry(*command)
        assert code == 0, said
    for service in SERVICES:  # a user that a site adds, with a client's own inbox
        await ask(harness, f"$SRV.PING.ferry-{service}")
    portal = {"loginId": USERNAME, "password": hashlib.md5(PASSWORD.encode()).hexdigest()}
    await ask(
        operator, subjects.AUTH_CLIENT_CREATE, name="F", reqId="f", clientSecret="secret-of-f", **portal
    )
    await bus.process.kill()
    file = bus.folder / "conf" / "nats.conf"
    file.write_text(file.read_text() + NEW_ACKS)
    await bus.restart()  # auth makes its memory bucket again
    await eventually(lambda: reconnected(alice, operator, harness), what="all connected again")
    await seen_waiting(bus, alice, operator, sandbox, sensor, 4)
    await claimed_and_connected(operator, sandbox, "0000S222B")
    await credentials_refused(alice, harness, sandbox, sensor)


async def reconnected(*clients):
    return all(client.is_connected for client in clients)


async def test_each_service_needs_all_of_its_permissions_and_no_more(
    bus, sandbox, tmp_path, operator, alice, nats_client
):
    suite = Suite(bus, sandbox, tmp_path / "services")
    quick = {
        "telemetry": {"FERRY_TELEMETRY__UNKNOWN_GRACE_S": "1", "FERRY_TELEMETRY__ACK_WAIT_S": "3"},
        "otosense": {"FERRY_FOLLOW__SPEED": "20"},
    }
    try:
        await asyncio.gather(*(suite.start(service, quick.get(service)) for service in SERVICES))
        await everything_once(suite, bus, sandbox, operator, alice, nats_client, await console.start(suite))
        for running in suite.running:
            assert await running.process.stop() == 0, running.process.text()
    finally:
        await suite.stop()
    for running in suite.running:
        assert "ermissions" not in running.process.text(), running.process.text()
    assert bus.denials() == []
    log = bus.process.text()
    for user in USERS:
        assert password(user) not in log
    assert set(re.findall(r"\[SUB (ferry\.v1\.\S+) ferry-\w+ ", log)) == set(OPERATIONS), (
        "what the contract says"
    )
    permissions = Path(bus.folder) / "conf" / "permissions.conf"
    assert set(rules(permissions)) == {*USERS} - {"sys"}
    idle = unused(permissions, [log])
    assert not idle, "\n".join(f"{user} needs no {rule}" for user, left in idle.items() for rule in left)
