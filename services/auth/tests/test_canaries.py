"""Every secret and token is a canary: whatever auth says, in whatever trouble, none of them is in it."""

import asyncio
import base64
import json
import logging
import time
from urllib.parse import quote_plus

import pytest
import structlog
from nats.aio.client import Client
from nats.js.api import ConsumerConfig, DeliverPolicy
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import generate_latest

from ferry.auth.app import lifespan
from ferry.auth.credentials.accounts import accounts
from ferry.auth.settings import AuthSettings, OtoSenseSettings, ThingPlusSettings, TokenSettings
from ferry.contract import subjects
from ferry.contract.auth import ClientRequest, TokenRequest
from ferry.runtime import logs
from ferry.runtime.service import running
from ferry.runtime.settings import HealthSettings, LogSettings
from harness.auth import auth_env, get_state, get_token, has_logged, otosense_env, thingplus_env
from harness.processes import eventually, process, python
from harness.token_cloud import OTOSENSE_SECRET, PASSWORD, PASSWORD_MD5, SECRET, token_cloud

KEY = "canary-encryption-key-0123456789abcdef"
CANARIES = (
    SECRET,
    PASSWORD,
    PASSWORD_MD5,
    OTOSENSE_SECRET,
    quote_plus(OTOSENSE_SECRET),
    base64.b64encode(f"oto:{OTOSENSE_SECRET}".encode()).decode(),
    KEY,
    "canary-token",
    "canary-session",
)


def leaks(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


async def all_events(client: Client) -> str:
    jetstream = client.jetstream()
    stored = (await jetstream.stream_info("FERRY_EVENTS")).state.messages
    consumer = await jetstream.pull_subscribe(
        subjects.EVENTS, config=ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
    )
    messages = await consumer.fetch(stored, timeout=2)
    return "\n".join(f"{message.subject} {message.headers} {message.data!r}" for message in messages)


@pytest.fixture
async def cloud():
    async with token_cloud() as serving:
        yield serving


@pytest.fixture
def real_logs(capfd):
    """Logs as a service writes them, at their most talkative; put back afterwards."""
    root = logging.getLogger()
    handlers, level, kept = root.handlers[:], root.level, structlog.get_config()
    logs.configure("auth", LogSettings(level="debug"))
    yield lambda: "".join(capfd.readouterr())
    root.handlers[:], root.level = handlers, level
    structlog.configure(**kept)
    structlog.contextvars.clear_contextvars()


async def test_no_secret_shows_in_logs_traces_events_errors_metrics_or_reprs(
    bus, nats_client, cloud, real_logs
):
    settings = AuthSettings(
        nats=bus.settings("auth"),
        health=HealthSettings(host="127.0.0.1", port=0),
        thingplus=ThingPlusSettings(
            url=f"{cloud.url}/v2", client_id="id", client_secret=SECRET, username="me", password=PASSWORD
        ),
        otosense=OtoSenseSettings(url=cloud.url, client_id="oto", client_secret=OTOSENSE_SECRET),
        auth=TokenSettings(encryption_key=KEY, cloud_timeout_s=5),
    )
    said: list[str] = [repr(settings), str(settings), repr(accounts(settings)), settings.model_dump_json()]
    spans = InMemorySpanExporter()
    async with running("auth", settings, lifespan) as service:
        service.seen.tracers.add_span_processor(SimpleSpanProcessor(spans))
        for name in ("thingplus", "otosense"):
            token = await get_token(nats_client, cloud=name)
            said += [repr(token), str(token), repr(token.model_dump())]
        for cloud.echo in (401, 503, 302, 200):
            for name in ("thingplus", "otosense"):
                rejected = TokenRequest(rejected=1).model_dump_json().encode()
                raw = await nats_client.request(subjects.AUTH_TOKEN_GET[name], rejected, timeout=10)
                said.append(f"{raw.headers} {raw.data!r}")
                said.append(repr(await get_state(nats_client, cloud=name)))
            request = ClientRequest(
                name="n", req_id="i", client_secret=SECRET, session="canary-session", login_id="me"
            )
            said.append(repr(request))
            body = request.model_dump_json(exclude_none=True).encode()
            raw = await nats_client.request(subjects.AUTH_CLIENT_CREATE, body, timeout=10)
            assert "Nats-Service-Error" in (raw.headers or {})
            said.append(f"{raw.headers} {raw.data!r}")
        bad = json.dumps({"name": "", "clientSecret": SECRET, "password": PASSWORD_MD5, "wrong": SECRET})
        raw = await nats_client.request(subjects.AUTH_CLIENT_CREATE, bad.encode())
        said.append(f"{raw.headers} {raw.data!r}")
        said.append(await all_events(nats_client))
        said.append(generate_latest().decode())
    said.append("\n".join(span.to_json() for span in spans.get_finished_spans()))
    said.append(real_logs())
    whole = "\n".join(said)
    for expected in (
        "credentials.refused",
        "[secret]",
        "token.obtained",
        "ferry_auth_attempts",
        "auth.thingplus.token",
    ):
        assert expected in whole
    assert leaks(whole) == [], [text for text in said if leaks(text)][:1]


async def test_wrong_settings_are_named_without_their_values(bus, cloud, tmp_path):
    wrong = {
        "FERRY_THINGPLUS__URL": f"https://me:{SECRET}@thingplus.invalid/",
        "FERRY_THINGPLUS__PASSWORD_MD5": PASSWORD,
        "FERRY_AUTH__ENCRYPTION_KEY": "canary-token",
    }
    env = auth_env(bus, wrong, tmp_path)
    async with process("auth", python("ferry.auth"), tmp_path, env) as started:
        assert await asyncio.wait_for(started.child.wait(), 20) == 2
        for name in wrong:
            assert name in started.text()
        assert leaks(started.text()) == []


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_a_changed_file_is_taken_up_at_once_without_a_restart(
    log_format, bus, nats_client, cloud, tmp_path
):
    """As Kubernetes does it: files are links into ..data, and ..data is swapped for another directory."""
    secrets = tmp_path / "secrets"
    env = thingplus_env(cloud) | otosense_env(cloud) | {"FERRY_LOG__FORMAT": log_format}
    del env["FERRY_THINGPLUS__CLIENT_SECRET"]

    def publish(name: str, secret: str) -> None:
        version = secrets / f"..{name}"
        version.mkdir(parents=True)
        (version / "FERRY_THINGPLUS__CLIENT_SECRET").write_text(secret + "\n")
        fresh = secrets / "..data_tmp"
        fresh.symlink_to(version.name)
        fresh.rename(secrets / "..data")
        link = secrets / "FERRY_THINGPLUS__CLIENT_SECRET"
        if not link.is_symlink():
            link.symlink_to("..data/FERRY_THINGPLUS__CLIENT_SECRET")

    publish("1", "canary-token-wrong")
    async with process("auth", python("ferry.auth"), tmp_path, auth_env(bus, env, tmp_path)) as started:
        await has_logged(started, "service.started")

        async def state_is(wanted: str) -> bool:
            return (await get_state(nats_client)).state == wanted

        await eventually(lambda: state_is("refused"), what="a refusal")
        swapped = time.monotonic()
        publish("2", SECRET)
        await eventually(lambda: state_is("ok"), what="the new secret")
        assert time.monotonic() - swapped < 3.5  # a poll, not the back-off's five seconds and more
        assert (await get_token(nats_client)).generation == 1
        publish("3", "")
        await eventually(lambda: state_is("unconfigured"), what="the missing secret")
        assert (await get_token(nats_client)).generation == 1
        assert started.running
        assert leaks(started.text()) == []
