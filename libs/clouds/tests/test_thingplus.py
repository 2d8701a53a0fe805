"""ThingPlus says the guide's own bodies (chapters 5 to 7) and understands what the sandbox answers."""

import pytest
from pydantic import SecretStr

from ferry.clouds.errors import RefusedError
from ferry.clouds.http import CloudHttp
from ferry.clouds.thingplus.client import ThingPlus
from ferry.contract.auth import Token
from ferry.contract.registry import Device, Gateway, Sensor
from harness.services import bearer

GATEWAY = Gateway(
    id="87cd2a6e407511e7922eb724f8803770",
    name="Open Gateway 1",
    model="52",
    site_id="1",
    report_interval=300_000,
)
DEVICE = Device(
    id="366d685f93f5477a8d29e8c45bae0a31",
    owner=GATEWAY.id,
    name="Open Gateway Device 1",
    model="open-api-device-v1.0",
)
SENSOR = Sensor(
    id="d815ba2f84eb490b8e68d9dd744da397",
    owner=GATEWAY.id,
    device_id=DEVICE.id,
    name="Temperature Sensor",
    type="temperature",
    driver_name="openApiSensor",
    model="openApiTemp",
    category="sensor",
)
TIMES = {"mtime", "ctime"}


class OneToken:
    def __init__(self, token):
        self._token = token

    async def with_token(self, call):
        return await call(self._token)


class Recording:
    """Sends, and keeps each POST's path and body."""

    def __init__(self, http):
        self._http = http
        self.posts = []

    async def exchange(self, method, path, **more):
        if method == "POST":
            self.posts.append((path, more["json"]))
        return await self._http.exchange(method, path, **more)


@pytest.fixture
async def recording(sandbox):
    async with CloudHttp(sandbox.thingplus) as http:
        yield Recording(http)


@pytest.fixture
async def cloud(sandbox, recording):
    secret = SecretStr(await bearer(sandbox))
    return ThingPlus(
        recording, OneToken(Token(access_token=secret, expires_in=60, expires_at=0, generation=1))
    )


async def test_the_guides_bodies_are_sent_and_its_entities_come_back(cloud, recording):
    made = [
        (await cloud.register_gateway(GATEWAY)).gateway,
        await cloud.register_device(DEVICE),
        await cloud.register_sensor(SENSOR),
    ]
    # The guide's gateway body leaves reportInterval out; Ferry always says what the registry will hold.
    gateway = {"siteId": "1", "model": "52", "name": "Open Gateway 1", "reportInterval": 300_000}
    device = {"reqId": DEVICE.id, "name": "Open Gateway Device 1", "model": "open-api-device-v1.0"}
    sensor = {
        "reqId": SENSOR.id,
        "name": "Temperature Sensor",
        "type": "temperature",
        "driverName": "openApiSensor",
        "model": "openApiTemp",
        "category": "sensor",
        "deviceId": DEVICE.id,
    }
    assert recording.posts == [
        ("/registerGateway", {"reqId": GATEWAY.id, "params": gateway}),
        (f"/gateways/{GATEWAY.id}/devices", device),
        (f"/gateways/{GATEWAY.id}/sensors", sensor),
    ]
    for found, wanted in zip(made, (GATEWAY, DEVICE, SENSOR), strict=True):
        assert found.model_dump(exclude=TIMES) == wanted.model_dump(exclude=TIMES)
    looked_up = [
        await cloud.gateway(GATEWAY.id),
        await cloud.device(GATEWAY.id, DEVICE.id),
        await cloud.sensor(GATEWAY.id, SENSOR.id),
    ]
    listed = [
        *(await cloud.gateways(0, 10)).items,
        *(await cloud.devices(GATEWAY.id)).items,
        *(await cloud.sensors(GATEWAY.id)).items,
    ]
    for found, wanted in zip([*looked_up, *listed], [GATEWAY, DEVICE, SENSOR] * 2, strict=True):
        assert found.model_dump(exclude=TIMES) == wanted.model_dump(exclude=TIMES)


async def test_a_gateway_brings_its_devices_and_sensors_and_207_shows_those_that_are_there(cloud, recording):
    other = SENSOR.model_copy(update={"id": "other", "device_id": "nowhere"})
    made = await cloud.register_gateway(GATEWAY, [DEVICE], [SENSOR, other])
    params = recording.posts[0][1]["params"]
    assert [part["reqId"] for part in (*params["devices"], *params["sensors"])] == [
        DEVICE.id, SENSOR.id, "other"
    ]  # fmt: skip
    found = [made.gateway, *made.devices, *made.sensors]
    assert [one.model_dump(exclude=TIMES) for one in found] == [
        one.model_dump(exclude=TIMES) for one in (GATEWAY, DEVICE, SENSOR)
    ]


async def test_a_second_registration_is_409_and_what_is_not_there_is_none(cloud):
    await cloud.register_gateway(GATEWAY)
    with pytest.raises(RefusedError) as refused:
        await cloud.register_gateway(GATEWAY)
    assert refused.value.status == 409
    assert await cloud.device(GATEWAY.id, DEVICE.id) is None
    assert await cloud.sensor(GATEWAY.id, SENSOR.id) is None


async def test_sites_and_the_gateway_model_are_read(cloud):
    assert [site.id for site in await cloud.sites()] == ["1"]
    model = await cloud.gateway_model("52")
    assert "open-api-device-v1.0" in [device.id for device in model.device_models]
