"""Services as `nats micro` sees them, asked with nats-py and, where it is installed, with the nats command."""

import asyncio
import json
import shutil

import pytest
from jsonschema import Draft202012Validator
from nats.micro.service import ServiceInfo, ServicePing, ServiceStats
from pydantic import BaseModel

from ferry.contract import subjects
from ferry.contract.auth import AuthState, StateRequest
from ferry.contract.problems import ProblemError
from ferry.runtime.requests import ask
from ferry.runtime.service import running
from ferry.runtime.settings import HealthSettings, NatsSettings, RuntimeSettings
from harness.processes import eventually


class Empty(BaseModel):
    """Nothing."""


async def state(_: StateRequest) -> AuthState:
    return AuthState(clouds=[])


async def refuse(_: Empty) -> Empty:
    raise ProblemError.of("refused", 409, "a secret that a caller sent")


def auth(bus):
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def lifespan(service):
        service.serve(subjects.AUTH_STATE_GET, StateRequest, state)
        service.serve("ferry.v1.auth.test.refuse", Empty, refuse)
        yield

    settings = RuntimeSettings(
        nats=NatsSettings(url=bus.url), health=HealthSettings(host="127.0.0.1", port=0)
    )
    return running("auth", settings, lifespan)


async def all_answers(client, subject):
    inbox = client.new_inbox()
    answers = await client.subscribe(inbox)
    await client.publish(subject, b"", reply=inbox)
    found = []
    try:
        while True:
            answer = await answers.next_msg(timeout=0.3)
            if not (answer.headers or {}).get("Status"):  # 503: nobody there
                found.append(json.loads(answer.data))
    except TimeoutError:
        return found


async def test_every_replica_answers_a_ping_by_all_three_subjects(bus, nats_client):
    async with auth(bus), auth(bus):
        everyone = [ServicePing.from_dict(one) for one in await all_answers(nats_client, "$SRV.PING")]
        assert len({one.id for one in everyone}) == 2
        assert {(one.name, one.version) for one in everyone} == {("ferry-auth", "0.1.0")}
        assert len(await all_answers(nats_client, "$SRV.PING.ferry-auth")) == 2
        assert await all_answers(nats_client, "$SRV.PING.ferry-registry") == []
        (one,) = await all_answers(nats_client, f"$SRV.PING.ferry-auth.{everyone[0].id}")
        assert one["id"] == everyone[0].id
        assert one["type"] == "io.nats.micro.v1.ping_response"


async def test_info_has_each_endpoint_with_its_schemas(bus, nats_client):
    async with auth(bus):
        (answer,) = await all_answers(nats_client, "$SRV.INFO.ferry-auth")
    info = ServiceInfo.from_dict(answer)
    endpoint = next(one for one in info.endpoints if one.subject == subjects.AUTH_STATE_GET)
    assert (endpoint.name, endpoint.queue_group) == ("auth-state-get", "ferry-auth")
    assert "credential" in (info.description or "")
    Draft202012Validator(json.loads(endpoint.metadata["request_schema"])).validate({})
    Draft202012Validator(json.loads(endpoint.metadata["response_schema"])).validate({"clouds": []})


async def test_stats_count_requests_and_errors_without_a_callers_words(bus, nats_client):
    async with auth(bus):
        for _ in range(3):
            await ask(nats_client, subjects.AUTH_STATE_GET, StateRequest(), AuthState)
        with pytest.raises(ProblemError):
            await ask(nats_client, "ferry.v1.auth.test.refuse", Empty(), Empty)
        (answer,) = await all_answers(nats_client, "$SRV.STATS")
    assert "secret" not in json.dumps(answer)
    stats = {one.subject: one for one in ServiceStats.from_dict(answer).endpoints}
    good, bad = stats[subjects.AUTH_STATE_GET], stats["ferry.v1.auth.test.refuse"]
    assert (good.num_requests, good.num_errors, good.last_error) == (3, 0, "")
    assert (bad.num_requests, bad.num_errors, bad.last_error) == (1, 1, "409:refused")
    assert good.processing_time >= good.average_processing_time > 0


@pytest.mark.parametrize("verb", ["PING", "INFO", "STATS"])
async def test_it_answers_to_inboxes_alone(bus, nats_client, verb):
    caught = await nats_client.subscribe("$KV.ferry-tokens.>")
    async with auth(bus):
        await nats_client.publish(f"$SRV.{verb}", b"", reply="$KV.ferry-tokens.thingplus.token")
        assert len(await all_answers(nats_client, f"$SRV.{verb}")) == 1
    assert caught.pending_msgs == 0


async def test_a_service_that_stops_is_found_no_more(bus, nats_client):
    async with auth(bus):
        assert await all_answers(nats_client, "$SRV.PING")
    assert await all_answers(nats_client, "$SRV.PING") == []


@pytest.mark.skipif(not shutil.which("nats"), reason="the nats command is not installed")
async def test_the_nats_command_lists_and_shows_it(bus, nats_client):
    async with auth(bus):
        await ask(nats_client, subjects.AUTH_STATE_GET, StateRequest(), AuthState)

        async def said(*arguments):
            command = ("nats", "--server", bus.url, "micro", *arguments)
            child = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-2)
            return (await child.communicate())[0].decode()

        assert "ferry-auth" in await said("ls")
        assert subjects.AUTH_STATE_GET in await said("info", "ferry-auth")

        async def counted():
            return "auth-state-get" in await said("stats", "ferry-auth")

        await eventually(counted, what="the endpoint's statistics")
