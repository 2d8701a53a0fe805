"""A bucket is called filled when the cloud has nothing that it lacks, and not before."""

import asyncio
import contextlib

import pytest

from ferry.clouds.errors import UnreachableError
from ferry.clouds.thingplus.listed import Listed
from ferry.contract.problems import ProblemError
from ferry.contract.registry import Gateway
from ferry.registry.bucket.marker import FilledMarker
from ferry.registry.imports.filled import Filled


def gateway(name):
    return Gateway(id=name, name=name, model="52", site_id="1", report_interval=60_000)


class World:
    """The cloud's gateways, the bucket's, and the marker."""

    def __init__(self, at_cloud=(), known=()):
        self.at_cloud, self.known = list(at_cloud), set(known)
        self.marked = False
        self.fault = None
        self.looks = 0

    async def gateways(self, page, count):
        self.looks += 1
        if self.fault:
            raise self.fault
        part = self.at_cloud[page * count : (page + 1) * count]
        return Listed([gateway(one) for one in part], [], more=len(part) == count)

    async def gateway_ids(self):
        return set(self.known)

    async def is_set(self):
        return self.marked

    async def set(self, at_ms):
        assert at_ms > 1_600_000_000_000
        self.marked = True


async def watched(world, until, page=1000):
    watching = asyncio.create_task(Filled(world, world, world, page=page, look_s=0).watch())
    try:
        async with asyncio.timeout(2):
            while not until():
                await asyncio.sleep(0)
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


@pytest.mark.parametrize(("at_cloud", "known"), [((), ()), (("a",), ("a",)), ((), ("a",))])
async def test_a_cloud_without_more_than_the_bucket_fills_it(at_cloud, known):
    world = World(at_cloud, known)
    await watched(world, lambda: world.marked)


async def test_a_bucket_that_lacks_a_gateway_is_not_filled_until_it_has_it():
    world = World(("a", "b"), ("a",))
    await watched(world, lambda: world.looks > 5)
    assert not world.marked
    world.known.add("b")
    await watched(world, lambda: world.marked)


async def test_a_cloud_that_does_not_answer_proves_nothing():
    world = World()
    world.fault = UnreachableError("away", ambiguous=False)
    await watched(world, lambda: world.looks > 5)
    assert not world.marked
    world.fault = None
    await watched(world, lambda: world.marked)


async def test_every_page_of_the_cloud_is_compared():
    world = World(("a", "b", "c"), ("a", "b"))
    await watched(world, lambda: world.looks > 5, page=2)
    assert not world.marked


async def test_the_same_page_for_ever_is_read_once():
    world = World(("a",), ("a",))

    async def gateways(page, count):
        return Listed([gateway("a")], [], more=True)

    world.gateways = gateways  # type: ignore[method-assign]
    await watched(world, lambda: world.marked)


async def test_a_complete_import_fills_it_and_a_filled_one_asks_no_cloud():
    world = World(("a",), ("a",))
    await Filled(world, world, world).imported({"a", "b"})
    assert not await world.is_set()
    await Filled(world, world, world).imported({"a"})
    assert world.marked
    turns = iter(range(20))
    await watched(world, lambda: next(turns, None) is None)
    assert world.looks == 0


async def test_the_marker_goes_with_the_bucket(nats_client):
    marker = FilledMarker(nats_client.jetstream())
    assert not await marker.is_set()
    await marker.set(5)
    assert await marker.is_set()
    await nats_client.jetstream().purge_stream("KV_ferry-registry")
    assert not await marker.is_set()


async def test_a_new_gateway_is_made_only_where_all_are_registered():
    world = World(["a"], {"a"})
    filled = Filled(world, world, world, again_s=0)
    await filled.require()
    assert (world.marked, world.looks) == (True, 1)
    await filled.require()
    assert world.looks == 1


async def test_one_that_the_cloud_has_and_the_bucket_lacks_stops_a_new_one_with_what_to_do():
    world = World(["a", "b"], {"a"})
    filled = Filled(world, world, world, again_s=0)
    with pytest.raises(ProblemError, match="ferry import"):
        await filled.require()
    world.known.add("b")
    await filled.require()


async def test_a_cloud_that_is_away_is_asked_again_later():
    world = World()
    world.fault = UnreachableError("away", ambiguous=False)
    with pytest.raises(ProblemError) as refused:
        await Filled(world, world, world, again_s=0).require()
    assert refused.value.problem.status == 503


async def test_one_that_is_just_being_registered_is_waited_for():
    world = World(["a"], ())
    requiring = asyncio.create_task(Filled(world, world, world, again_s=0.05).require())
    await asyncio.sleep(0.01)
    world.known.add("a")
    await requiring
