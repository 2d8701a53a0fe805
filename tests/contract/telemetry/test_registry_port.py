"""The registry as telemetry meets it: one suite over its bucket on a nats-server, and over memory of the simulation."""

import asyncio
from itertools import count

import pytest
import pytest_asyncio

from ferry.contract import registry, topology
from ferry.telemetry.registration.bucket import RegistryBucket
from ferry.telemetry.registration.ports import LookupFailed
from harness.bus import bus as a_bus
from harness.services import REPORT_INTERVAL_MS, gateway_record, record, sensor_record
from memory.services import MemoryRegistry

pytestmark = pytest.mark.asyncio(loop_scope="module")
NUMBERS = count()


class OverMemory:
    def __init__(self):
        self.registry = MemoryRegistry(filled=False)

    async def fill(self):
        self.registry.filled = True

    async def register(self, gateway, sensor=None):
        if sensor is None:
            self.registry.intervals[gateway] = REPORT_INTERVAL_MS
        else:
            self.registry.sensors[gateway, sensor] = "registered"

    async def retire(self, gateway, sensor=None):
        if sensor is None:
            self.registry.intervals[gateway] = None
        else:
            self.registry.sensors[gateway, sensor] = "retired"

    async def forget(self, gateway, sensor=None):
        if sensor is None:
            self.registry.intervals.pop(gateway)
        else:
            self.registry.sensors[gateway, sensor] = "absent"

    async def silent(self):
        return MemoryRegistry(answers=False, silent_s=0.01)


class OverNats:
    def __init__(self, bus, bucket, client):
        self.registry = RegistryBucket(client.jetstream())
        self._bus = bus
        self._bucket = bucket

    async def fill(self):
        await self._bucket.put(registry.FILLED_KEY, registry.Filled(at=0).model_dump_json().encode())

    async def register(self, gateway, sensor=None):
        entity = gateway_record(gateway) if sensor is None else sensor_record(gateway, sensor)
        await self._bucket.put(key_of(gateway, sensor), record(entity))

    async def retire(self, gateway, sensor=None):
        await self._bucket.put(key_of(gateway, sensor), b'{"state":"retired","entity":{},"retiredAt":1}')

    async def forget(self, gateway, sensor=None):
        await self._bucket.delete(key_of(gateway, sensor))

    async def silent(self):
        client = await self._bus.as_user("telemetry")
        await client.close()
        return RegistryBucket(client.jetstream())


def key_of(gateway, sensor):
    return registry.gateway_key(gateway) if sensor is None else registry.sensor_key(gateway, sensor)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["memory", "nats"])
async def unfilled(request, tmp_path_factory):
    """As it is after the topology's job has made it."""
    if request.param == "memory":
        yield OverMemory()
        return
    async with a_bus(tmp_path_factory.mktemp("registry")) as bus:
        await bus.lay()
        harness, client = await bus.connect(), await bus.as_user("telemetry")
        bucket = await harness.jetstream().key_value(topology.REGISTRY.name)
        yield OverNats(bus, bucket, client)
        await harness.close()
        await client.close()
        assert bus.denials() == []


@pytest_asyncio.fixture(loop_scope="module")
async def world(unfilled):
    await unfilled.fill()
    return unfilled


@pytest.fixture
def gateway():
    return f"g{next(NUMBERS)}"


async def test_a_bucket_that_was_not_filled_proves_nothing_of_what_it_lacks(unfilled, gateway):
    with pytest.raises(LookupFailed):
        await unfilled.registry.sensor(gateway, "s")
    with pytest.raises(LookupFailed):
        await unfilled.registry.report_interval_ms(gateway)


async def test_what_it_has_counts_before_it_is_filled(unfilled, gateway):
    await unfilled.register(gateway)
    await unfilled.register(gateway, "s")
    assert await unfilled.registry.sensor(gateway, "s") == "registered"
    assert await unfilled.registry.report_interval_ms(gateway) == REPORT_INTERVAL_MS
    await unfilled.retire(gateway, "s")
    assert await unfilled.registry.sensor(gateway, "s") == "retired"
    await unfilled.retire(gateway)
    assert await unfilled.registry.report_interval_ms(gateway) is None


async def test_a_filled_bucket_proves_that_an_entity_is_absent(world, gateway):
    assert await world.registry.sensor(gateway, "s") == "absent"
    assert await world.registry.report_interval_ms(gateway) is None


async def test_an_entity_is_registered_from_one_look_to_the_next_and_retired_and_forgotten(world, gateway):
    await world.register(gateway, "s")
    assert await world.registry.sensor(gateway, "s") == "registered"
    assert await world.registry.sensor(gateway, "other") == "absent"
    await world.retire(gateway, "s")
    assert await world.registry.sensor(gateway, "s") == "retired"
    await world.forget(gateway, "s")
    assert await world.registry.sensor(gateway, "s") == "absent"


async def test_a_gateway_has_an_interval_while_it_is_registered(world, gateway):
    await world.register(gateway)
    assert await world.registry.report_interval_ms(gateway) == REPORT_INTERVAL_MS
    await world.forget(gateway)
    assert await world.registry.report_interval_ms(gateway) is None
    await world.register(gateway)
    await world.retire(gateway)
    assert await world.registry.report_interval_ms(gateway) is None


async def test_many_look_ups_at_once_have_each_its_own_answer(world, gateway):
    for sensor in ("s1", "s3"):
        await world.register(gateway, sensor)
    found = await asyncio.gather(*(world.registry.sensor(gateway, f"s{number % 4}") for number in range(40)))
    assert found == ["absent", "registered"] * 20


async def test_where_nobody_answers_it_says_nothing(unfilled, gateway):
    silent = await unfilled.silent()
    with pytest.raises(LookupFailed):
        await silent.sensor(gateway, "s")
    with pytest.raises(LookupFailed):
        await silent.report_interval_ms(gateway)
