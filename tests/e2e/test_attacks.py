"""Attacks on a real nats-server with the real permissions: each test is named after its attack."""

import asyncio
import json

import nats.errors
import pytest
from nats.js.errors import APIError

from ferry.contract import topology
from harness.bus import bus as a_bus
from harness.processes import eventually

ALICE = "ferry.v1.gateways.alice-gateway.sensors.s1.series"
BOB = "ferry.v1.gateways.bob-gateway.sensors.s1.series"
BODY = json.dumps({"value": "1", "time": 1}).encode()


@pytest.fixture
async def bus(tmp_path):
    async with a_bus(tmp_path / "bus", harness=False) as running:
        await running.lay()
        yield running


class Denials:
    """A client's errors: a denied permission comes back as one."""

    def __init__(self):
        self.said = []

    async def hear(self, error):
        self.said.append(str(error).lower())

    async def of(self, what):
        async def heard():
            return any("permissions violation" in text and what.lower() in text for text in self.said)

        await eventually(heard, what=f"a denial of {what}; heard {self.said}", within_s=5)


@pytest.fixture
async def connect(bus):
    """Connects as a publisher or a user; `client.denials` are what the server refused."""
    clients = []

    async def open_as(name):
        denials = Denials()
        as_whom = bus.as_publisher if name in {"alice", "bob"} else bus.as_user
        client = await as_whom(name, error_cb=denials.hear, allow_reconnect=False)
        clients.append(client)
        return client, denials

    yield open_as
    for client in clients:
        await client.close()


async def stored(connect):
    watcher, _ = await connect("telemetry")
    return (await watcher.jetstream().stream_info(topology.READINGS.name)).state.messages


async def stored_subjects(jetstream):
    last = (await jetstream.stream_info(topology.READINGS.name)).state.last_seq
    messages = [
        await jetstream.get_msg(topology.READINGS.name, seq=number, direct=True)
        for number in range(1, last + 1)
    ]
    return [topology.strip_partition(message.subject) for message in messages]


async def publish(client, subject, body=BODY, *, timeout_s=3, **headers):
    return await client.jetstream(timeout=timeout_s).publish(subject, body, headers=headers or None)


async def test_the_honest_publisher_gets_the_acknowledgement_of_the_stream(connect):
    alice, denials = await connect("alice")
    ack = await publish(alice, ALICE)
    assert ack.stream == "FERRY_READINGS"
    assert await stored(connect) == 1
    assert denials.said == []


async def test_publish_for_anothers_gateway(connect):
    alice, denials = await connect("alice")
    with pytest.raises(nats.errors.Error):
        await publish(alice, BOB, timeout_s=0.3)
    await denials.of(BOB)
    assert await stored(connect) == 0


@pytest.mark.parametrize(
    "subject",
    [
        "0.ferry.v1.gateways.bob-gateway.sensors.s1.series",
        "ferry.v1.dead.refused.bob-gateway.s1",
        "ferry.v1.events.auth.credentials.refused",
        "$KV.ferry-registry.gateway.bob-gateway",
        "$JS.API.STREAM.DELETE.FERRY_READINGS",
        "$JS.API.STREAM.PURGE.FERRY_READINGS",
        "ferry.v1.auth.thingplus.token.get",
        "ferry.v1.telemetry.dead.discard",
        "$SYS.REQ.SERVER.PING",
    ],
)
async def test_publish_anywhere_but_to_ones_own_gateway(connect, subject):
    alice, denials = await connect("alice")
    await alice.publish(subject, BODY)
    await denials.of(subject)


@pytest.mark.parametrize(
    "subject", ["_INBOX_bob.>", "_INBOX.>", ">", "ferry.v1.>", "ferry.v1.auth.thingplus.token.get"]
)
async def test_read_anothers_replies(connect, subject):
    alice, denials = await connect("alice")
    await alice.subscribe(subject)
    await denials.of(subject)


async def test_a_service_reads_anothers_replies(connect):
    registry, denials = await connect("registry")
    await registry.subscribe("_INBOX_auth.>")
    await denials.of("_INBOX_auth.>")


@pytest.mark.parametrize("reply", ["_INBOX_bob.forged", BOB, BOB.replace("series", "status")])
async def test_reply_forged_into_anothers_subject(connect, reply):
    """Publish permissions do not bind the reply subject; the account does: the PubAck stays in alice's.

    A PubAck in another's inbox would pass for one of its own; where another's readings are taken it would be
    stored as one.
    """
    alice, _ = await connect("alice")
    bob, _ = await connect("bob")
    heard = await bob.subscribe("_INBOX_bob.forged")
    await bob.flush()
    await alice.publish(ALICE, BODY, reply=reply)
    await alice.flush()
    watcher, _ = await connect("telemetry")

    async def taken():
        return await stored_subjects(watcher.jetstream())

    await eventually(taken, what="the reading")
    await publish(bob, BOB)  # alice's PubAck had left before this was taken
    assert sorted(await taken()) == sorted([ALICE, BOB])
    await bob.flush()
    assert heard.pending_msgs == 0


async def test_anothers_message_swallowed_by_its_id(connect):
    """De-duplication is stream-wide; the window is the server's smallest, so a guessed id swallows nothing."""
    alice, _ = await connect("alice")
    bob, _ = await connect("bob")
    await publish(alice, ALICE, **{"Nats-Msg-Id": "guessed"})

    async def taken():
        ack = await publish(bob, BOB, **{"Nats-Msg-Id": "guessed"})
        return not ack.duplicate

    await eventually(taken, within_s=1, what="bob's reading, past the window of 100 ms")
    assert not (await publish(bob, BOB)).duplicate  # as Ferry's own publisher sends: no id, nothing to guess


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Nats-Rollup", "all"),
        ("Nats-Rollup", "sub"),
        ("Nats-Schedule", "@at 2099-01-01T00:00:00Z"),
        ("Nats-TTL", "1s"),
    ],
)
async def test_headers_that_wipe_expire_or_write_elsewhere(connect, header, value):
    bob, _ = await connect("bob")
    await publish(bob, BOB)
    alice, _ = await connect("alice")
    extra = {"Nats-Schedule-Target": BOB} if header == "Nats-Schedule" else {}
    with pytest.raises(APIError):
        await publish(alice, ALICE, **{header: value}, **extra)
    assert await stored(connect) == 1


async def test_rollup_on_a_bucket_by_a_service_that_may_write_it(connect):
    registry, _ = await connect("registry")
    js = registry.jetstream(timeout=3)
    await js.publish("$KV.ferry-registry.gateway.g1", b"{}")
    with pytest.raises(APIError):
        await js.publish("$KV.ferry-registry.gateway.g2", b"", headers={"Nats-Rollup": "all"})
    assert (
        await js.get_last_msg("KV_ferry-registry", "$KV.ferry-registry.gateway.g1", direct=True)
    ).data == b"{}"


@pytest.mark.parametrize("who", ["registry", "telemetry", "otosense", "operator", "console"])
async def test_reading_tokens_from_the_bucket_without_leave(connect, who):
    thief, denials = await connect(who)
    subject = "$JS.API.DIRECT.GET.KV_ferry-tokens.$KV.ferry-tokens.thingplus"
    with pytest.raises(nats.errors.Error):
        await thief.request(subject, b"", timeout=0.3)
    await denials.of(subject)


@pytest.mark.parametrize("who", ["operator", "console"])
async def test_an_operator_asking_for_a_token(connect, who):
    operator, denials = await connect(who)
    with pytest.raises(nats.errors.Error):
        await operator.request("ferry.v1.auth.thingplus.token.get", b"{}", timeout=0.3)
    await denials.of("ferry.v1.auth.thingplus.token.get")


@pytest.mark.parametrize(
    "subject",
    [
        "ferry.v1.gateways.alice-gateway.sensors.s1.series",
        "ferry.v1.dead.refused.alice-gateway.s1",
        "ferry.v1.events.auth.credentials.refused",
        "ferry.v1.auth.client.create",
        "ferry.v1.registry.gateways.retire",
        "ferry.v1.registry.cloud.import",
        "ferry.v1.otosense.sensors.provision",
        "ferry.v1.otosense.sensors.forget",
        "ferry.v1.telemetry.presence",
        "$KV.ferry-registry.gateways.g1",
        "$JS.API.DIRECT.GET.FERRY_READINGS",
        "$JS.API.STREAM.MSG.DELETE.FERRY_DEAD",
        "_INBOX_operator.forged",
        "_INBOX.forged",
    ],
)
async def test_a_console_that_was_taken_over(connect, subject):
    """It asks what its pages show and do; it writes nothing, answers nobody, and names only its own events."""
    console, denials = await connect("console")
    await console.publish(subject, b"{}")
    await denials.of(subject)


@pytest.mark.parametrize("subject", ["ferry.v1.>", "_INBOX_operator.>", "_INBOX.>", ">", "$SRV.PING"])
async def test_a_console_that_listens(connect, subject):
    console, denials = await connect("console")
    await console.subscribe(subject)
    await denials.of(subject)


async def test_answering_in_the_name_of_auth(connect):
    registry, denials = await connect("registry")
    await registry.subscribe("ferry.v1.auth.thingplus.token.get", queue="ferry-auth")
    await denials.of("ferry.v1.auth.thingplus.token.get")


@pytest.mark.parametrize("who", ["alice", "operator", "registry", "auth", "otosense", "console"])
async def test_a_redirected_pull_of_the_readings(connect, who):
    """A pull whose reply is another's subject would pour readings there: nobody but telemetry may pull."""
    puller, denials = await connect(who)
    subject = "$JS.API.CONSUMER.MSG.NEXT.FERRY_READINGS.telemetry-0-x"
    await puller.publish(subject, b"5", reply=BOB)
    await denials.of(subject)


@pytest.mark.parametrize("who", ["auth", "registry", "telemetry", "otosense", "operator", "console"])
async def test_a_service_altering_a_stream(connect, who):
    service, denials = await connect(who)
    for verb in ("UPDATE", "DELETE", "PURGE"):
        subject = f"$JS.API.STREAM.{verb}.FERRY_READINGS"
        await service.publish(subject, b"{}")
        await denials.of(subject)


async def test_an_oversized_message(connect):
    alice, _ = await connect("alice")
    bob, _ = await connect("bob")
    with pytest.raises(APIError, match="message size exceeds"):
        await publish(alice, ALICE, b"x" * (topology.MAX_BODY + 1))
    with pytest.raises(nats.errors.MaxPayloadError):
        await publish(alice, ALICE, b"x" * (2 * topology.MAX_BODY + 1))
    await publish(bob, BOB)
    assert await stored(connect) == 1


async def test_an_oversized_message_past_the_clients_own_check(bus, connect):
    """The server hangs up on who lies about a size; the others do not notice."""
    bob, _ = await connect("bob")
    said = await say(bus, b"PUB " + ALICE.encode() + b" 10000000\r\n")
    assert b"-ERR" in said
    await publish(bob, BOB)


async def test_a_stranger_without_credentials(bus):
    assert b"Authorization Violation" in await say(bus, b"SUB > 1\r\n")


async def say(bus, line):
    """What the server answers to a bare connection that says `line`, until it hangs up."""
    host, port = bus.url.removeprefix("nats://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        await reader.readline()
        writer.write(b"CONNECT {}\r\n" + line)
        await writer.drain()
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_flood_of_one_publisher(connect):
    """Five thousand publications at once by alice: bob's is acknowledged all the same, and within a second."""
    alice, _ = await connect("alice")
    bob, _ = await connect("bob")
    for _ in range(5000):
        await alice.publish(ALICE, BODY)
    async with asyncio.timeout(1):
        await publish(bob, BOB)


async def test_a_flood_of_subscriptions(connect):
    """An account's limit on subscriptions ends it."""
    alice, denials = await connect("alice")
    for number in range(100):
        await alice.subscribe(f"_INBOX_alice.{number}")

    async def refused():
        return alice.is_closed or any("maximum subscriptions" in text for text in denials.said)

    await eventually(refused, within_s=5, what=f"the limit; heard {denials.said}")
