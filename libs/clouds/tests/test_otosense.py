"""OtoSense's client against a real socket that answers what it is told."""

import json

import pytest
from pydantic import SecretStr

from ferry.clouds.errors import BadAnswerError, BearerRefusedError, RefusedError
from ferry.clouds.http import CloudHttp
from ferry.clouds.otosense import OtoSense
from harness.token_cloud import reply, token_cloud

TOKEN = SecretStr("token")
SENSOR = {"sensorId": "S1", "provisioned": "2020-08-18T18:43:35.713Z", "provisionedBy": "key"}


async def got(answer: bytes):
    async with token_cloud() as cloud:
        cloud.answer = answer
        async with CloudHttp(cloud.url) as http:
            return await OtoSense(http).get(TOKEN, "S1")


def said(body: object, status: int = 200) -> bytes:
    return reply(status, json.dumps(body).encode())


async def test_a_404_in_its_own_words_is_a_sensor_that_is_not_there():
    assert await got(said({"message": "sensor S1 is not provisioned"}, 404)) is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>no route</html>", b"{}", b'"Not Found"', b'{"error":"no route"}', b"[]"]
)
async def test_another_404_says_nothing_of_the_sensor(body):
    with pytest.raises(BadAnswerError, match="404 with what is not OtoSense's"):
        await got(reply(404, body))


async def test_an_answer_about_another_sensor_is_no_answer():
    with pytest.raises(BadAnswerError, match="another sensor"):
        await got(said({**SENSOR, "sensorId": "S2"}))


async def test_texts_of_the_cloud_are_kept_short_and_printable():
    found = await got(said({**SENSOR, "provisionedBy": "\x1b[31m" + "x" * 10_000, "lastConnected": 7}))
    assert found.provisioned_by.isprintable()
    assert len(found.provisioned_by) <= 100
    assert found.last_connected == "7"


async def test_refusals_stay_what_they_are():
    with pytest.raises(BearerRefusedError):
        await got(said({"message": "Unauthorized"}, 401))
    with pytest.raises(RefusedError):
        await got(said({"message": "busy"}, 503))
    with pytest.raises(BadAnswerError):
        await got(reply(302, b"", "Location: /elsewhere"))
