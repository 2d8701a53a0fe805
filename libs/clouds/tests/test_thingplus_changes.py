"""PUT and DELETE over a real socket, at a cloud that keeps entities as Thing+ shows them."""

import asyncio
import json
from typing import Any

import pytest
from pydantic import SecretStr

from ferry.clouds.errors import BadAnswerError, BearerRefusedError, RefusedError
from ferry.clouds.http import CloudHttp
from ferry.clouds.thingplus.client import ThingPlus
from ferry.contract.auth import Token
from ferry.contract.registry import Device, Gateway, Sensor

GATEWAY = {
    "id": "g1", "name": "Old", "model": "52", "_site": 1, "_service": "1", "reportInterval": "300000",
    "deviceModels": [{"id": "d1", "model": "open-api-device-v1.0"}], "devices": ["d1"], "mtime": "5", "ctime": "4",
}  # fmt: skip
DEVICE = {"id": "d1", "owner": "g1", "name": "Old", "model": "open-api-device-v1.0", "mtime": "5", "ctime": 4}
SENSOR = {
    "id": "s1", "owner": "g1", "name": "Old", "type": "temperature", "driverName": "openApiSensor",
    "model": "openApiTemp", "category": "sensor", "deviceId": "d1", "sequence": "1", "network": "daliworks",
}  # fmt: skip


class Tokens:
    async def with_token(self, call):
        return await call(Token(access_token=SecretStr("t"), expires_in=60, expires_at=0, generation=1))


class SmallCloud:
    """`odd` answers a PUT with another entity than the one that was changed."""

    def __init__(self, odd: bool = False) -> None:
        self.there = {
            "/v2/gateways/g1": dict(GATEWAY),
            "/v2/gateways/g1/devices/d1": dict(DEVICE),
            "/v2/gateways/g1/sensors/s1": dict(SENSOR),
        }
        self.put: list[dict[str, Any]] = []
        self._odd = odd

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path, _ = head.split(" ", 2)
        length = [
            int(line.split(":")[1]) for line in head.lower().splitlines() if line.startswith("content-length")
        ]
        body = await reader.readexactly(length[0]) if length else b""
        status, data = self._answer(method, path, body)
        said = (
            b""
            if status == 204
            else json.dumps({"statusCode": status, "message": "m", "data": data}).encode()
        )
        size = "" if status == 204 else f"Content-Length: {len(said)}\r\n"
        writer.write(f"HTTP/1.1 {status} X\r\n{size}Connection: close\r\n\r\n".encode() + said)
        await writer.drain()
        writer.close()

    def _answer(self, method, path, body):
        if path not in self.there:
            return 404, None
        if method == "DELETE":
            del self.there[path]
            return 204, None
        if method == "PUT":
            self.put.append(json.loads(body))
            self.there[path] = json.loads(body)
            return 200, {"id": "another"} if self._odd else self.there[path]
        return 200, self.there[path]


@pytest.fixture(params=[False, True], ids=["answers as it should", "answers with another entity"])
def small(request):
    return SmallCloud(odd=request.param)


@pytest.fixture
async def cloud(small):
    server = await asyncio.start_server(small.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, CloudHttp(f"http://127.0.0.1:{port}/v2") as http:
        yield ThingPlus(http, Tokens())


async def test_a_change_sends_the_entity_back_with_what_ferry_does_not_know_of(cloud, small):
    gateway = Gateway(id="g1", name="New", model="52", site_id="1", report_interval=300_000)
    device = Device(id="d1", owner="g1", name="New", model="open-api-device-v1.0")
    sensor = Sensor(
        id="s1", owner="g1", device_id="d1", name="New", type="temperature", driver_name="openApiSensor",
        model="openApiTemp", category="sensor",
    )  # fmt: skip
    changed = [
        await cloud.update_gateway(gateway), await cloud.update_device(device), await cloud.update_sensor(sensor)
    ]  # fmt: skip
    assert small.put == [{**GATEWAY, "name": "New"}, {**DEVICE, "name": "New"}, {**SENSOR, "name": "New"}]
    times = {"mtime", "ctime"}
    assert [one.model_dump(exclude=times) for one in changed] == [
        one.model_dump(exclude=times) for one in (gateway, device, sensor)
    ]


async def test_a_report_interval_is_sent_as_a_number_when_it_changes(cloud, small):
    await cloud.update_gateway(Gateway(id="g1", name="Old", model="52", site_id="1", report_interval=60_000))
    assert small.put == [{**GATEWAY, "reportInterval": 60_000}]


async def test_a_change_of_what_is_not_there_is_a_404(cloud):
    with pytest.raises(RefusedError) as refused:
        await cloud.update_gateway(
            Gateway(id="g2", name="n", model="52", site_id="1", report_interval=60_000)
        )
    assert refused.value.status == 404


async def test_a_deletion_says_whether_it_was_there(cloud):
    assert [await cloud.delete_sensor("g1", "s1"), await cloud.delete_sensor("g1", "s1")] == [True, False]
    assert [await cloud.delete_device("g1", "d1"), await cloud.delete_device("g1", "d1")] == [True, False]
    assert [await cloud.delete_gateway("g1"), await cloud.delete_gateway("g1")] == [True, False]


async def test_a_site_whose_id_is_a_number_is_read(cloud):
    found = await cloud.gateway("g1")
    assert found is not None
    assert found.site_id == "1"


@pytest.mark.parametrize("items", [1000, 3])
async def test_a_list_that_ignores_the_page_and_holds_rubbish_is_read_once(cloud, small, items):
    sensors = [{**SENSOR, "id": f"s{n}"} for n in range(items - 1)]
    small.there["/v2/gateways/g1/sensors?count=1000&page=0"] = [*sensors, None]
    small.there["/v2/gateways/g1/sensors?count=1000&page=1"] = [*sensors, None]
    listed = await cloud.sensors("g1")
    assert len(listed.items) == items - 1
    assert listed.unreadable == ["None: not an object"]


async def test_one_site_that_cannot_be_read_hides_no_other(cloud, small):
    small.there["/v2/sites"] = [{"id": [], "name": 1}, {"id": 7, "name": "Plant"}]
    assert [site.id for site in await cloud.sites()] == ["7"]
    small.there["/v2/sites"] = [{"id": [], "name": 1}]
    with pytest.raises(BadAnswerError, match="no site that can be read"):
        await cloud.sites()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        ("404 Not Found", b"<html>proxy</html>", BadAnswerError),
        ("404 Not Found", b'{"error":"no route"}', BadAnswerError),
        ("403 Forbidden", b"<html>blocked</html>", BadAnswerError),
        ("200 OK", b"<html>log in</html>", BadAnswerError),
        ("302 Found", b"", BadAnswerError),
        ("502 Bad Gateway", b"<html>", RefusedError),
        ("200 OK", b'{"statusCode":403,"errors":[{"code":"ACL_DENY"}]}', RefusedError),
        ("403 No", b'{"name":"JsonWebTokenError","message":"jwt malformed"}', BearerRefusedError),
    ],
)
async def test_only_things_own_answer_ends_or_denies_anything(status, body, kind):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, CloudHttp(f"http://127.0.0.1:{port}/v2") as http:
        cloud = ThingPlus(http, Tokens())
        for call in (cloud.delete_gateway("g1"), cloud.gateway("g1"), cloud.gateways(0, 10)):
            with pytest.raises(kind) as raised:
                await call
            assert type(raised.value) is kind
