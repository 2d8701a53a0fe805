"""A gateway with its parts by one call: every end of that call, and a death at every step of it."""

import asyncio
from collections import Counter
from itertools import count

import pytest
from pydantic import ValidationError

from ferry.clouds.errors import BadAnswerError, RefusedError, UnreachableError
from ferry.clouds.thingplus.listed import Listed, Registered
from ferry.contract.problems import ProblemError
from ferry.contract.registry import (
    MOST_PARTS,
    Device,
    DeviceModel,
    Gateway,
    GatewayModel,
    NewDevice,
    NewSensor,
    Record,
    RegisterGateway,
    Sensor,
    SensorModel,
    Site,
)
from ferry.registry.bucket import ConflictError
from ferry.registry.fleet import Fleet
from ferry.registry.parts import AT_ONCE
from ferry.registry.registrar import Registrar
from ferry.registry.whole import Whole

MODEL = GatewayModel(
    id="52",
    report_interval=300_000,
    device_models=[
        DeviceModel(
            id="dm",
            max=2,
            sensors=[SensorModel(type="temperature", model="t", driver_name="d", category="sensor")],
        )
    ],
)
SENSORS = 4
ASKED = RegisterGateway(
    name="G",
    req_id="g",
    devices=[NewDevice(name="D", req_id="d")],
    sensors=[
        NewSensor(name=f"S {n}", req_id=f"s{n}", device_id="d", type="temperature") for n in range(SENSORS)
    ],
)
ALL = {"g", "d", *(f"s{n}" for n in range(SENSORS))}
LATER = RefusedError(429, "", "later", retry_after_s=3.0)


class Died(BaseException):
    """The process ends here."""


class World:
    """The bucket, the cloud and the events: what outlives the registry. `dies` counts the steps that are left."""

    def __init__(self):
        self.records = {}
        self.sequence = 0
        self.cloud = {}
        self.made = Counter[str]()
        self.told = set()
        self.calls = []
        self.steps = 0
        self.dies = None
        self.refuses = {}
        """Ids that the cloud refuses as part of a whole, and by themselves, with what error."""
        self.fault, self.acts = None, False
        self.before: dict[str, str] = {}
        self.shows = True

    def step(self):
        self.steps += 1
        if self.dies is not None:
            self.dies -= 1
            if self.dies < 0:
                raise Died

    def make(self, entity):
        if entity.id in self.refuses:
            raise self.refuses[entity.id]
        if entity.id in self.cloud:
            raise RefusedError(409, "CONFLICT", "there is one")
        owner = getattr(entity, "device_id", None) or getattr(entity, "owner", None)
        if owner is not None and owner not in self.cloud:
            raise RefusedError(404, "NOT_FOUND", "no owner")
        self.cloud[entity.id] = entity.model_copy(update={"mtime": 5, "ctime": 5})
        self.made[entity.id] += 1
        return self.cloud[entity.id]

    async def register(self, entity):
        await asyncio.sleep(0)
        self.step()
        self.calls.append(entity.id)
        found = self.make(entity)
        self.step()
        return found

    async def register_gateway(self, wanted, devices=(), sensors=()):
        self.step()
        self.calls.append(wanted.id)
        self.before = self.state()
        fault, self.fault = self.fault, None
        if fault is not None and not self.acts:
            raise fault
        gateway, made = self.make(wanted), []
        for part in (*devices, *sensors):
            try:
                made.append(self.make(part))
            except RefusedError:
                continue
        if fault is not None:
            raise fault
        self.step()
        shown = made if self.shows else []
        return Registered(
            gateway,
            [one for one in shown if isinstance(one, Device)],
            [one for one in shown if isinstance(one, Sensor)],
        )

    async def find(self, wanted):
        return self.cloud.get(wanted.id)

    async def devices(self, owner):
        self.calls.append("list")
        return Listed([one for one in self.cloud.values() if isinstance(one, Device)], [])

    async def sensors(self, owner):
        self.calls.append("list")
        return Listed([one for one in self.cloud.values() if isinstance(one, Sensor)], [])

    async def sites(self):
        return [Site(id="1")]

    async def gateway_model(self, model):
        return MODEL

    async def emit(self, noun, verb, message):
        self.step()
        self.told.add((noun, verb, message.id))

    def state(self):
        return {key.rpartition(".")[2]: record.state for key, (record, _) in self.records.items()}


class Store:
    def __init__(self, world, kind):
        self.world, self.kind = world, kind

    async def get(self, key):
        await asyncio.sleep(0)
        return self.world.records.get(key, (None, 0))

    async def put(self, key, state, entity, revision):
        await asyncio.sleep(0)
        world = self.world
        if world.records.get(key, (None, 0))[1] != revision:
            raise ConflictError
        world.step()
        world.sequence += 1
        world.records[key] = (Record(state=state, entity=entity), world.sequence)
        return world.sequence


class Known:
    """The lists, from the records."""

    def __init__(self, world):
        self.world = world

    async def devices(self, owner):
        records = [record for record, _ in self.world.records.values() if record.state == "registered"]
        return [one.entity for one in records if isinstance(one.entity, Device)]


def registry(world):
    """A registry that knows nothing yet but what the world tells it."""
    stores = [Store(world, kind) for kind in (Gateway, Device, Sensor)]

    async def bare(wanted):
        return (await world.register_gateway(wanted)).gateway

    registrars = (
        Registrar("gateway", stores[0], world, bare, world.find),
        Registrar("device", stores[1], world, world.register, world.find),
        Registrar("sensor", stores[2], world, world.register, world.find),
    )
    fleet = Fleet(world, stores[0], stores[1], Known(world), registrars)
    return Whole(world, fleet, Known(world), registrars)


@pytest.fixture
def world():
    return World()


async def register(world, asked=ASKED):
    answer = await registry(world).register(asked)
    return {part.id: part.problem for part in getattr(answer, "refused", None) or ()}


def assert_all_there(world):
    assert set(world.state().values()) == {"registered"}
    assert set(world.state()) == set(world.cloud) == ALL
    assert world.made == Counter(ALL)
    assert {entity for _, verb, entity in world.told if verb == "registered"} == ALL


async def test_one_call_registers_all_and_a_repeat_makes_none(world):
    assert await register(world) == {}
    assert world.calls == ["g"]
    assert world.before == dict.fromkeys(ALL, "intended")
    assert_all_there(world)
    assert await register(world) == {}
    assert world.calls == ["g"]


async def died(world, step):
    """Whether the process ended before this step; all that it had begun ends with it."""
    world.dies = step
    try:
        await register(world)
    except Died:
        for _ in range(100):
            await asyncio.sleep(0)
        return True
    finally:
        world.dies = None
    return False


async def test_a_death_at_any_step_is_mended_by_a_repeat():
    for step in count():
        world = World()
        if not await died(world, step):
            break
        # A gateway that is registered is asked for no more: by then all that came with it must be there.
        assert world.state().get("g") != "registered" or set(world.state().values()) == {"registered"}
        assert await register(world) == {}, f"step {step}"
        assert_all_there(world)
    assert step > 3 * len(ALL)


async def test_deaths_in_a_row_and_a_refusal_on_the_way_are_mended_too():
    for step in range(0, 18, 2):
        world = World()
        world.refuses["s1"] = LATER
        assert await died(world, step)
        await died(world, step // 2)
        await died(world, 1)
        world.refuses.clear()
        assert await register(world) == {}
        assert_all_there(world)


async def test_207_the_refused_part_is_told_and_a_repeat_finishes_it(world):
    world.refuses["s1"] = RefusedError(471, "BILLING", "the plan is full")
    refused = await register(world)
    assert refused["s1"].type.endswith("plan-full")
    assert set(refused) == {"s1"}
    assert world.state() == {**dict.fromkeys(ALL, "registered"), "s1": "intended"}
    world.refuses.clear()
    assert await register(world) == {}
    assert_all_there(world)


async def test_207_without_its_device_loses_the_devices_sensors_alone(world):
    world.refuses["d"] = RefusedError(400, "INVALID_INPUT", "no")
    refused = await register(world)
    assert set(refused) == ALL - {"g"}
    assert refused["s0"].type.endswith("unknown-device")
    assert world.state()["g"] == "registered"
    world.refuses.clear()
    assert await register(world) == {}
    assert_all_there(world)


async def test_a_part_put_off_is_told_with_its_time_and_the_others_are_not_hurried(world):
    for n in range(SENSORS):
        world.refuses[f"s{n}"] = LATER
    refused = await register(world)
    assert {(problem.status, problem.retry_after) for problem in refused.values()} == {(503, 3.0)}
    assert world.calls[-1] in {f"s{n}" for n in range(SENSORS)}
    world.refuses.clear()
    assert await register(world) == {}
    assert_all_there(world)


async def test_after_later_the_cloud_is_not_asked_for_each_of_many(world):
    many = [ASKED.sensors[0].model_copy(update={"req_id": f"m{n}"}) for n in range(200)]
    world.refuses = {sensor.req_id: LATER for sensor in many}
    refused = await register(world, ASKED.model_copy(update={"sensors": many}))
    assert len(refused) == 200
    assert sum(call.startswith("m") for call in world.calls) <= AT_ONCE


async def test_a_device_put_off_puts_off_its_sensors(world):
    world.refuses["d"] = LATER
    assert {problem.status for problem in (await register(world)).values()} == {503}


async def test_an_answer_that_shows_no_parts_is_looked_into(world):
    world.shows = False
    assert await register(world) == {}
    assert world.calls == ["g", "list", "list"]
    assert_all_there(world)


@pytest.mark.parametrize(
    "fault", [UnreachableError("cut off", ambiguous=True), BadAnswerError(200, "no JSON")]
)
@pytest.mark.parametrize("acts", [True, False])
async def test_silence_ends_in_one_right_state(world, fault, acts):
    world.fault, world.acts = fault, acts
    if not (acts and isinstance(fault, UnreachableError)):
        with pytest.raises(ProblemError) as error:
            await register(world)
        assert error.value.problem.status == 503
    assert await register(world) == {}
    assert_all_there(world)
    assert Counter(world.calls)["g"] <= 2


@pytest.mark.parametrize(("status", "kind"), [(403, "not-yours"), (471, "plan-full"), (400, "refused")])
async def test_a_refused_gateway_is_one_error_and_a_repeat_may_succeed(world, status, kind):
    world.fault = RefusedError(status, "X", "no")
    with pytest.raises(ProblemError) as error:
        await register(world)
    assert error.value.problem.type.endswith(kind)
    assert set(world.state().values()) == {"intended"}
    assert await register(world) == {}
    assert_all_there(world)


async def test_409_for_a_gateway_of_ours_takes_over_what_is_there(world):
    owner = Gateway(id="g", name="G", model="52", site_id="1", report_interval=300_000)
    device = Device(id="d", owner="g", name="D", model="dm")
    world.cloud |= {"g": owner, "d": device}
    assert await register(world) == {}
    assert set(world.state().values()) == {"registered"}
    assert "g" not in world.made
    assert "d" not in world.made


async def test_another_part_under_the_same_id_is_told_apart(world):
    owner = Gateway(id="g", name="G", model="52", site_id="1", report_interval=300_000)
    world.cloud |= {"g": owner, "d": Device(id="d", owner="g", name="another", model="dm")}
    refused = await register(world)
    assert (refused["d"].status, refused["d"].field) == (409, "name")


async def test_two_at_once_make_one(world):
    one = registry(world)
    both = await asyncio.gather(*(one.register(ASKED) for _ in range(4)))
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
    assert set(world.cloud) == ALL - {"s0"}


async def test_more_devices_than_the_model_allows_are_named(world):
    devices = [NewDevice(name="D", req_id=f"d{n}") for n in range(3)]
    refused = await register(world, ASKED.model_copy(update={"devices": devices, "sensors": []}))
    assert set(refused) == {"d2"}
    assert refused["d2"].type.endswith("too-many-devices")


@pytest.mark.parametrize("many", [[*ASKED.sensors, ASKED.sensors[0]], ASKED.sensors[:1] * (MOST_PARTS + 1)])
def test_a_part_twice_or_too_many_are_no_request(many):
    with pytest.raises(ValidationError):
        RegisterGateway.model_validate({"name": "G", "sensors": many})
