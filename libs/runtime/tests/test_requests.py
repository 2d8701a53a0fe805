"""What a caller may send: whatever it is, the service lives, the next caller is answered, nothing goes elsewhere."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from pydantic import BaseModel, ConfigDict, Field
from structlog.testing import capture_logs

from ferry.bus.client import TolerantClient
from ferry.contract.problems import ProblemError
from ferry.runtime.requests import ask
from ferry.runtime.service import Service, running
from ferry.runtime.settings import HealthSettings, NatsSettings, RuntimeSettings
from harness.processes import eventually

SUBJECT = "ferry.v1.test.shout"


class Question(BaseModel):
    model_config = ConfigDict(extra="forbid")
    word: str


class Reply(BaseModel):
    word: str
    number: int = Field(default=0, ge=0)


async def shout(question: Question) -> Reply:
    match question.word:
        case "unreadable":
            Reply.model_validate({"word": 1})
        case "vast":
            return Reply(word="x" * 2_000_000)
        case "verbose":
            raise ProblemError.of(
                "verbose", 409, "a\r\nb" * 300_000, detail="y" * 2_000_000, allowed=["z"] * 9999
            )
        case "surrogate":
            raise ProblemError.of("odd", 409, "odd \udcff", detail="\udcfe")
    return Reply(word=question.word.upper())


@asynccontextmanager
async def lifespan(service: Service):
    service.serve(SUBJECT, Question, shout)
    yield


@pytest.fixture
async def service(bus):
    settings = RuntimeSettings(
        nats=NatsSettings(url=bus.url), health=HealthSettings(host="127.0.0.1", port=0), request_s=5
    )
    async with running("test", settings, lifespan) as started:
        yield started


@pytest.fixture
async def heard(bus):
    """The subjects of everything that is published on the bus, but for requests."""
    subjects = []

    async def note(message):
        if message.subject != SUBJECT:
            subjects.append(message.subject)

    watcher = TolerantClient()
    await watcher.connect(bus.url)
    await watcher.subscribe(">", cb=note)
    await watcher.flush()
    yield subjects
    await watcher.close()


async def answered(client):
    assert (await ask(client, SUBJECT, Question(word="hi"), Reply)).word == "HI"


async def raw(bus, *lines):
    """Says lines of the protocol as they are, on a connection of its own."""
    host, port = bus.url.removeprefix("nats://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.readline()
    writer.write(
        b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n' + b"".join(lines) + b"PING\r\n"
    )
    await writer.drain()
    async with asyncio.timeout(5):
        while (line := await reader.readline()) != b"PONG\r\n":
            assert line, "the server hung up"
    writer.close()
    await writer.wait_closed()


def request(reply, body=b'{"word":"hi"}', headers=None):
    subject = SUBJECT.encode()
    if headers is None:
        return b"PUB %s %s %d\r\n%s\r\n" % (subject, reply, len(body), body)
    return b"HPUB %s %s %d %d\r\n%s%s\r\n" % (
        *(subject, reply, len(headers), len(headers) + len(body)),
        *(headers, body),
    )


@pytest.mark.parametrize(
    "reply",
    [
        b"$KV.ferry-tokens.thingplus.token",
        b"ferry.v1.events.registry.gateway.deleted",
        b"ferry.v1.gateways.gateway-0.sensors.s.series",
        b"ferry.v1.test.shout",
        b"$JS.API.STREAM.DELETE.FERRY_READINGS",
        b"_INBOX",
        b"_INBOX.x.>",
        b"\xff\xfe",
        b"_INBOX.\xff",
        b"_INBOX." + b"x" * 3900,
        b"a" * 4000,
    ],
    ids=lambda reply: repr(reply[:40]),
)
async def test_a_reply_that_is_no_inbox_is_ignored(bus, nats_client, service, heard, reply):
    await raw(bus, request(reply) * 3)
    await answered(nats_client)
    assert reply.decode(errors="surrogateescape") not in heard
    assert all(subject.startswith("_INBOX.") for subject in heard), heard
    assert service.endpoints[0].requests == 1


async def test_a_request_without_a_reply_is_not_carried_out(nats_client, service):
    await nats_client.publish(SUBJECT, b'{"word":"hi"}')
    await answered(nats_client)
    assert service.endpoints[0].requests == 1


async def test_a_flood_of_them_is_one_line_in_the_log(nats_client, service):
    with capture_logs() as lines:
        for number in range(200):
            await nats_client.publish(SUBJECT, b"{}", reply=f"ferry.v1.x.{number}")
        await answered(nats_client)
    (line,) = [line for line in lines if line["event"] == "request.ignored"]
    assert "ferry.v1.x.0" in line["reply"]


@pytest.mark.parametrize(
    "headers",
    [
        b"NATS/1.0\r\nreply_to: somebody.else\r\n\r\n",
        b"NATS/1.0\r\ncontent-type: application/json\r\ncorrelation_id: \x00\r\n\r\n",
        b"NATS/1.0\r\ntraceparent: 00-zz-\xff-01\r\ntracestate: \xff=,,,\r\nbaggage: %\r\n\r\n",
        b"NATS/1.0 503\r\n\r\n",
        b"NATS/1.0 \xff\xff\xff\r\n\r\n",
        b"NATS/1.0 100 \xff\r\n\r\n",
        b"NATS/1.0\r\n",
        b"\r\n",
        b"x",
    ],
    ids=repr,
)
@pytest.mark.parametrize("body", [b'{"word":"hi"}', b"not json"])
async def test_no_header_ends_the_reader_or_chooses_where_the_answer_goes(
    bus, nats_client, service, heard, headers, body
):
    await raw(bus, request(b"_INBOX.caller.1", body, headers))

    async def replied():
        return "_INBOX.caller.1" in heard

    await eventually(replied, within_s=3, what="the answer")
    assert "somebody.else" not in heard
    await answered(nats_client)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[" * 100_000,
        b'{"word":' * 50_000,
        b'{"word": "\\ud800"}',
        b'{"word": 1e999}',
        b'{"' + b"k" * 900_000 + b'": 1}',
        b"{" + b",".join(b'"%d":1' % number for number in range(50_000)) + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
async def test_a_body_that_is_not_what_the_contract_says_is_400(nats_client, service, body):
    answer = await nats_client.request(SUBJECT, body, timeout=5)
    assert answer.headers["Nats-Service-Error-Code"] == "400"
    assert len(answer.data) < 32_768
    assert json.loads(answer.data)["field"]
    await answered(nats_client)


async def problem_of(client, word):
    with pytest.raises(ProblemError) as refused:
        await ask(client, SUBJECT, Question(word=word), Reply)
    return refused.value.problem


async def test_what_the_handler_cannot_read_is_our_fault(nats_client, service):
    problem = await problem_of(nats_client, "unreadable")
    assert (problem.status, problem.field) == (500, None)


async def test_an_answer_larger_than_a_message_is_a_problem(nats_client, service):
    problem = await problem_of(nats_client, "vast")
    assert (problem.status, problem.type) == (413, "urn:ferry:problem:too-large")
    assert "1048576" in problem.title
    await answered(nats_client)


@pytest.mark.parametrize("word", ["verbose", "surrogate"])
async def test_a_problem_always_fits_and_can_be_encoded(nats_client, service, word):
    answer = await nats_client.request(SUBJECT, Question(word=word).model_dump_json().encode(), timeout=5)
    assert answer.headers["Nats-Service-Error-Code"] == "409"
    assert len(answer.data) < 65_536
    await answered(nats_client)
