"""What a whole registration ends in, with services of a test's own: a plan that is full, and a first reading."""

import time

import pytest

from ferry.contract import subjects
from ferry.contract.registry import (
    ListRequest,
    NewDevice,
    NewSensor,
    RegisteredGateway,
    RegisterGateway,
    RegisterSensor,
    Sensor,
    SensorList,
)
from ferry.runtime.requests import ask
from harness.processes import eventually

GATEWAY = "87cd2a6e407511e7922eb724f8803770"
DEVICE = NewDevice(name="D", req_id="device")


async def test_207_tells_what_the_plan_has_no_room_for(nats_client, suite, sandbox):
    trial = {
        "CLIENT_ID": "trialClientId",
        "CLIENT_SECRET": "trial-client-secret",
        "USERNAME": "trialadmin",
        "PASSWORD": "trial-password",
    }
    await suite.start("auth", {f"FERRY_THINGPLUS__{name}": value for name, value in trial.items()})
    await suite.start("registry")
    sensors = [
        NewSensor(device_id="device", name="S", type="temperature", req_id=f"s{number}")
        for number in range(23)  # of 20 that a trial account may have
    ]
    asked = RegisterGateway(name="G", req_id=GATEWAY, devices=[DEVICE], sensors=sensors)
    for _ in range(2):
        found = await ask(nats_client, subjects.REGISTRY_GATEWAYS_REGISTER, asked, RegisteredGateway)
        refused = {(part.noun, part.id, part.problem.status) for part in found.refused or ()}
        assert refused == {("sensor", f"s{number}", 471) for number in (20, 21, 22)}
    page = await ask(nats_client, subjects.REGISTRY_SENSORS_LIST, ListRequest(owner=GATEWAY), SensorList)
    assert len(page.items) == 20
    counters = await sandbox.get("/admin/counters")
    assert (counters["gateways"], counters["sensors"]) == (1, 20)


async def register(client, sensor):
    gateway = RegisterGateway(name="G", req_id=GATEWAY, devices=[DEVICE])
    await ask(client, subjects.REGISTRY_GATEWAYS_REGISTER, gateway, RegisteredGateway)
    wanted = RegisterSensor(owner=GATEWAY, device_id="device", name="S", type="temperature", req_id=sensor)
    await ask(client, subjects.REGISTRY_SENSORS_REGISTER, wanted, Sensor)


@pytest.mark.parametrize("published_first", [False, True])
async def test_a_new_sensors_first_reading_passes_within_a_second(
    suite, sandbox, nats_client, publisher, published_first
):
    for service in ("auth", "registry", "telemetry"):
        await suite.start(service)
    await register(nats_client, "known")
    subject = subjects.sensor_series(GATEWAY, "probe")
    body = b'{"value": "36.5", "time": 1495715734508}'
    if published_first:
        await publisher.jetstream().publish(subject, body)
    await register(nats_client, "probe")
    begun = time.monotonic()
    if not published_first:
        await publisher.jetstream().publish(subject, body)

    async def arrived():
        return await sandbox.series(GATEWAY, "probe")

    await eventually(arrived, within_s=5, what="the reading at the cloud")
    assert time.monotonic() - begun < 1
