"""PUTs that an operator watches, over a real server: only what was asked for, only as long, and at no cost to a PUT."""

import asyncio

import pytest

from ferry.clouds.thingplus.paths import series_path, status_path
from ferry.contract import subjects
from ferry.contract.watching import WatchedPut, WatchRequest
from ferry.telemetry.delivery.cloud import watched
from ferry.telemetry.delivery.cloud.watched import MOST, QUEUED, WatchedCloud, Watchers
from ferry.telemetry.delivery.ports import Answer, Unreachable
from harness.processes import eventually


class Cloud:
    """It is there, or not."""

    def __init__(self):
        self.there = True

    async def put(self, path, body, bearer):
        if not self.there:
            raise Unreachable("timed out")
        return Answer(200, b"")

    async def get(self, path, query, bearer):
        return Answer(200, b"")


@pytest.fixture
async def watchers(nats_client):
    made = Watchers(nats_client)
    await made.listen()
    return made


async def reported(watchers):
    task = asyncio.create_task(watchers.report())
    while not watchers._queue.empty():
        await asyncio.sleep(0.01)
    task.cancel()


async def ask(client, watchers, **wanted):
    await client.publish(subjects.TELEMETRY_WATCH, WatchRequest(**wanted).model_dump_json().encode())

    async def heard():
        return WatchRequest(**wanted) in watchers._watched

    await eventually(heard, what="the request heard")


async def test_only_what_is_asked_for_is_reported(nats_client, watchers):
    cloud, seen = Cloud(), await nats_client.subscribe(subjects.watched_puts(None, None))
    watched_cloud = WatchedCloud(cloud, watchers)
    await watched_cloud.put(series_path("g", "s"), b"before", "secret")
    await ask(nats_client, watchers, gateway="g")
    await watched_cloud.put(series_path("other", "s"), b"[]", "secret")
    await watched_cloud.put(series_path("g", "s"), b"[1]", "secret")
    await watched_cloud.put(status_path("g", None), b"{}", "secret")
    cloud.there = False
    with pytest.raises(Unreachable):
        await watched_cloud.put(status_path("g", "s"), b"x" * 5000, "secret")
    await reported(watchers)
    found = [WatchedPut.model_validate_json((await seen.next_msg(timeout=5)).data) for _ in range(3)]
    assert [(put.sensor, put.kind, put.http_status, put.detail) for put in found] == [
        ("s", "series", 200, ""),
        (None, "status", 200, ""),
        ("s", "status", None, "timed out"),
    ]
    assert (found[0].body, len(found[2].body)) == ("[1]", 1024)
    assert seen.pending_msgs == 0


async def test_it_ends_when_nobody_asks_any_more(nats_client, watchers, monkeypatch):
    monkeypatch.setattr(watched, "WATCH_S", 0.2)
    await ask(nats_client, watchers, sensor="s")

    async def over():
        return not watchers.any

    await eventually(over, what="the end of the watch")


async def test_what_is_no_request_and_too_many_of_them_change_nothing(nats_client, watchers):
    for body in (b"", b"[" * 50_000, b"{}", b'{"gateway":"a b"}', b'{"gateway":"*"}', b"\xff"):
        await nats_client.publish(subjects.TELEMETRY_WATCH, body)
    for number in range(MOST + 10):
        request = WatchRequest(gateway=f"g{number}")
        await nats_client.publish(subjects.TELEMETRY_WATCH, request.model_dump_json().encode())

    async def full():
        return len(watchers._watched) == MOST

    await eventually(full, what="as many as there may be")
    await nats_client.flush()
    assert len(watchers._watched) == MOST


async def test_a_flood_of_puts_is_counted_instead(nats_client, watchers):
    watched_cloud = WatchedCloud(Cloud(), watchers)
    await ask(nats_client, watchers, gateway="g")
    seen = await nats_client.subscribe(subjects.watched_puts("g", None))
    for _ in range(QUEUED + 5):
        await watched_cloud.put(series_path("g", "s"), b"[]", "secret")
    await reported(watchers)
    await watched_cloud.put(series_path("g", "s"), b"[]", "secret")
    await reported(watchers)
    puts = [WatchedPut.model_validate_json((await seen.next_msg(timeout=5)).data) for _ in range(QUEUED + 1)]
    assert (puts[-1].skipped, sum(put.skipped for put in puts)) == (5, 5)
