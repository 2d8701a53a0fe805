"""Tokens as telemetry meets them: one suite over auth on a nats-server, and over auth in memory of the simulation."""

import asyncio

import pytest
import pytest_asyncio

from ferry.runtime.tokens import Tokens
from ferry.telemetry.delivery.cloud.tokens import BusTokens
from ferry.telemetry.delivery.ports import NoToken
from harness.auth_in_process import auth
from harness.bus import bus as a_bus
from harness.token_cloud import token_cloud
from memory.services import MemoryAuth, MemoryTokens

pytestmark = pytest.mark.asyncio(loop_scope="module")


class OverMemory:
    def __init__(self):
        self._auth = MemoryAuth()
        self.accepts = self._auth.accepts
        self.revoke = self._auth.revoke

    async def replica(self):
        return MemoryTokens(self._auth)

    async def lonely_replica(self):
        return MemoryTokens(MemoryAuth(none=lambda: True))

    @property
    def granted(self):
        return self._auth.renewals + 1

    def refuse(self):
        self._auth.refused = True


class OverNats:
    def __init__(self, bus, cloud):
        self._bus = bus
        self._cloud = cloud
        self.revoke = cloud.revoke
        self.clients = []

    async def replica(self):
        self.clients.append(await self._bus.as_user("telemetry"))
        return BusTokens(Tokens(self.clients[-1], "thingplus"))

    async def lonely_replica(self):
        self.clients.append(await self._bus.connect())
        return BusTokens(Tokens(self.clients[-1], "otosense"))

    def accepts(self, header):
        return self._cloud.accepts(header.removeprefix("Bearer "))

    @property
    def granted(self):
        return len(self._cloud.granted)

    def refuse(self):
        self._cloud.secrets = set()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["memory", "nats"])
async def world(request, tmp_path_factory):
    if request.param == "memory":
        yield OverMemory()
        return
    async with a_bus(tmp_path_factory.mktemp("tokens")) as bus:
        await bus.lay()
        async with token_cloud() as cloud, auth(bus, cloud):
            over = OverNats(bus, cloud)
            yield over
            for client in over.clients:
                await client.close()
        assert bus.denials() == []


@pytest_asyncio.fixture(loop_scope="module")
async def one(world):
    return await world.replica()


@pytest_asyncio.fixture(loop_scope="module")
async def two(world):
    return await world.replica()


async def test_all_replicas_have_one_token_and_it_is_asked_for_once(world, one, two):
    bearers = await asyncio.gather(*(each.bearer() for each in [one, two] * 20))
    assert {(bearer.header, bearer.generation) for bearer in bearers} == {tuple(bearers[0])}
    assert world.accepts(bearers[0].header)
    assert world.granted == 1


async def test_a_rejected_generation_is_renewed_once_for_everybody(world, one, two):
    first = await one.bearer()
    await two.bearer()
    granted = world.granted
    world.revoke()
    await asyncio.gather(*(each.reject(first.generation) for each in [one, two] * 20))
    second = await one.bearer()
    assert second.generation == first.generation + 1
    assert (world.accepts(first.header), world.accepts(second.header)) == (False, True)
    assert await two.bearer() == second
    assert world.granted == granted + 1


async def test_a_replica_has_its_token_until_it_rejects_it_itself(world, one, two):
    first = await two.bearer()
    world.revoke()
    await one.reject(first.generation)
    second = await one.bearer()
    assert await two.bearer() == first, "nobody told it"
    granted = world.granted
    await two.reject(first.generation)
    assert await two.bearer() == second
    assert world.granted == granted


async def test_an_old_generation_is_rejected_in_vain(world, one):
    first = await one.bearer()
    world.revoke()
    await one.reject(first.generation)
    second, granted = await one.bearer(), world.granted
    for old in (first.generation, first.generation - 1):
        await one.reject(old)
    assert await one.bearer() == second
    assert world.granted == granted


async def test_where_nobody_answers_there_is_no_token(world):
    lonely = await world.lonely_replica()
    with pytest.raises(NoToken):
        await lonely.bearer()


async def test_a_token_that_cannot_be_renewed_is_what_a_newcomer_gets_and_what_a_rejection_does_not(
    world, one, two
):
    first = await one.bearer()
    world.refuse()
    world.revoke()
    assert await one.bearer() == first, "nobody told it"
    for _ in range(2):
        with pytest.raises(NoToken):
            await one.reject(first.generation)
        assert await one.bearer() == await two.bearer() == first
