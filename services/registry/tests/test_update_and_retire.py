"""A registered entity is renamed, moved and retired: at the cloud, here, and told, whatever ends on the way."""

from itertools import count

import pytest
from pydantic import ValidationError
from registry_world import World, device, gateway, registered, sensor

from ferry.clouds.errors import BadAnswerError, RefusedError, UnreachableError
from ferry.contract.problems import ProblemError
from ferry.contract.registry import (
    RETIRED_KEPT_S,
    GatewayId,
    OwnedId,
    RegisterSensor,
    Retired,
    UpdateDevice,
    UpdateGateway,
    UpdateSensor,
)

ALL = {"gateways.g", "devices.g.d", "devices.g.e", "sensors.g.s1", "sensors.g.s2", "sensors.g.s3"}


def a_world():
    made = World()
    registered(
        made,
        gateway("g", "Plant"),
        device("g", "d"),
        device("g", "e"),
        *(sensor("g", "d", f"s{n}") for n in (1, 2)),
        sensor("g", "e", "s3"),
    )
    return made


@pytest.fixture
def world():
    return a_world()


CHANGES = [
    ("gateway", UpdateGateway(id="g", name="Werk", report_interval=60_000), "gateways.g"),
    ("device", UpdateDevice(owner="g", id="d", name="Rack"), "devices.g.d"),
    ("sensor", UpdateSensor(owner="g", id="s1", name="Probe", device_id="e"), "sensors.g.s1"),
]
RETIREMENTS = [
    ("gateway", GatewayId(id="g"), ALL, 1),
    ("device", OwnedId(owner="g", id="d"), {"devices.g.d", "sensors.g.s1", "sensors.g.s2"}, 3),
    ("sensor", OwnedId(owner="g", id="s3"), {"sensors.g.s3"}, 1),
]


def fields(asked):
    return asked.model_dump(exclude={"id", "owner"}, exclude_none=True, by_alias=False)


@pytest.mark.parametrize(("noun", "asked", "key"), CHANGES)
async def test_a_change_is_at_the_cloud_and_here_and_told_once(world, noun, asked, key):
    made = await getattr(world.registry().update, noun)(asked)
    for entity in (made, world.registered[key], world.cloud.held[key]):
        assert {name: getattr(entity, name) for name in fields(asked)} == fields(asked)
    assert world.told == [(noun, "changed", asked.id)]
    assert await getattr(world.registry().update, noun)(asked) == made
    assert world.cloud.count("PUT") == 1


@pytest.mark.parametrize(("noun", "asked", "key"), CHANGES)
async def test_a_death_at_any_step_of_a_change_is_mended_by_a_repeat(noun, asked, key):
    for step in count():
        world = a_world()
        if not await world.dies_at(step, lambda parts: getattr(parts.update, noun)(asked)):
            break
        await getattr(world.registry().update, noun)(asked)
        assert {name: getattr(world.registered[key], name) for name in fields(asked)} == fields(asked)
        assert set(world.told) == {(noun, "changed", asked.id)}
    assert step == 4


@pytest.mark.parametrize(("noun", "asked", "key"), CHANGES)
@pytest.mark.parametrize(
    "fault",
    [
        RefusedError(503, "", "later", retry_after_s=4.0),
        UnreachableError("cut off", ambiguous=True),
        BadAnswerError(200, "no JSON"),
    ],
)
async def test_a_change_that_the_cloud_did_not_answer_is_not_kept_here(world, noun, asked, key, fault):
    world.cloud.fault = fault
    with pytest.raises(ProblemError) as error:
        await getattr(world.registry().update, noun)(asked)
    assert error.value.problem.status == 503
    assert world.told == []
    await getattr(world.registry().update, noun)(asked)
    assert {name: getattr(world.registered[key], name) for name in fields(asked)} == fields(asked)


@pytest.mark.parametrize(("noun", "asked", "key"), CHANGES)
async def test_what_is_gone_at_the_cloud_is_not_changed(world, noun, asked, key):
    world.cloud.drop(key)
    with pytest.raises(ProblemError) as error:
        await getattr(world.registry().update, noun)(asked)
    assert error.value.problem.status == 404
    assert "deleted at the portal" in error.value.problem.title


@pytest.mark.parametrize(("noun", "asked", "key"), CHANGES)
async def test_what_is_not_registered_is_not_changed(noun, asked, key):
    world = World()
    with pytest.raises(ProblemError) as error:
        await getattr(world.registry().update, noun)(asked)
    assert error.value.problem.type.endswith(f"unknown-{noun}")
    assert world.cloud.calls == []


async def test_a_sensor_moves_only_to_a_device_that_is_there_and_may_have_it(world):
    with pytest.raises(ProblemError) as error:
        await world.registry().update.sensor(UpdateSensor(owner="g", id="s1", device_id="nowhere"))
    assert (error.value.problem.type.rpartition(":")[2], error.value.problem.field) == (
        "unknown-device",
        "deviceId",
    )
    assert world.cloud.count("PUT") == 0


@pytest.mark.parametrize("change", [{}, {"reportInterval": 1}, {"name": ""}, {"model": "53"}])
def test_a_change_of_nothing_or_of_what_cannot_change_is_no_request(change):
    with pytest.raises(ValidationError):
        UpdateGateway.model_validate({"id": "g", **change})


@pytest.mark.parametrize(("noun", "asked", "keys", "deletes"), RETIREMENTS)
async def test_what_is_retired_is_gone_at_the_cloud_and_kept_here_for_a_while(
    world, noun, asked, keys, deletes
):
    done = await getattr(world.registry().retire, noun)(asked)
    assert done.gateways + done.devices + done.sensors == len(keys)
    assert world.cloud.count("DELETE") == deletes
    assert set(world.cloud.held) == ALL - keys
    assert world.retired == keys
    assert {world.bucket.expires[key] for key in keys} == {RETIRED_KEPT_S}
    assert {(noun, verb) for noun, verb, _ in world.told} == {
        (key.partition("s.")[0], "retired") for key in keys
    }
    assert len(world.told) == len(keys)
    assert await getattr(world.registry().retire, noun)(asked) == Retired()
    assert world.cloud.count("DELETE") == deletes


async def test_a_retired_gateways_event_comes_before_those_of_its_parts(world):
    await world.registry().retire.gateway(GatewayId(id="g"))
    assert world.told[0] == ("gateway", "retired", "g")


@pytest.mark.parametrize(("noun", "asked", "keys", "deletes"), RETIREMENTS)
async def test_a_death_at_any_step_of_a_retirement_is_mended_by_a_repeat(noun, asked, keys, deletes):
    for step in count():
        world = a_world()
        if not await world.dies_at(step, lambda parts: getattr(parts.retire, noun)(asked)):
            break
        await getattr(world.registry().retire, noun)(asked)
        assert (world.retired, set(world.cloud.held)) == (keys, ALL - keys), step
    assert step == 2 * len(keys) + 2 * deletes


@pytest.mark.parametrize(("noun", "asked", "keys", "deletes"), RETIREMENTS)
async def test_a_retirement_that_the_cloud_refuses_leaves_the_entity_registered(
    world, noun, asked, keys, deletes
):
    world.cloud.refuses = dict.fromkeys(
        (key.rpartition(".")[2] for key in keys), RefusedError(403, "ACCESSGROUP_DENY", "no")
    )
    with pytest.raises(ProblemError) as error:
        await getattr(world.registry().retire, noun)(asked)
    assert error.value.problem.status == 403
    assert world.retired == set()


async def test_what_an_import_found_deleted_is_retired_without_a_call(world):
    gone = sensor("g", "d", "s9").model_copy(update={"deleted_before": 5})
    registered(world, gone, at_cloud=False)
    assert await world.registry().retire.sensor(OwnedId(owner="g", id="s9")) == Retired(sensors=1)
    assert world.cloud.calls == []


async def test_404_that_is_not_the_clouds_own_is_no_retirement(world):
    world.cloud.refuses["s1"] = BadAnswerError(404, "a page of a proxy's")
    with pytest.raises(ProblemError):
        await world.registry().retire.sensor(OwnedId(owner="g", id="s1"))
    assert world.retired == set()


@pytest.mark.parametrize(("noun", "asked", "keys", "deletes"), RETIREMENTS)
async def test_what_was_never_registered_is_not_retired(noun, asked, keys, deletes):
    with pytest.raises(ProblemError) as error:
        await getattr(World().registry().retire, noun)(asked)
    assert error.value.problem.type.endswith(f"unknown-{noun}")


async def test_a_retired_sensor_can_be_registered_again(world):
    await world.registry().retire.sensor(OwnedId(owner="g", id="s1"))
    asked = RegisterSensor(owner="g", device_id="d", name="s1", type="temperature", req_id="s1")
    await world.registry().registration.sensor(asked)
    assert "sensors.g.s1" in world.registered
    assert world.bucket.expires["sensors.g.s1"] is None
