"""Lists on a real bucket: what was written a moment ago is in them, through whichever replica."""

import asyncio
import json
from urllib.parse import urlsplit

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError
from opentelemetry.metrics import NoOpMeter

from ferry.contract import registry, topology
from ferry.contract.jetstream import bucket_config
from ferry.contract.registry import Gateway, Place, Record, State
from ferry.registry.bucket.lists import Head, Lists, Written
from ferry.registry.bucket.log import BATCH, BucketLog, _Batch
from ferry.registry.bucket.records import Records
from ferry.registry.bucket.unreadable import Unreadable
from harness.nats_config import HARNESS, password
from harness.services import record, sensor_record

STREAM = f"KV_{topology.REGISTRY.name}"


def gateway(number):
    return Gateway(id=f"g{number:05}", name=f"G {number}", model="52", site_id="1", report_interval=60_000)


def unreadable():
    return Unreadable(NoOpMeter("test"))


async def put(client, *gateways, state=State.REGISTERED, expires_s=None):
    records = Records(client.jetstream(), Gateway, unreadable())
    for one in gateways:
        key = registry.gateway_key(one.id)
        _, revision = await records.get(key)
        await records.put(key, Record(state=state, entity=one), revision, expires_s=expires_s)


async def listed(lists, kind="gateways", owner=None, limit=1000):
    found, after = [], ""
    while True:
        page = json.loads(await lists.page(kind, owner, after, limit))
        found += [item["id"] for item in page["items"]]
        if "next" not in page:
            return found
        after = page["next"]


@pytest.fixture
async def replicas(bus):
    clients = [await bus.connect() for _ in range(2)]
    yield [Lists(BucketLog(client), unreadable()) for client in clients]
    for client in clients:
        await client.close()


async def test_every_replica_lists_what_was_written_a_moment_ago(nats_client, replicas):
    for number in range(5):
        await put(nats_client, gateway(number))
        for lists in replicas:
            assert await listed(lists) == [f"g{one:05}" for one in range(number + 1)]


async def test_a_page_asks_the_bus_one_thing_however_large_the_fleet_is(bus, nats_client):
    asker = await bus.connect()
    lists = Lists(BucketLog(asker), unreadable())
    seen = await nats_client.subscribe("$JS.API.>")

    async def asked():
        await asker.publish("$JS.API.end")
        subjects = []
        while (subject := (await seen.next_msg(timeout=5)).subject) != "$JS.API.end":
            subjects.append(subject)
        return subjects

    jetstream = nats_client.jetstream()
    for number in range(BATCH + 10):
        key = registry.sensor_key(f"g{number % 40}", f"s{number}")
        body = record(sensor_record(f"g{number % 40}", f"s{number}"))
        await jetstream.publish_async(f"$KV.{topology.REGISTRY.name}.{key}", body)
    await jetstream.publish_async_completed()
    assert len(await listed(lists, "sensors")) == BATCH + 10
    assert len(await asked()) > 1
    page = json.loads(await lists.page("sensors", "g7", "", 10))
    assert len(page["items"]) == 10
    assert page["next"].startswith("g7.")
    assert await asked() == [f"$JS.API.STREAM.INFO.{STREAM}"]
    await asker.close()


async def test_what_is_retired_is_not_listed_and_what_is_changed_keeps_its_place(nats_client, replicas):
    lists = replicas[0]
    await put(nats_client, gateway(1), gateway(2))
    await put(nats_client, gateway(0), state=State.RETIRED)
    assert await listed(lists) == ["g00001", "g00002"]
    await put(nats_client, gateway(1).model_copy(update={"name": "new"}), gateway(0))
    assert await listed(lists, limit=1) == ["g00000", "g00001", "g00002"]
    assert b'"name":"new"' in await lists.page("gateways", None, "g00000", 1)


HOSTILE = {
    "no-json": b"no JSON",
    "empty-object": b"{}",
    "not-utf8": b"\xff\xfe",
    "deep": b"[" * 20_000,
    "list": b"[]",
    "null": b"null",
    "a-state-of-tomorrow": b'{"state":"dreaming","entity":{}}',
    "no-entity": b'{"state":"registered"}',
    "another-kind": record(sensor_record("g", "s")),
    "anothers": record(gateway(1).model_dump(by_alias=True)),
    "bad-id": b'{"state":"registered","entity":{"id":"a b","name":"","model":"","siteId":"","reportInterval":1}}',
}


async def test_records_that_mean_nothing_spoil_no_list_and_are_as_good_as_none(nats_client, replicas):
    await put(nats_client, gateway(1))
    jetstream = nats_client.jetstream()
    for key, body in HOSTILE.items():
        await jetstream.publish(f"$KV.{topology.REGISTRY.name}.gateways.{key}", body)
        await jetstream.publish(f"$KV.{topology.REGISTRY.name}.elsewhere.{key}", body)
    await jetstream.publish(
        f"$KV.{topology.REGISTRY.name}.gateways.busy", b"x", headers={"Status": "503", "Nats-TTL": "9000s"}
    )
    assert await listed(replicas[0]) == ["g00001"]
    records = Records(jetstream, Gateway, unreadable())
    for key in HOSTILE:
        found, revision = await records.get(f"gateways.{key}")
        assert found is None
        assert revision > 0
    await put(nats_client, gateway(1).model_copy(update={"id": "no-json"}))
    assert await listed(replicas[0]) == ["g00001", "no-json"]


async def test_an_unreadable_record_is_counted_and_logged_with_its_key(nats_client, capsys):
    await nats_client.jetstream().publish(f"$KV.{topology.REGISTRY.name}.sensors.g.s", b"no JSON")
    lists = Lists(BucketLog(nats_client), unreadable())
    await listed(lists)
    await listed(lists)
    assert capsys.readouterr().out.count("sensors.g.s") == 1


async def test_what_is_at_a_place_is_found_by_both_its_names(nats_client, replicas):
    renamed = gateway(1).model_copy(update={"name": "Werk", "declared_name": "Plant"})
    await put(nats_client, renamed, gateway(2))
    names = [Place(noun="gateway", name=name) for name in ("Plant", "Werk", "G 2", "Nobody")]
    assert [[one.id for one in found] for found in await replicas[0].at(names)] == [
        ["g00001"], ["g00001"], ["g00002"], []
    ]  # fmt: skip
    await put(nats_client, gateway(1).model_copy(update={"name": "New"}))
    assert [len(found) for found in await replicas[0].at(names)] == [0, 0, 1, 0]


async def test_what_expires_is_not_taken_for_a_purge(nats_client, replicas, capsys):
    await put(nats_client, *map(gateway, range(3)))
    await put(nats_client, *map(gateway, range(3, 6)), state=State.RETIRED, expires_s=1)
    assert len(await listed(replicas[0])) == 3
    messages = 6
    while messages > 3:
        await asyncio.sleep(0.2)
        messages = (await nats_client.jetstream().stream_info(STREAM)).state.messages
        assert len(await listed(replicas[0])) == 3
    assert "read_anew" not in capsys.readouterr().out


async def test_purged_or_laid_anew_behind_our_back_it_is_noticed(nats_client, replicas):
    jetstream = nats_client.jetstream()
    lists = replicas[0]
    await put(nats_client, *map(gateway, range(3)))
    assert len(await listed(lists)) == 3
    await jetstream.purge_stream(STREAM, subject=f"$KV.{topology.REGISTRY.name}.gateways.g00002")
    assert await listed(lists) == ["g00000", "g00001"]
    await jetstream.purge_stream(STREAM)
    assert await listed(lists) == []
    await put(nats_client, gateway(7))
    assert await listed(lists) == ["g00007"]
    await jetstream.delete_stream(STREAM)
    with pytest.raises(NotFoundError):
        await listed(lists)
    await jetstream.add_stream(StreamConfig.from_response(bucket_config(topology.REGISTRY)))
    await put(nats_client, gateway(8))
    assert await listed(lists) == ["g00008"]


class Lagging:
    """A replica of the stream that has the last message only after so many requests."""

    def __init__(self, behind):
        self.behind = behind
        self.asked = 0

    async def head(self):
        return Head("today", 2, 2, 0.0)

    async def since(self, sequence):
        self.asked += 1
        there = [1] if self.asked <= self.behind else [1, 2]
        return [
            Written(number, f"gateways.g{number:05}", _registered(number))
            for number in there
            if number >= sequence
        ]


def _registered(number):
    return record(gateway(number).model_dump())


async def test_a_replica_that_is_a_moment_behind_is_waited_for():
    assert await listed(Lists(Lagging(behind=3), unreadable())) == ["g00001", "g00002"]


async def test_what_was_missing_for_long_is_waited_for_once_and_seen_when_it_comes():
    log = Lagging(behind=60)
    lists = Lists(log, unreadable())
    assert await listed(lists) == ["g00001"]
    waited = log.asked
    assert await listed(lists) == ["g00001"]
    assert log.asked - waited <= 2
    log.behind = 0
    assert await listed(lists) == ["g00001", "g00002"]


async def test_a_caller_who_gives_up_spoils_nothing_for_the_next(nats_client, replicas):
    lists = replicas[0]
    await put(nats_client, *map(gateway, range(3)))
    for passes in range(6):
        asking = asyncio.ensure_future(listed(lists))
        for _ in range(passes):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert await listed(lists) == [f"g{one:05}" for one in range(3)]


def message(sequence, last):
    headers = {
        "Nats-Sequence": str(sequence),
        "Nats-Last-Sequence": str(last),
        "Nats-Subject": f"$KV.x.{sequence}",
    }
    return Msg(_client=Client(), headers=headers, data=b"{}")


async def test_a_batch_that_lost_a_message_is_no_batch():
    batch = _Batch()
    await batch.take(message(3, 0))
    await batch.take(message(5, 3))
    await batch.take(message(9, 7))
    assert isinstance(batch.ended.exception(), TimeoutError)


async def put_bytes(bus, *messages):
    """As a client that minds no alphabet."""
    address = urlsplit(bus.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    await reader.readline()
    who = {"user": HARNESS, "pass": password(HARNESS), "verbose": False}
    writer.write(b"CONNECT " + json.dumps(who).encode() + b"\r\n" + b"".join(messages) + b"PING\r\n")
    assert b"PONG" in await reader.readline()
    writer.close()


async def test_a_key_of_no_alphabet_spoils_no_list(bus, nats_client, replicas):
    await put(nats_client, gateway(1))
    for key in (b"gateways.\xff\xfe", b"gateways.\xc3\x28.x", "sensors.g.é".encode()):
        await put_bytes(bus, b"PUB $KV.ferry-registry." + key + b" 2\r\n{}\r\n")
    await put(nats_client, gateway(2))
    assert await listed(replicas[0]) == ["g00001", "g00002"]
