"""A gateway with its parts by one call: every end of that call, and a death at every step of it."""

import asyncio
from collections import Counter
from itertools import count

import pytest
from pydantic import ValidationError
from registry_world import World, device, gateway

from ferry.clouds.errors import BadAnswerError, RefusedError, UnreachableError
from ferry.contract.problems import ProblemError
from ferry.contract.registry import MOST_PARTS, NewDevice, NewSensor, RegisterGateway
from ferry.registry.registration.parts import AT_ONCE

SENSORS = 4
ASKED = RegisterGateway(
    name="G",
    req_id="g",
    devices=[NewDevice(name="D", req_id="d")],
    sensors=[
        NewSensor(name=f"S {n}", req_id=f"s{n}", device_id="d", type="temperature") for n in range(SENSORS)
    ],
)
KEYS = {"gateways.g", "devices.g.d", *(f"sensors.g.s{n}" for n in range(SENSORS))}
ALL = {key.rpartition(".")[2] for key in KEYS}
LATER = RefusedError(429, "", "later", retry_after_s=3.0)


@pytest.fixture
def world():
    return World()


async def register(world, asked=ASKED):
    answer = await world.registry().registration.gateway(asked)
    return {part.id: part.problem for part in answer.refused or ()}


def assert_all_there(world):
    assert set(world.registered) == set(world.cloud.held) == KEYS
    assert world.cloud.made == Counter(ALL)
    assert {entity for _, verb, entity in world.told if verb == "registered"} == ALL


def posts(world):
    return [entity for verb, entity in world.cloud.calls if verb == "POST"]


async def test_one_call_registers_all_and_a_repeat_makes_none(world):
    assert await register(world) == {}
    assert world.cloud.calls == [("POST", "g")]
    assert_all_there(world)
    assert await register(world) == {}
    assert world.cloud.calls == [("POST", "g")]


async def test_a_gateways_event_comes_before_those_of_its_parts_and_a_devices_before_its_sensors(world):
    await register(world)
    assert [noun for noun, _, _ in world.told] == ["gateway", "device", *["sensor"] * SENSORS]


async def test_a_death_at_any_step_is_mended_by_a_repeat():
    for step in count():
        world = World()
        if not await world.dies_at(step, lambda parts: parts.registration.gateway(ASKED)):
            break
        # A gateway that is registered is asked for no more: by then all that came with it must be there.
        assert "gateways.g" not in world.registered or set(world.registered) == KEYS
        assert await register(world) == {}, f"step {step}"
        assert_all_there(world)
        nouns = [noun for noun, _, _ in world.told]
        assert nouns.index("gateway") < nouns.index("device") < nouns.index("sensor")
    assert step > 2 * len(ALL)


async def test_deaths_in_a_row_and_a_refusal_on_the_way_are_mended_too():
    for step in range(0, 14, 2):
        world = World()
        world.cloud.refuses["s1"] = LATER
        for dies in (step, step // 2, 1):
            await world.dies_at(dies, lambda parts: parts.registration.gateway(ASKED))
        world.cloud.refuses.clear()
        assert await register(world) == {}
        assert_all_there(world)


async def test_207_the_refused_part_is_told_and_a_repeat_finishes_it(world):
    world.cloud.refuses["s1"] = RefusedError(471, "BILLING", "the plan is full")
    refused = await register(world)
    assert refused["s1"].type.endswith("plan-full")
    assert set(refused) == {"s1"}
    assert set(world.registered) == KEYS - {"sensors.g.s1"}
    world.cloud.refuses.clear()
    assert await register(world) == {}
    assert_all_there(world)


async def test_what_was_refused_leaves_nothing_in_the_bucket(world):
    world.cloud.refuses = dict.fromkeys(ALL, RefusedError(400, "INVALID_INPUT", "no"))
    with pytest.raises(ProblemError):
        await register(world)
    assert world.bucket.values == {}


async def test_207_without_its_device_loses_the_devices_sensors_alone(world):
    world.cloud.refuses["d"] = RefusedError(400, "INVALID_INPUT", "no")
    refused = await register(world)
    assert set(refused) == ALL - {"g"}
    assert refused["s0"].type.endswith("unknown-device")
    assert set(world.registered) == {"gateways.g"}
    world.cloud.refuses.clear()
    assert await register(world) == {}
    assert_all_there(world)


async def test_a_part_put_off_is_told_with_its_time_and_the_others_are_not_hurried(world):
    world.cloud.refuses = {f"s{n}": LATER for n in range(SENSORS)}
    refused = await register(world)
    assert {(problem.status, problem.retry_after) for problem in refused.values()} == {(503, 3.0)}
    world.cloud.refuses.clear()
    assert await register(world) == {}
    assert_all_there(world)


async def test_after_later_the_cloud_is_not_asked_for_each_of_many(world):
    many = [ASKED.sensors[0].model_copy(update={"req_id": f"m{n}", "name": f"M {n}"}) for n in range(200)]
    world.cloud.refuses = {str(sensor.req_id): LATER for sensor in many}
    refused = await register(world, ASKED.model_copy(update={"sensors": many}))
    assert len(refused) == 200
    assert sum(entity.startswith("m") for entity in posts(world)) <= AT_ONCE


async def test_a_device_put_off_puts_off_its_sensors(world):
    world.cloud.refuses["d"] = LATER
    assert {problem.status for problem in (await register(world)).values()} == {503}


async def test_an_answer_that_shows_no_parts_is_looked_into(world):
    world.cloud.shows_parts = False
    assert await register(world) == {}
    assert [verb for verb, _ in world.cloud.calls] == ["POST", "LIST", "LIST"]
    assert_all_there(world)


@pytest.mark.parametrize(
    "fault", [UnreachableError("cut off", ambiguous=True), BadAnswerError(200, "no JSON")]
)
@pytest.mark.parametrize("acts", [True, False])
async def test_silence_ends_in_one_right_state(world, fault, acts):
    world.cloud.fault, world.cloud.acts = fault, acts
    if not (acts and isinstance(fault, UnreachableError)):
        with pytest.raises(ProblemError) as error:
            await register(world)
        assert error.value.problem.status == 503
    assert await register(world) == {}
    assert_all_there(world)
    assert posts(world).count("g") <= 2


@pytest.mark.parametrize(("status", "kind"), [(403, "not-yours"), (471, "plan-full"), (400, "refused")])
async def test_a_refused_gateway_is_one_error_and_a_repeat_may_succeed(world, status, kind):
    world.cloud.fault = RefusedError(status, "X", "no")
    with pytest.raises(ProblemError) as error:
        await register(world)
    assert error.value.problem.type.endswith(kind)
    assert world.registered == {}
    assert await register(world) == {}
    assert_all_there(world)


async def test_409_for_a_gateway_of_ours_takes_over_what_is_there(world):
    world.cloud.add(gateway("g", "G"), device("g", "d", "D"))
    assert await register(world) == {}
    assert set(world.registered) == KEYS
    assert not {"g", "d"} & set(world.cloud.made)


async def test_another_part_under_the_same_id_is_told_apart(world):
    world.cloud.add(gateway("g", "G"), device("g", "d", "another"))
    refused = await register(world)
    assert (refused["d"].status, refused["d"].field) == (409, "name")


async def test_two_at_once_make_one(world):
    both = await asyncio.gather(*(world.registry().registration.gateway(ASKED) for _ in range(4)))
    assert {answer.refused for answer in both} == {None}
    assert_all_there(world)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "temprature"}, "type"),
        ({"category": "actuator"}, "category"),
        ({"device_id": "e"}, "deviceId"),
    ],
)
async def test_a_wrong_part_is_named_before_the_call_and_spoils_no_other(world, change, field):
    wrong = ASKED.sensors[0].model_copy(update=change)
    refused = await register(world, ASKED.model_copy(update={"sensors": [wrong, *ASKED.sensors[1:]]}))
    assert (set(refused), refused["s0"].field) == ({"s0"}, field)
    assert set(world.cloud.held) == KEYS - {"sensors.g.s0"}


async def test_more_devices_than_the_model_allows_are_named(world):
    devices = [NewDevice(name=f"D {n}", req_id=f"d{n}") for n in range(4)]
    refused = await register(world, ASKED.model_copy(update={"devices": devices, "sensors": []}))
    assert set(refused) == {"d3"}
    assert refused["d3"].type.endswith("too-many-devices")


@pytest.mark.parametrize(
    "many",
    [
        [*ASKED.sensors, ASKED.sensors[0]],
        [ASKED.sensors[0].model_copy(update={"req_id": None})] * 2,
        ASKED.sensors[:1] * (MOST_PARTS + 1),
    ],
)
def test_a_part_twice_or_too_many_are_no_request(many):
    with pytest.raises(ValidationError):
        RegisterGateway.model_validate({"name": "G", "sensors": many})
