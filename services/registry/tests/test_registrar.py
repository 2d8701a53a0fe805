"""Every way a registration can end: one right state, or one clear error, and a repeat that finishes it."""

import asyncio
from itertools import count

import pytest
from registry_world import World, device, gateway, registered

from ferry.clouds.errors import BadAnswerError, RefusedError, UnreachableError
from ferry.contract.problems import ProblemError
from ferry.contract.registry import RegisterDevice

ASKED = RegisterDevice(owner="g", req_id="d", name="D")
KEY = "devices.g.d"


@pytest.fixture
def world():
    return a_world()


def a_world():
    made = World()
    registered(made, gateway("g"))
    return made


async def ensure(world, asked=ASKED):
    return await world.registry().registration.device(asked)


async def refused(world, asked=ASKED):
    with pytest.raises(ProblemError) as error:
        await ensure(world, asked)
    return error.value.problem


def assert_once(world):
    assert KEY in world.registered
    assert world.cloud.made == {"d": 1}
    assert world.told == [("device", "registered", "d")]


async def test_a_repeat_asks_no_cloud(world):
    first = await ensure(world)
    assert await ensure(world) == first
    assert world.cloud.count("POST") == 1
    assert_once(world)


async def test_409_for_the_same_is_ours(world):
    world.cloud.add(device("g", "d", "D").model_copy(update={"mtime": 9}))
    assert (await ensure(world)).mtime == 9
    assert KEY in world.registered
    assert not world.cloud.made


async def test_409_for_another_names_the_field(world):
    world.cloud.add(device("g", "d", "another"))
    problem = await refused(world)
    assert (problem.status, problem.field) == (409, "name")
    assert KEY not in world.registered


async def test_409_for_an_id_that_is_used_elsewhere_says_so(world):
    world.cloud.add(device("somewhere-else", "d", "D"))
    problem = await refused(world)
    assert problem.type.endswith("id-taken")
    assert "omit the id" in (problem.hint or "")
    assert KEY not in world.registered


async def test_an_id_of_another_account_says_so(world):
    world.cloud.fault = RefusedError(403, "ACCESSGROUP_DENY", "not yours")
    problem = await refused(world)
    assert problem.type.endswith("not-yours")
    assert "omit the id" in (problem.hint or "")


@pytest.mark.parametrize(
    ("status", "kind"), [(403, "not-yours"), (471, "plan-full"), (404, "not-found"), (400, "refused")]
)
async def test_a_refusal_is_one_clear_error_and_a_repeat_may_succeed(world, status, kind):
    world.cloud.fault = RefusedError(status, "X", "in the cloud's words")
    problem = await refused(world)
    assert (problem.status, problem.type.rpartition(":")[2]) == (status, kind)
    assert "in the cloud's words" in problem.detail
    await ensure(world)
    assert_once(world)


@pytest.mark.parametrize("status", [408, 425, 429, 444, 500, 503, 504, 600])
async def test_a_passing_refusal_asks_for_another_try_when_the_cloud_said(world, status):
    world.cloud.fault = RefusedError(status, "", "later", retry_after_s=7.0)
    problem = await refused(world)
    assert (problem.status, problem.retry_after) == (503, 7.0)
    await ensure(world)
    assert_once(world)


async def test_a_missing_scope_is_not_called_somebody_elses(world):
    world.cloud.fault = RefusedError(403, "ACL_DENY", "no")
    problem = await refused(world)
    assert problem.type.endswith("no-scope")
    assert "gateway" in (problem.hint or "")


async def test_silence_after_acting_is_found_by_a_look(world):
    world.cloud.fault, world.cloud.acts = UnreachableError("cut off", ambiguous=True), True
    await ensure(world)
    assert world.cloud.count("POST") == 1
    assert_once(world)


@pytest.mark.parametrize("ambiguous", [True, False])
async def test_silence_without_acting_is_an_error_to_try_again(world, ambiguous):
    world.cloud.fault = UnreachableError("cut off", ambiguous=ambiguous)
    assert (await refused(world)).status == 503
    assert KEY not in world.registered
    await ensure(world)
    assert_once(world)


async def test_a_garbled_answer_after_acting_is_mended_by_a_repeat(world):
    world.cloud.fault, world.cloud.acts = BadAnswerError(200, "no JSON"), True
    assert (await refused(world)).status == 503
    await ensure(world)
    assert_once(world)


async def test_a_death_at_any_step_is_mended_by_a_repeat_and_told_all_the_same():
    for step in count():
        world = a_world()
        if not await world.dies_at(step, lambda parts: parts.registration.device(ASKED)):
            break
        await ensure(world)
        assert KEY in world.registered
        assert world.cloud.made == {"d": 1}
        assert set(world.told) == {("device", "registered", "d")}
    assert step == 4


async def test_two_at_once_make_one(world):
    both = await asyncio.gather(*(ensure(world) for _ in range(4)))
    assert {one.id for one in both} == {"d"}
    assert world.cloud.made == {"d": 1}


async def test_an_entity_that_the_bucket_takes_not_is_told(world):
    world.bucket.too_large.add(KEY)
    assert (await refused(world)).status == 413


async def test_what_was_deleted_at_the_portal_is_registered_again(world):
    gone = device("g", "d", "D").model_copy(update={"deleted_before": 77})
    registered(world, gone, at_cloud=False)
    assert (await ensure(world)).deleted_before is None
    assert_once(world)


async def test_a_gateway_that_is_not_there_is_named(world):
    problem = await refused(world, ASKED.model_copy(update={"owner": "nobody"}))
    assert (problem.type.rpartition(":")[2], problem.field) == ("unknown-gateway", "owner")
    assert world.cloud.calls == []
