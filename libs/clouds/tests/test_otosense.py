"""A claim that OtoSense granted stays one, whatever id it shows."""

import asyncio
import json

import pytest
from pydantic import SecretStr

from ferry.clouds.errors import BadAnswerError
from ferry.clouds.http import CloudHttp
from ferry.clouds.otosense import ClaimedError, OtoSense


async def provision(body: bytes, status: str = "200 OK"):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, CloudHttp(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as http:
        return await OtoSense(http).provision(SecretStr("t"), "cert")


@pytest.mark.parametrize(
    "sensor_id", ["0000.S111A", "a/b", "..", "", "\x1b[2J", "x" * 1000, None, 7, ["a"], {}]
)
@pytest.mark.parametrize("status", ["200 OK", "201 Created"])
async def test_an_id_that_cannot_be_used_is_a_claim_all_the_same(sensor_id, status):
    with pytest.raises(ClaimedError) as claimed:
        await provision(json.dumps({"sensorId": sensor_id}).encode(), status)
    assert str(claimed.value).isprintable()
    assert len(str(claimed.value)) < 250


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null"])
async def test_a_page_of_a_proxy_is_no_claim(body):
    with pytest.raises(BadAnswerError) as bad:
        await provision(body)
    assert not isinstance(bad.value, ClaimedError)


async def test_an_id_is_read():
    assert (await provision(b'{"sensorId":"0000S111A"}')).sensor_id == "0000S111A"
