"""Auth in the test's own process, as a replica of production: its user, its permissions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.client import Client
from pydantic import SecretStr

from ferry.auth.app import lifespan
from ferry.auth.settings import AuthSettings, OtoSenseSettings, ThingPlusSettings, TokenSettings
from ferry.auth.tokens.bucket import TokensBucket
from ferry.runtime.service import Service, running
from ferry.runtime.settings import HealthSettings
from harness.bus import Bus
from harness.token_cloud import OTOSENSE_SECRET, PASSWORD, SECRET, TokenCloud


def settings(bus: Bus, cloud: TokenCloud, *, otosense: bool = False, **thingplus: object) -> AuthSettings:
    account = {
        "url": f"{cloud.url}/v2",
        "client_id": "id",
        "client_secret": SECRET,
        "username": "me",
        "password": PASSWORD,
    }
    oto = OtoSenseSettings.model_validate(
        {"url": cloud.url, "client_id": "oto", "client_secret": OTOSENSE_SECRET}
    )
    return AuthSettings(
        nats=bus.settings("auth"),
        health=HealthSettings(host="127.0.0.1", port=0),
        thingplus=ThingPlusSettings.model_validate({**account, **thingplus}),
        otosense=oto if otosense else None,
        auth=TokenSettings(cloud_timeout_s=1.0, encryption_key=SecretStr("k" * 32)),
    )


@asynccontextmanager
async def auth(
    bus: Bus, cloud: TokenCloud, *, otosense: bool = False, **thingplus: object
) -> AsyncIterator[Service]:
    async with running("auth", settings(bus, cloud, otosense=otosense, **thingplus), lifespan) as service:
        yield service


def bucket_of(bus: Bus, client: Client) -> TokensBucket:
    return TokensBucket(client, client.jetstream())
