import asyncio
from contextlib import asynccontextmanager

import httpx2
import pytest
from pydantic import BaseModel, ConfigDict

from ferry.contract.problems import ProblemError
from ferry.runtime.health import Check
from ferry.runtime.requests import ask
from ferry.runtime.service import Service, running
from ferry.runtime.settings import HealthSettings, NatsSettings, RuntimeSettings
from harness.processes import eventually, free_port


class Question(BaseModel):
    model_config = ConfigDict(extra="forbid")
    word: str


class Reply(BaseModel):
    word: str


async def shout(question: Question) -> Reply:
    if question.word == "boom":
        raise RuntimeError("secret inside")
    if question.word == "no":
        raise ProblemError.of("no", 422, "no means no", field="word")
    return Reply(word=question.word.upper())


@asynccontextmanager
async def lifespan(service: Service):
    service.serve("ferry.v1.test.shout", Question, shout)
    yield


def settings(url: str, port: int = 0) -> RuntimeSettings:
    return RuntimeSettings(nats=NatsSettings(url=url), health=HealthSettings(host="127.0.0.1", port=port))


async def test_a_request_is_answered_and_every_failure_is_a_problem(bus, nats_client):
    async with running("test", settings(bus.url), lifespan):
        answer = await ask(nats_client, "ferry.v1.test.shout", Question(word="hi"), Reply)
        assert answer.word == "HI"
        for word, status in (("no", 422), ("boom", 500)):
            with pytest.raises(ProblemError) as refused:
                await ask(nats_client, "ferry.v1.test.shout", Question(word=word), Reply)
            assert refused.value.problem.status == status
            assert "secret inside" not in str(refused.value)
        raw = await nats_client.request("ferry.v1.test.shout", b"not json")
        assert raw.headers["Nats-Service-Error-Code"] == "400"
        raw = await nats_client.request("ferry.v1.test.shout", b'{"word": "x", "wrod": 1}')
        assert b'"field":"wrod"' in raw.data


async def test_nobody_serving_is_said_at_once(nats_client):
    with pytest.raises(ProblemError) as refused:
        await ask(nats_client, "ferry.v1.test.nobody", Question(word="hi"), Reply)
    assert refused.value.problem.status == 503


async def test_health_speaks_before_the_bus_is_there_and_ready_follows_it(bus):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    await bus.process.kill()
    entered = asyncio.Event()

    async def run() -> None:
        async with running("test", settings(bus.url, port), lifespan):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(run())
    async with httpx2.AsyncClient() as client:

        async def status(path: str) -> int:
            try:
                return (await client.get(url + path)).status_code
            except httpx2.TransportError:
                return 0

        async def is_(path: str, code: int) -> bool:
            return await status(path) == code

        await eventually(lambda: is_("/livez", 200), what="livez")
        assert await status("/readyz") == 503
        await bus.restart()
        await asyncio.wait_for(entered.wait(), 10)
        await eventually(lambda: is_("/readyz", 200), what="readyz")
        assert "process_max_fds" in (await client.get(url + "/metrics")).text
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_check_of_the_service_itself_makes_it_unready(bus):
    async def wrong() -> str | None:
        return "the tank is empty"

    check: Check = wrong
    async with running("test", settings(bus.url), lifespan) as service:
        assert await service.ready() is None
        service.ready_checks.append(check)
        assert await service.ready() == "the tank is empty"


async def test_who_does_not_serve_yet_or_no_longer_is_not_ready(bus):
    said = []

    @asynccontextmanager
    async def asked_on_both_sides(service: Service):
        said.append(await service.ready())
        yield
        said.append(await service.ready())

    async with running("test", settings(bus.url), asked_on_both_sides) as service:
        assert await service.ready() is None
    assert said == ["not serving requests: starting or stopping"] * 2


async def test_the_bus_is_there_until_the_lifespan_has_ended(bus, nats_client):
    heard = await nats_client.subscribe("goodbye")
    await nats_client.flush()

    @asynccontextmanager
    async def polite(service: Service):
        yield
        await service.nats.publish("goodbye", b"")

    async with running("test", settings(bus.url), polite):
        pass
    await heard.next_msg(timeout=2)
