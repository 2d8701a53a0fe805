"""One replica on a real bus, against a token endpoint on a real socket."""

import time
from contextlib import asynccontextmanager

import pytest

from ferry.auth.app import lifespan
from ferry.auth.settings import AuthSettings, OtoSenseSettings, ThingPlusSettings, TokenSettings
from ferry.contract import subjects
from ferry.contract.auth import AuthState, CloudState, StateRequest, Token, TokenRequest
from ferry.runtime.requests import ask
from ferry.runtime.service import running
from ferry.runtime.settings import HealthSettings, NatsSettings
from harness.token_cloud import OTOSENSE_SECRET, PASSWORD, PASSWORD_MD5, SECRET, token_cloud


@pytest.fixture
async def cloud():
    async with token_cloud() as serving:
        yield serving


def settings(bus, cloud, **auth) -> AuthSettings:
    return AuthSettings(
        nats=NatsSettings(url=bus.url),
        health=HealthSettings(host="127.0.0.1", port=0),
        thingplus=ThingPlusSettings(
            url=f"{cloud.url}/v2", client_id="id", client_secret=SECRET, username="me", password=PASSWORD
        ),
        otosense=OtoSenseSettings(url=cloud.url, client_id="oto", client_secret=OTOSENSE_SECRET),
        auth=TokenSettings(**{"cloud_timeout_s": 1.0, **auth}),
    )


@asynccontextmanager
async def auth(bus, cloud, **more):
    async with running("auth", settings(bus, cloud, **more), lifespan) as service:
        yield service


async def token(client, rejected=None, cloud="thingplus") -> Token:
    return await ask(client, subjects.AUTH_TOKEN_GET, TokenRequest(cloud=cloud, rejected=rejected), Token)


async def state(client, cloud="thingplus") -> CloudState:
    found = await ask(client, subjects.AUTH_STATE_GET, StateRequest(), AuthState)
    return next(one for one in found.clouds if one.cloud == cloud)


async def test_both_clouds_give_what_the_guides_say(bus, nats_client, cloud):
    async with auth(bus, cloud):
        got = await token(nats_client)
        assert (got.access_token.get_secret_value(), got.generation) in {(name, 1) for name in cloud.granted}
        assert 3590 < got.expires_in <= 3600
        assert abs(got.expires_at / 1000 - time.time() - got.expires_in) < 1
        await token(nats_client, cloud="otosense")
    asked = {path: (headers, form) for path, headers, form in cloud.asked}
    headers, form = asked["/v2/oauth2/token"]
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert form == {
        "grant_type": "password",
        "client_id": "id",
        "client_secret": SECRET,
        "username": "me",
        "password": PASSWORD_MD5,
    }
    headers, form = asked["/oauth/token"]
    assert form == {"grant_type": "client_credentials"}
