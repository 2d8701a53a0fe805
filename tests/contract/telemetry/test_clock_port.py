"""The bus's time as telemetry has it: one suite over a nats-server and over the clock in memory of the simulation."""

import asyncio
import time

import pytest
import pytest_asyncio

from ferry.contract import subjects, topology
from ferry.telemetry.stream.nats.clock import BusClock
from harness.bus import bus as a_bus
from memory.loop import VirtualLoop
from memory.one_replica import World, run

SERIES = subjects.sensor_series("g", "s")
HOURS_MS = 2 * 3_600_000
of_the_module = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bus(tmp_path_factory):
    async with a_bus(tmp_path_factory.mktemp("clock")) as running:
        await running.lay()
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def client(bus):
    harness = await bus.connect()
    yield harness
    await harness.close()


class Machine:
    """A clock that is wrong by `off_ms`."""

    def __init__(self, off_ms):
        self.off_ms = off_ms

    def now_ms(self):
        return time.time_ns() // 1_000_000 + self.off_ms


async def stored_ms(client):
    """When the server stores a message now, by its own clock."""
    acked = await client.jetstream().publish(SERIES, b"{}")
    message = await client.jetstream().get_msg(topology.READINGS.name, seq=acked.seq)
    return message.time.timestamp() * 1000


@of_the_module
@pytest.mark.parametrize("off_ms", [0, HOURS_MS, -HOURS_MS])
async def test_it_is_the_servers_whatever_the_machines_is(client, off_ms):
    machine = Machine(off_ms)
    clock = BusClock(machine.now_ms)
    assert clock.now_ms() == pytest.approx(machine.now_ms(), abs=50), "nothing else is known yet"
    await clock.look(client)
    for step_ms in (0, HOURS_MS, -2 * HOURS_MS):
        machine.off_ms += step_ms
        before = clock.now_ms()
        assert before - 250 <= await stored_ms(client) <= clock.now_ms() + 250


@of_the_module
async def test_where_the_bus_does_not_answer_it_goes_on_with_what_it_had(bus, client):
    clock = BusClock(Machine(HOURS_MS).now_ms)
    await clock.look(client)
    closed = await bus.connect()
    await closed.close()
    await clock.look(closed)
    assert clock.now_ms() - 250 <= await stored_ms(client) <= clock.now_ms() + 250


def test_in_memory_it_is_the_streams_and_goes_as_the_loop_does():
    async def check(world: World) -> None:
        loop: VirtualLoop = world.loop
        before = world.now_ms()
        assert world.stream.publish(SERIES, b"{}").stored_ms == before
        await asyncio.sleep(90)
        assert world.now_ms() == before + 90_000 == world.stream.publish(SERIES, b"{}").stored_ms
        assert loop.time() > 90

    run(check)
