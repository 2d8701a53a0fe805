"""Lists on a real bucket: what was written a moment ago is in them, through whichever replica."""

import asyncio
import json

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from ferry.contract import registry, topology
from ferry.contract.registry import Gateway
from ferry.registry.bucket import Bucket
from ferry.registry.lists import Head, Lists, Written
from ferry.registry.log import BATCH, BucketLog, _Batch
from ferry.runtime.settings import NatsSettings
from ferry.runtime.topology import TopologySettings, bucket_config
from harness.services import record, sensor_record

STREAM = f"KV_{topology.REGISTRY.name}"


def gateway(number):
    return Gateway(id=f"g{number:05}", name=f"G {number}", model="52", site_id="1", report_interval=60_000)


async def put(client, *gateways, state="registered"):
    bucket = Bucket(client.jetstream(), Gateway)
    for one in gateways:
        key = registry.gateway_key(one.id)
        _, revision = await bucket.get(key)
        await bucket.put(key, state, one, revision)


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
    yield [Lists(BucketLog(client)) for client in clients]
    for client in clients:
        await client.close()


async def test_every_replica_lists_what_was_written_a_moment_ago(nats_client, replicas):
    for number in range(5):
        await put(nats_client, gateway(number))
        for lists in replicas:
            assert await listed(lists) == [f"g{one:05}" for one in range(number + 1)]


async def test_a_page_asks_the_bus_one_thing_however_large_the_fleet_is(bus, nats_client):
    asker = await bus.connect()
    lists = Lists(BucketLog(asker))
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


async def test_an_intention_is_not_listed_and_a_changed_one_keeps_its_place(nats_client, replicas):
    lists = replicas[0]
    await put(nats_client, gateway(1), gateway(2))
    await put(nats_client, gateway(0), state="intended")
    assert await listed(lists) == ["g00001", "g00002"]
    await put(nats_client, gateway(1).model_copy(update={"name": "new"}), gateway(0))
    assert await listed(lists, limit=1) == ["g00000", "g00001", "g00002"]
    assert b'"name":"new"' in await lists.page("gateways", None, "g00000", 1)


async def test_a_record_that_means_nothing_spoils_no_list(nats_client, replicas):
    await put(nats_client, gateway(1))
    for key in ("gateways.g2", "elsewhere.g3"):
        await nats_client.jetstream().publish(f"$KV.{topology.REGISTRY.name}.{key}", b"no JSON")
    assert await listed(replicas[0]) == ["g00001"]


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
    await jetstream.add_stream(
        bucket_config(topology.REGISTRY, TopologySettings(nats=NatsSettings(url="nats://x")))
    )
    await put(nats_client, gateway(8))
    assert await listed(lists) == ["g00008"]


class Lagging:
    """A replica of the stream that has the last message only after so many requests."""

    def __init__(self, behind):
        self.behind = behind
        self.asked = 0

    async def head(self):
        return Head("today", 2, 2)

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
    assert await listed(Lists(Lagging(behind=3))) == ["g00001", "g00002"]


async def test_what_was_missing_for_long_is_waited_for_once_and_seen_when_it_comes():
    log = Lagging(behind=60)
    lists = Lists(log)
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
