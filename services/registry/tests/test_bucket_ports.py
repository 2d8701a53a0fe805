"""What the registry's rules need of its bucket: the same suite over the fake in memory and the real one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.metrics import NoOpMeter
from registry_world import World, device, gateway, ports_over, sensor

from ferry.contract.registry import Place, Record, State, key_of
from ferry.registry.app import bucket_of
from ferry.registry.errors import ConflictError, TooLargeError
from ferry.registry.parts import Ports

PLACE = Place(noun="gateway", name="Plant 1\n/ü")


@dataclass
class Made:
    ports: Ports
    expired: Callable[[str], Any]
    """Waits until the key's time is over."""


@pytest.fixture
def fake():
    bucket = World().bucket

    async def over(prefix):
        bucket.expire(prefix)

    return Made(ports_over(bucket), over)


@pytest.fixture
def real(nats_client):
    async def over(prefix):
        subject = f"$KV.ferry-registry.{prefix}>"
        async with asyncio.timeout(10):
            while (
                await nats_client.jetstream().stream_info("KV_ferry-registry", subjects_filter=subject)
            ).state.subjects:
                await asyncio.sleep(0.1)

    return Made(bucket_of(nats_client, nats_client.jetstream(), NoOpMeter("test"))[0], over)


@pytest.fixture(params=["fake", "real"])
def made(request):
    return request.getfixturevalue(request.param)


def record(entity, state=State.REGISTERED):
    return Record(state=state, entity=entity)


async def test_a_record_is_what_was_put_and_only_by_who_saw_the_last_one(made):
    records = made.ports.gateways
    key = key_of(gateway("g"))
    assert await records.get(key) == (None, 0)
    first = await records.put(key, record(gateway("g")), 0)
    assert await records.get(key) == (record(gateway("g")), first)
    for stale in (0, first + 100):
        with pytest.raises(ConflictError):
            await records.put(key, record(gateway("g", "other")), stale)
    second = await records.put(key, record(gateway("g", "other")), first)
    assert second > first
    assert await records.get(key) == (record(gateway("g", "other")), second)


async def test_a_record_that_expires_is_as_if_it_had_never_been(made):
    records = made.ports.gateways
    key = key_of(gateway("g"))
    await records.put(key, record(gateway("g"), State.RETIRED), 0, expires_s=1)
    await made.expired("gateways.")
    assert await records.get(key) == (None, 0)
    await records.put(key, record(gateway("g")), 0)


async def test_a_record_that_was_written_again_without_an_end_does_not_expire(made):
    records = made.ports.gateways
    key = key_of(gateway("g"))
    revision = await records.put(key, record(gateway("g"), State.RETIRED), 0, expires_s=1)
    await records.put(key, record(gateway("g")), revision)
    await made.ports.sensors.put("sensors.h.s", record(sensor("h", "d", "s")), 0, expires_s=1)
    await made.expired("sensors.")
    assert (await records.get(key))[0] == record(gateway("g"))


async def test_one_place_has_one_reservation(made):
    reservations = made.ports.reservations
    assert await reservations.get(PLACE) == (None, 0)
    await reservations.put(PLACE, "one", 0)
    found, revision = await reservations.get(PLACE)
    assert found == "one"
    with pytest.raises(ConflictError):
        await reservations.put(PLACE, "two", 0)
    await reservations.put(PLACE, "two", revision)
    assert (await reservations.get(PLACE))[0] == "two"
    assert await reservations.get(Place(noun="gateway", name="Plant 1")) == (None, 0)


async def test_what_was_given_up_is_reserved_no_more(made):
    reservations = made.ports.reservations
    await reservations.put(PLACE, "one", 0)
    await reservations.give_up(PLACE)
    found, revision = await reservations.get(PLACE)
    assert found is None
    assert revision > 0
    await made.expired("reserved.")
    assert await reservations.get(PLACE) == (None, 0)


async def test_progress_is_kept_until_it_is_cleared(made):
    progress = made.ports.progress
    assert await progress.get() is None
    await progress.clear()
    await progress.put("p1")
    await progress.put("p2:a,b")
    assert await progress.get() == "p2:a,b"
    await progress.clear()
    assert await progress.get() is None


async def test_the_marker_stays_set(made):
    marker = made.ports.marker
    assert not await marker.is_set()
    for _ in range(2):
        await marker.set(1_700_000_000_000)
        assert await marker.is_set()


async def test_lists_have_what_is_registered_by_owner_and_by_place(made):
    ports = made.ports
    renamed = sensor("g", "d", "s").model_copy(update={"declared_name": "Was", "declared_device_id": "e"})
    await ports.gateways.put("gateways.g", record(gateway("g")), 0)
    await ports.devices.put("devices.g.d", record(device("g", "d", "Rack")), 0)
    await ports.sensors.put("sensors.g.s", record(renamed), 0)
    await ports.sensors.put("sensors.g.r", record(sensor("g", "d", "r"), State.RETIRED), 0, expires_s=100)
    await ports.sensors.put("sensors.h.s", record(sensor("h", "d", "s")), 0)
    assert await ports.lists.gateways() == [gateway("g")]
    assert await ports.lists.gateway_ids() == {"g"}
    assert await ports.lists.devices("g") == [device("g", "d", "Rack")]
    assert await ports.lists.sensors("g") == [renamed]
    places = [
        Place(noun="device", owner="g", name="Rack"),
        Place(noun="sensor", owner="g", device_id="d", name="s"),
        Place(noun="sensor", owner="g", device_id="e", name="Was"),
        Place(noun="sensor", owner="g", device_id="d", name="Was"),
        Place(noun="sensor", owner="g", device_id="d", name="r"),
    ]
    found = await ports.lists.at(places)
    assert [[one.id for one in each] for each in found] == [["d"], ["s"], ["s"], [], []]


async def test_a_record_that_is_too_large_is_refused_by_name(bus):
    client = await bus.connect()
    ports, _ = bucket_of(client, client.jetstream(), NoOpMeter("test"))
    for length in (64 * 1024, 2_000_000):
        with pytest.raises(TooLargeError):
            await ports.gateways.put("gateways.g", record(gateway("g", "n" * length)), 0)
    await ports.gateways.put("gateways.g", record(gateway("g", "n" * 60_000)), 0)
    await client.close()


async def test_a_reservation_and_an_imports_place_are_written_with_an_end(nats_client):
    ports, _ = bucket_of(nats_client, nats_client.jetstream(), NoOpMeter("test"))
    await ports.reservations.put(PLACE, "one", 0)
    await ports.progress.put("p1")
    jetstream = nats_client.jetstream()
    ends = [
        (await jetstream.get_last_msg("KV_ferry-registry", f"$KV.ferry-registry.{key}")).headers["Nats-TTL"]
        for key in ("reserved.*", "_import")
    ]
    assert ends == [f"{7 * 86_400}s", "3600s"]
