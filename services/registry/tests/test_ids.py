"""Without an id, a name says which entity is meant: one entity, one random id, whatever was interrupted on the way."""

import asyncio
import contextlib
from itertools import count

import pytest
from registry_world import World, device, gateway, registered, sensor

from ferry.clouds.errors import RefusedError, UnreachableError
from ferry.contract.problems import ProblemError
from ferry.contract.registry import (
    GatewayId,
    ImportRequest,
    NewDevice,
    OwnedId,
    Place,
    RegisterDevice,
    RegisterGateway,
    RegisterSensor,
    UpdateGateway,
    UpdateSensor,
)

ASKED = RegisterGateway(name="Plant")


@pytest.fixture
def world():
    return World()


async def register(world, asked=ASKED):
    return await world.registry().registration.gateway(asked)


async def reserved(world, *places):
    return await world.registry().ids.reserve(places)


async def test_a_repeat_is_about_the_same_gateway(world):
    first = await register(world)
    assert await register(world) == first
    assert len(world.cloud.held) == 1


async def test_two_registries_make_two_ids():
    ids = set()
    for _ in range(3):
        ids.add((await register(World())).id)
    assert len(ids) == 3
    assert all(len(one) == 32 for one in ids)


@pytest.mark.parametrize("acts", [True, False])
async def test_a_retry_after_a_time_out_makes_no_second_gateway(world, acts):
    world.cloud.fault, world.cloud.acts = UnreachableError("cut off", ambiguous=True), acts
    with contextlib.suppress(ProblemError):
        await register(world)
    await register(world)
    assert len(world.cloud.held) == 1
    assert sum(world.cloud.made.values()) == 1


async def test_a_death_at_any_step_makes_no_second_one():
    for step in count():
        world = World()
        if not await world.dies_at(step, lambda parts: parts.registration.gateway(ASKED)):
            break
        await register(world)
        assert len(world.cloud.held) == 1, step
        assert sum(world.cloud.made.values()) == 1
    assert step == 6


async def test_many_at_once_make_one(world):
    found = await asyncio.gather(*(register(world) for _ in range(8)))
    assert len({one.id for one in found}) == 1
    assert len(world.cloud.held) == 1


async def test_devices_and_sensors_are_told_by_their_names_too(world):
    parts = world.registry().registration
    one, other = await register(world), await register(world, RegisterGateway(name="Other"))
    racks = [await parts.device(RegisterDevice(owner=owner.id, name="Rack")) for owner in (one, other)]
    assert racks[0].id != racks[1].id
    probe = RegisterSensor(owner=one.id, device_id=racks[0].id, name="Probe", type="temperature")
    assert await parts.sensor(probe) == await parts.sensor(probe)
    assert len(world.cloud.held) == 5


async def test_parts_without_ids_get_some(world):
    asked = RegisterGateway(name="Plant", devices=[NewDevice(name="A"), NewDevice(name="B")])
    await register(world, asked)
    await register(world, asked)
    assert len(world.cloud.held) == 3


async def test_a_reserved_id_is_what_the_registration_takes(world):
    (made,) = await reserved(world, Place(noun="gateway", name="Plant"))
    assert (await register(world)).id == made
    assert await reserved(world, Place(noun="gateway", name="Plant")) == [made]


async def test_ids_come_in_the_order_of_their_places(world):
    registered(world, gateway("g", "There"))
    places = [Place(noun="gateway", name=name) for name in ("A", "There", "B", "A")]
    a, there, b, again = await reserved(world, *places)
    assert there == "g"
    assert a == again != b


def reservations(world):
    return [key for key in world.bucket.values if key.startswith("reserved.")]


@pytest.mark.parametrize("status", [400, 404, 471])
async def test_an_id_is_given_up_with_the_gateway_that_the_cloud_refused(world, status):
    world.cloud.fault = RefusedError(status, "X", "no")
    with pytest.raises(ProblemError):
        await register(world)
    world.bucket.expire(within_s=60)
    assert reservations(world) == []
    await register(world)


async def test_reservations_expire(world):
    await reserved(world, *(Place(noun="gateway", name=f"G {n}") for n in range(50)))
    assert len(reservations(world)) == 50
    world.bucket.expire()
    assert reservations(world) == []


async def test_a_refused_request_that_may_have_been_granted_before_keeps_its_id(world):
    world.cloud.fault, world.cloud.acts = UnreachableError("cut off", ambiguous=True), True
    await register(world)
    del world.bucket.values[f"gateways.{next(iter(world.registered.values())).id}"]
    with pytest.raises(ProblemError) as differs:
        await register(world, RegisterGateway(name="Plant", report_interval=60_000))
    assert differs.value.problem.status == 409
    await register(world)
    assert len(world.cloud.held) == 1


async def test_a_name_that_was_given_up_is_free_for_another(world):
    first = await register(world)
    await world.registry().update.gateway(UpdateGateway(id=first.id, name="Renamed"))
    second = await register(world)
    assert second.id != first.id
    assert {one.name for one in world.cloud.held.values()} == {"Plant", "Renamed"}
    await world.registry().retire.gateway(GatewayId(id=second.id))
    assert (await register(world)).id not in {first.id, second.id}


async def test_what_the_portal_renamed_is_found_by_the_name_that_was_asked_for(world):
    first = await register(world)
    world.cloud.add(first.model_copy(update={"name": "Werk", "mtime": first.mtime + 1}))
    await world.registry().importing.step(ImportRequest())
    assert world.registered[f"gateways.{first.id}"].name == "Werk"
    for name in ("Plant", "Werk"):
        assert await reserved(world, Place(noun="gateway", name=name)) == [first.id]


async def test_a_moved_sensor_is_found_where_it_is(world):
    registered(world, gateway("g"), device("g", "d"), device("g", "e"), sensor("g", "d", "s", "Probe"))
    await world.registry().update.sensor(UpdateSensor(owner="g", id="s", device_id="e"))
    there = Place(noun="sensor", owner="g", device_id="e", name="Probe")
    gone = Place(noun="sensor", owner="g", device_id="d", name="Probe")
    found, other = await reserved(world, there, gone)
    assert found == "s"
    assert other != "s"


async def test_two_of_one_name_are_told_apart_by_their_ids_alone(world):
    registered(world, gateway("g1", "Twin"), gateway("g2", "Twin"))
    with pytest.raises(ProblemError) as ambiguous:
        await register(world, RegisterGateway(name="Twin"))
    assert (ambiguous.value.problem.status, ambiguous.value.problem.allowed) == (409, ["g1", "g2"])
    assert (await register(world, RegisterGateway(name="Twin", req_id="g2"))).id == "g2"


async def test_what_was_deleted_at_the_portal_comes_again_with_its_id(world):
    registered(world, gateway("g", "Plant").model_copy(update={"deleted_before": 5}), at_cloud=False)
    assert (await register(world)).id == "g"


async def test_a_retired_sensor_of_the_same_name_stays_retired(world):
    registered(world, gateway("g"), device("g", "d"))
    asked = RegisterSensor(owner="g", device_id="d", name="Probe", type="temperature")
    first = await world.registry().registration.sensor(asked)
    await world.registry().retire.sensor(OwnedId(owner="g", id=first.id))
    second = await world.registry().registration.sensor(asked)
    assert second.id != first.id
    assert world.retired == {f"sensors.g.{first.id}"}


async def test_on_a_registry_that_is_not_filled_no_gateway_is_made_a_second_time():
    """Its bucket was lost, and the file has no ids: all would be registered anew beside what is there."""
    world = World()
    world.cloud.add(gateway("there", "Plant"))
    with pytest.raises(ProblemError, match="ferry import"):
        await world.registry().registration.gateway(RegisterGateway(name="Plant"))
    assert world.cloud.count("POST") == 0
    await world.registry().importing.step(ImportRequest())
    assert (await world.registry().registration.gateway(RegisterGateway(name="Plant"))).id == "there"
    assert world.cloud.count("POST") == 0
