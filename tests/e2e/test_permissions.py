"""Every service on a server with its own permissions alone: the journey passes and nothing is denied."""

import json

import pytest
from certificates import chain

from ferry.contract import subjects
from harness.guarded import REGISTERED, USERS, guarded, password
from harness.processes import eventually
from harness.services import Suite

SERVICES = ("auth", "registry", "telemetry", "otosense")
GATEWAY = REGISTERED["alice"][0]


@pytest.fixture
async def bus(tmp_path):
    async with guarded(tmp_path / "bus") as running:
        yield running


async def ask(client, subject, **body):
    answer = await client.request(subject, json.dumps(body).encode(), timeout=15)
    assert not (answer.headers or {}).get("Nats-Service-Error-Code"), answer.data
    return json.loads(answer.data)


async def test_the_journey_under_the_permissions_of_production(bus, sandbox, tmp_path):
    suite = Suite(bus, sandbox, tmp_path / "services")
    quick = {"FERRY_TELEMETRY__UNKNOWN_GRACE_S": "1"}
    operator = await bus.as_user("operator")
    alice = await bus.as_publisher("alice")
    try:
        for service in SERVICES:
            await suite.start(service, {**bus.env(service), **(quick if service == "telemetry" else {})})
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
        await ask(operator, subjects.REGISTRY_SENSORS_LIST, owner=GATEWAY)
        body = json.dumps({"value": "36.5", "time": 1495715734508}).encode()
        known = subjects.sensor_series(GATEWAY, sensor["id"])
        await alice.jetstream().publish(known, body)
        await alice.jetstream().publish(subjects.sensor_series(GATEWAY, "unknown"), body)

        async def delivered():
            return len(await sandbox.series(GATEWAY, sensor["id"])) == 1

        await eventually(delivered, what="the reading at the cloud")

        async def dead():
            return [letter["id"] for letter in (await ask(operator, subjects.TELEMETRY_DEAD_LIST))["items"]]

        await eventually(dead, what="the dead letter")
        number = (await dead())[0]
        await ask(operator, subjects.TELEMETRY_DEAD_GET, id=number)
        await ask(operator, subjects.TELEMETRY_DEAD_REPLAY, id=number)
        await eventually(dead, what="the dead letter once more")
        await ask(operator, subjects.TELEMETRY_DEAD_DISCARD, id=(await dead())[0])
        await ask(operator, subjects.TELEMETRY_STATE_GET)
        await ask(operator, subjects.AUTH_STATE_GET)
        claimed = await ask(operator, subjects.OTOSENSE_SENSORS_PROVISION, cert=chain("0000S111A"))
        await ask(operator, subjects.OTOSENSE_SENSORS_GET, sensorId=claimed["sensorId"])

        async def followed():
            return (await ask(operator, subjects.OTOSENSE_SENSORS_LIST))["items"]

        await eventually(followed, what="the motor sensor in the list")
        for running in suite.running:
            assert await running.process.stop() == 0, running.process.text()
    finally:
        await operator.close()
        await alice.close()
        await suite.stop()
    for running in suite.running:
        assert "ermissions" not in running.process.text(), running.process.text()
    server = bus.process.text()
    assert "iolation" not in server, server
    for user in USERS:
        assert password(user) not in server
