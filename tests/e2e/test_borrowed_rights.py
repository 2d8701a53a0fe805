"""Attacks that try to use a service's rights, on production's server and permissions with every service running.

Each is tried twice: on the services, which must not even try (the server denies nothing), and on a client that has a
service's user and answers to whatever subject it is told, which the server must stop.
"""

import asyncio
import json

import nats.errors
import pytest
import pytest_asyncio

from ferry.bus.client import TolerantClient
from ferry.contract import subjects
from harness.bus import bus as a_bus
from harness.nats_config import HARNESS, LOOPBACK, password
from harness.processes import eventually
from harness.sandbox import sandbox as a_sandbox
from harness.services import suite as a_suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICES = ("auth", "registry", "telemetry", "otosense")
TARGETS = {
    "a token overwritten": "$KV.ferry-tokens.thingplus.token",
    "a sensor's record overwritten": "$KV.ferry-otosense.sensors.0000S111A",
    "the fleet overwritten": "$KV.ferry-registry.gateways.bob-gateway",
    "a deletion forged": "ferry.v1.events.registry.gateway.deleted",
    "refused credentials forged": "ferry.v1.events.auth.credentials.refused",
    "a connection forged": "ferry.v1.events.otosense.sensor.connected",
    "a reading on another's gateway": "ferry.v1.gateways.bob-gateway.sensors.s1.series",
    "a status of another's gateway": "ferry.v1.gateways.bob-gateway.status",
    "a dead letter forged": "ferry.v1.dead.refused.bob-gateway.s1",
    "a replica forged": "ferry.v1.telemetry.presence",
    "a sensor followed": "ferry.v1.otosense.follow.0000S111A",
    "an answer that is a request": "ferry.v1.telemetry.dead.discard",
    "an answer that asks for a token": "ferry.v1.auth.thingplus.token.get",
    "a stream deleted": "$JS.API.STREAM.DELETE.FERRY_READINGS",
    "a consumer deleted": "$JS.API.CONSUMER.DELETE.FERRY_OTOSENSE_FOLLOW.otosense-follow",
    "a reading acknowledged": "$JS.ACK.FERRY_READINGS.telemetry-0-x.1.1.1.1.0",
    "a service impersonated": "$SRV.PING",
    "a cluster's own subject": "$SYS.REQ.SERVER.PING",
    "a wildcard": "_INBOX_operator.>",
}
OTHERS_INBOXES = ("_INBOX_bob.x", "_INBOX_topology.x", "_INBOX_operators.x")
"""An inbox by its form, so a service answers; the server lets it reach those alone who may ask it."""
ASKED = [
    (subjects.AUTH_STATE_GET, {}),
    (subjects.AUTH_CLIENT_CREATE, {"name": "n"}),
    (subjects.REGISTRY_SITES_LIST, {}),
    (subjects.REGISTRY_GATEWAYS_LIST, {}),
    (subjects.REGISTRY_CLOUD_IMPORT, {"gateway": "a b"}),
    (subjects.OTOSENSE_SENSORS_LIST, {}),
    (subjects.OTOSENSE_SENSORS_GET, {"sensorId": "0000S111A"}),
    (subjects.OTOSENSE_SENSORS_PROVISION, {"cert": "forged"}),
    (subjects.TELEMETRY_STATE_GET, {}),
    (subjects.TELEMETRY_DEAD_LIST, {}),
    (subjects.TELEMETRY_DEAD_GET, {"id": 1}),
    ("$SRV.PING", {}),
    ("$SRV.INFO.ferry-registry", {}),
    ("$SRV.STATS.ferry-telemetry", {}),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rights")
    async with (
        a_bus(folder / "bus") as bus,
        a_sandbox(folder / "sandbox") as sandbox,
        a_suite(bus, sandbox, folder / "services") as started,
    ):
        await bus.lay()
        await asyncio.gather(*(started.start(service) for service in SERVICES))
        yield started
        for running in started.running:
            assert running.process.running, running.process.text()[-2000:]


@pytest_asyncio.fixture(loop_scope="module")
async def connect(suite):
    clients = []

    async def open_as(user, **options):
        async def ignore(_):
            """A denial; the server's log is what is looked at."""

        client = await suite.bus.as_user(user, error_cb=ignore, **options)
        clients.append(client)
        return client

    yield open_as
    for client in clients:
        await client.close()


@pytest_asyncio.fixture(loop_scope="module")
async def heard(suite):
    """Subject and body of everything published in Ferry's account meanwhile."""
    found = []

    async def note(message):
        found.append((message.subject, message.data))

    watcher = TolerantClient()
    await watcher.connect(suite.bus.url, user=HARNESS, password=password(HARNESS))
    await watcher.subscribe(">", cb=note)
    await watcher.flush()
    yield found
    await watcher.close()


async def still_answers(operator):
    """Each service; what was asked before has been looked at by then."""
    for service in SERVICES:
        answer = await operator.request(f"$SRV.PING.ferry-{service}", b"", timeout=3)
        assert json.loads(answer.data)["name"] == f"ferry-{service}"
    for subject in (subjects.AUTH_STATE_GET, subjects.REGISTRY_GATEWAYS_LIST, subjects.OTOSENSE_SENSORS_LIST):
        assert not (await operator.request(subject, b"", timeout=3)).headers


def new_denials(suite, before, but=""):
    """What the server has refused since, to all others than `but`."""
    return [line for line in suite.bus.denials()[len(before) :] if not but or f"user:{but}" not in line]


def forged(heard, target):
    """What was published on `target` and is not what a service says there by itself."""
    found = [body for subject, body in heard if subject == target]
    match target:
        case subjects.TELEMETRY_PRESENCE:
            return [body for body in found if "replica" not in json.loads(body)]
        case subjects.AUTH_THINGPLUS_TOKEN_GET:
            return [body for body in found if set(json.loads(body)) - {"rejected"}]
        case "$SRV.PING":
            return [body for body in found if body not in {b"", b"{}"}]
        case _:
            return found


@pytest.mark.parametrize("attack", TARGETS)
async def test_an_answer_sent_elsewhere(suite, connect, heard, attack):
    """Every service is asked, with the target as the reply subject."""
    operator, before, target = await connect("operator"), suite.bus.denials(), TARGETS[attack]
    for subject, body in ASKED:
        await operator.publish(subject, json.dumps(body).encode(), reply=target)
    await still_answers(operator)
    assert forged(heard, target) == []
    assert new_denials(suite, before, but="operator") == [], "a service tried"


async def test_an_answer_into_the_inbox_of_who_may_not_ask(connect, heard):
    operator = await connect("operator")
    for reply in OTHERS_INBOXES:
        for subject, body in ASKED:
            await operator.publish(subject, json.dumps(body).encode(), reply=reply)
    await still_answers(operator)
    assert not set(OTHERS_INBOXES) & {subject for subject, _ in heard}


@pytest.mark.parametrize("user", SERVICES)
async def test_the_server_lets_no_service_answer_elsewhere(suite, connect, heard, user):
    """A service that answered to whatever subject it is told. It keeps what it may publish anyway, and inboxes."""
    naive, operator = await connect(user), await connect("operator")
    own = {
        "auth": ("$KV.ferry-tokens.", "ferry.v1.events.auth."),
        "registry": ("$KV.ferry-registry.", "ferry.v1.events.registry.", subjects.AUTH_THINGPLUS_TOKEN_GET),
        "otosense": ("$KV.ferry-otosense.", "ferry.v1.events.otosense.", "ferry.v1.otosense.follow."),
        "telemetry": (
            *("ferry.v1.gateways.", "ferry.v1.dead.", subjects.TELEMETRY_PRESENCE, "$JS.ACK.FERRY_READINGS."),
            subjects.AUTH_THINGPLUS_TOKEN_GET,
        ),
    }[user]
    subject = {"otosense": "ferry.v1.otosense.sensors.x"}.get(user, f"ferry.v1.{user}.x")

    async def answer(message):
        await naive.publish(message.reply, b"forged")

    await naive.subscribe(subject, cb=answer)
    await naive.flush()
    before = suite.bus.denials()
    harness = await suite.bus.connect()
    targets = (*TARGETS.values(), *OTHERS_INBOXES)
    stolen = [target for target in targets if not target.startswith((*own, "_INBOX_operator."))]
    for target in stolen:
        await harness.publish(subject, b"", reply=target)
    await harness.close()

    async def denied():
        return len(new_denials(suite, before)) >= len(stolen)

    await eventually(denied, within_s=5, what="a denial of each")
    assert [target for target in stolen if b"forged" in forged(heard, target)] == []
    await still_answers(operator)


@pytest.mark.parametrize("user", SERVICES)
async def test_an_answer_into_a_services_inbox(suite, connect, heard, user):
    """Where it would pass for what that service waits for, such as a token or an acknowledgement."""
    operator, before = await connect("operator"), suite.bus.denials()
    reply = f"_INBOX_{user}.Ix9EXG0NQ7mv2bbDTDOLHx.a"
    for subject, body in ASKED:
        await operator.publish(subject, json.dumps(body).encode(), reply=reply)
    await still_answers(operator)
    assert forged(heard, reply) == []
    assert new_denials(suite, before) == []


@pytest.mark.parametrize("header", ["reply_to", "Reply-To", "Nats-Reply-To", "correlation_id", "Nats-Msg-Id"])
async def test_a_header_that_names_where_the_answer_goes(connect, heard, header):
    operator = await connect("operator")
    target = TARGETS["a deletion forged"]
    for subject, body in ASKED:
        reply = operator.new_inbox()
        await operator.publish(subject, json.dumps(body).encode(), reply=reply, headers={header: target})
    await still_answers(operator)
    assert forged(heard, target) == []


HOSTILE = {
    "a reply that is not UTF-8": lambda subject: b"PUB %s \xff\xfe 2\r\n{}\r\n" % subject,
    "an inbox that is not UTF-8": lambda subject: b"PUB %s _INBOX_operator.\xff 2\r\n{}\r\n" % subject,
    "a reply as long as a line": lambda subject: (
        b"PUB %s _INBOX_operator.%s 2\r\n{}\r\n" % (subject, b"x" * 3900)
    ),
    "a status that is not UTF-8": lambda subject: (
        b"HPUB %s _INBOX_operator.x 17 17\r\nNATS/1.0 \xff\xff\xff \r\n\r\n\r\n" % subject
    ),
    "headers cut off": lambda subject: b"HPUB %s _INBOX_operator.x 2 4\r\n\r\n{}\r\n" % subject,
}


@pytest.mark.parametrize("attack", HOSTILE)
async def test_a_message_that_blinds_a_service(suite, connect, attack):
    """It ended the reader of every service, and with it whatever the service had to hear for a minute."""
    host, port = suite.bus.url.removeprefix("nats://").split(":")
    assert host == LOOPBACK
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.readline()
    whom = {"user": "operator", "pass": password("operator"), "headers": True, "verbose": False}
    writer.write(b"CONNECT %s\r\n" % json.dumps(whom).encode())
    for subject, _ in ASKED:
        writer.write(HOSTILE[attack](subject.encode()))
    writer.write(b"PING\r\n")
    await writer.drain()
    async with asyncio.timeout(5):
        while await reader.readline() not in {b"PONG\r\n", b""}:
            pass
    writer.close()
    await writer.wait_closed()
    await still_answers(await connect("operator"))
    for running in suite.running:
        assert "nats.disconnected" not in running.process.text(), running.process.text()[-2000:]


@pytest.mark.parametrize(
    ("user", "cloud"),
    [
        ("registry", "otosense"),
        ("telemetry", "otosense"),
        ("otosense", "thingplus"),
        ("operator", "thingplus"),
    ],
)
async def test_a_service_asking_for_the_token_of_a_cloud_that_is_none_of_its(suite, connect, user, cloud):
    thief, before = await connect(user), suite.bus.denials()
    with pytest.raises(nats.errors.Error):
        await thief.request(subjects.AUTH_TOKEN_GET[cloud], b"{}", timeout=0.3)
    assert any(subjects.AUTH_TOKEN_GET[cloud] in line for line in new_denials(suite, before))


@pytest.mark.parametrize(
    ("user", "cloud"), [("registry", "thingplus"), ("telemetry", "thingplus"), ("otosense", "otosense")]
)
async def test_a_services_own_token_comes(connect, user, cloud):
    service = await connect(user)
    answer = await service.request(subjects.AUTH_TOKEN_GET[cloud], b"{}", timeout=10)
    assert json.loads(answer.data)["access_token"]


@pytest.mark.parametrize("user", [*SERVICES, "operator"])
async def test_taking_anothers_requests_by_its_queue_group(suite, connect, user):
    """A member of the queue group would be given every second request, with the secrets in it."""
    thief, before = await connect(user), suite.bus.denials()
    wanted = [
        (subject, f"ferry-{service}")
        for service in SERVICES
        if service != user
        for subject in (f"ferry.v1.{service}.>", f"$SRV.PING.ferry-{service}", f"$SRV.*.ferry-{service}.*")
    ]
    for subject, queue in wanted:
        await thief.subscribe(subject, queue=queue)
    await thief.flush()

    async def denied():
        return len(new_denials(suite, before)) >= len(wanted)

    await eventually(denied, within_s=5, what="a denial of each")


@pytest.mark.parametrize("user", [*SERVICES, "operator"])
async def test_telling_an_event_in_anothers_name(suite, connect, heard, user):
    liar, before = await connect(user), suite.bus.denials()
    events = [f"ferry.v1.events.{service}.thing.done" for service in SERVICES if service != user]
    for subject in events:
        await liar.publish(subject, b"{}")
    await liar.flush()

    async def denied():
        return len(new_denials(suite, before)) >= len(events)

    await eventually(denied, within_s=5, what="a denial of each")
    assert not set(events) & {subject for subject, _ in heard}


async def test_a_publisher_asking_a_service(suite, connect, heard):
    """Its account imports its gateways' subjects alone: a request of its reaches nobody."""

    async def ignore(_):
        """A denial."""

    alice = await suite.bus.as_publisher("alice", error_cb=ignore)
    try:
        for subject, body in ASKED:
            await alice.publish(subject, json.dumps(body).encode(), reply="_INBOX_alice.x")
        await alice.flush()
    finally:
        await alice.close()
    asked = {subject for subject, _ in ASKED}
    assert not asked & {subject for subject, _ in heard}
