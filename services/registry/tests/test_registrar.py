"""Every way a registration can end: one right state, or one clear error, and a repeat that finishes it."""

import asyncio

import pytest

from ferry.clouds.errors import BadAnswerError, RefusedError, UnreachableError
from ferry.contract.problems import ProblemError
from ferry.contract.registry import Device, Record
from ferry.registry.bucket import ConflictError
from ferry.registry.registrar import Registrar

WANTED = Device(id="d", owner="g", name="D", model="m")
OTHER = WANTED.model_copy(update={"name": "another"})


class Store:
    """Compare-and-set as the bucket does it; `dies_at` is the write before which the process ends."""

    def __init__(self):
        self.records = {}
        self.sequence = 0
        self.writes = []
        self.dies_at = None
        self.conflicts = 0

    async def get(self, key):
        await asyncio.sleep(0)
        return self.records.get(key, (None, 0))

    async def put(self, key, state, entity, revision):
        await asyncio.sleep(0)
        if self.dies_at == state:
            self.dies_at = None
            raise KeyboardInterrupt
        if self.conflicts:
            self.conflicts -= 1
            raise ConflictError
        if self.records.get(key, (None, 0))[1] != revision:
            raise ConflictError
        self.sequence += 1
        self.records[key] = (Record[Device](state=state, entity=entity), self.sequence)
        self.writes.append(state)
        return self.sequence


class Cloud:
    """Holds devices; `fault` is raised once, after acting when `acts`."""

    def __init__(self):
        self.held = {}
        self.made = 0
        self.posts = 0
        self.fault = None
        self.acts = False

    async def register(self, device):
        await asyncio.sleep(0)
        self.posts += 1
        fault, self.fault = self.fault, None
        if fault is None or self.acts:
            if device.id in self.held:
                raise RefusedError(409, "ConflictError", "there is one")
            self.held[device.id] = device.model_copy(update={"mtime": 5, "ctime": 5})
            self.made += 1
        if fault is not None:
            raise fault
        return self.held[device.id]

    async def find(self, device):
        await asyncio.sleep(0)
        return self.held.get(device.id)


class Events:
    def __init__(self):
        self.told = []

    async def emit(self, noun, verb, message):
        self.told.append((noun, verb, message.id))


class Made:
    def __init__(self):
        self.store, self.cloud, self.events = Store(), Cloud(), Events()
        self.registrar = Registrar("device", self.store, self.events, self.cloud.register, self.cloud.find)

    async def ensure(self, wanted=WANTED):
        return await self.registrar.ensure("k", wanted)

    async def refused(self, wanted=WANTED):
        with pytest.raises(ProblemError) as error:
            await self.ensure(wanted)
        return error.value.problem

    @property
    def state(self):
        record, _ = self.store.records.get("k", (None, 0))
        return record and record.state

    def once(self):
        return (self.state, self.cloud.made, self.events.told) == (
            "registered",
            1,
            [("device", "registered", "d")],
        )


@pytest.fixture
def made():
    return Made()


async def test_the_intention_is_written_before_the_call(made):
    await made.ensure()
    assert made.store.writes == ["intended", "registered"]
    assert made.once()


async def test_a_repeat_asks_no_cloud(made):
    first = await made.ensure()
    assert await made.ensure() == first
    assert made.cloud.posts == 1
    assert made.once()


async def test_409_for_the_same_is_ours(made):
    made.cloud.held["d"] = WANTED.model_copy(update={"mtime": 9})
    assert (await made.ensure()).mtime == 9
    assert made.state == "registered"
    assert made.cloud.made == 0


async def test_409_for_another_names_the_field(made):
    made.cloud.held["d"] = OTHER
    problem = await made.refused()
    assert (problem.status, problem.field) == (409, "name")
    assert made.state == "intended"


async def test_409_for_what_cannot_be_found_is_not_taken_for_ours(made):
    made.cloud.fault = RefusedError(409, "ConflictError", "there is one")
    problem = await made.refused()
    assert problem.status == 409
    assert made.state == "intended"


@pytest.mark.parametrize(
    ("status", "kind"), [(403, "not-yours"), (471, "plan-full"), (404, "not-found"), (400, "refused")]
)
async def test_a_refusal_is_one_clear_error_and_a_repeat_may_succeed(made, status, kind):
    made.cloud.fault = RefusedError(status, "X", "in the cloud's words")
    problem = await made.refused()
    assert (problem.status, problem.type.rpartition(":")[2]) == (status, kind)
    assert "in the cloud's words" in problem.detail
    await made.ensure()
    assert made.once()


@pytest.mark.parametrize("status", [408, 425, 429, 444, 500, 503, 504, 600])
async def test_a_passing_refusal_asks_for_another_try_when_the_cloud_said(made, status):
    made.cloud.fault = RefusedError(status, "", "later", retry_after_s=7.0)
    problem = await made.refused()
    assert (problem.status, problem.retry_after) == (503, 7.0)
    await made.ensure()
    assert made.once()


async def test_a_missing_scope_is_not_called_somebody_elses(made):
    made.cloud.fault = RefusedError(403, "ACL_DENY", "no")
    problem = await made.refused()
    assert problem.type.endswith("no-scope")
    assert "gateway" in (problem.hint or "")


async def test_silence_after_acting_is_found_by_a_look(made):
    made.cloud.fault, made.cloud.acts = UnreachableError("cut off", ambiguous=True), True
    await made.ensure()
    assert made.cloud.posts == 1
    assert made.once()


@pytest.mark.parametrize("ambiguous", [True, False])
async def test_silence_without_acting_is_an_error_to_try_again(made, ambiguous):
    made.cloud.fault = UnreachableError("cut off", ambiguous=ambiguous)
    assert (await made.refused()).status == 503
    assert made.state == "intended"
    await made.ensure()
    assert made.once()


async def test_a_garbled_answer_after_acting_is_mended_by_a_repeat(made):
    made.cloud.fault, made.cloud.acts = BadAnswerError(200, "no JSON"), True
    assert (await made.refused()).status == 503
    await made.ensure()
    assert made.once()


async def test_a_death_before_the_intention_leaves_nothing(made):
    made.store.dies_at = "intended"
    with pytest.raises(KeyboardInterrupt):
        await made.ensure()
    assert made.cloud.posts == 0
    await made.ensure()
    assert made.once()


async def test_a_death_before_the_record_is_mended_by_a_repeat_and_told_all_the_same(made):
    made.store.dies_at = "registered"
    with pytest.raises(KeyboardInterrupt):
        await made.ensure()
    assert made.events.told == [("device", "registered", "d")]
    await made.ensure()
    assert (made.state, made.cloud.made) == ("registered", 1)
    assert set(made.events.told) == {("device", "registered", "d")}


async def test_two_at_once_make_one(made):
    both = await asyncio.gather(*(made.ensure() for _ in range(4)))
    assert {one.id for one in both} == {"d"}
    assert (made.state, made.cloud.made) == ("registered", 1)


async def test_a_corrected_request_replaces_a_failed_intention(made):
    made.cloud.fault = RefusedError(400, "X", "no")
    await made.refused(OTHER)
    await made.ensure()
    assert made.once()
    assert (await made.ensure()).name == "D"


async def test_conflicts_without_end_are_told(made):
    made.store.conflicts = 99
    assert (await made.refused()).status == 503


async def test_what_the_cloud_has_is_adopted_once(made):
    assert await made.registrar.adopt("k", WANTED)
    assert not await made.registrar.adopt("k", WANTED)
    assert made.events.told == [("device", "imported", "d")]
    assert await made.ensure() == WANTED
    assert made.cloud.posts == 0


async def test_what_the_portal_changed_is_told_as_a_change(made):
    await made.registrar.adopt("k", WANTED)
    assert await made.registrar.adopt("k", OTHER)
    assert made.events.told[1:] == [("device", "changed", "d")]
    assert made.store.records["k"][0].entity.name == "another"


async def test_what_was_deleted_at_the_portal_is_registered_again(made):
    await made.ensure()
    made.cloud.held.clear()
    assert await made.registrar.deleted("k", 77)
    assert not await made.registrar.deleted("k", 78)
    assert made.store.records["k"][0].entity.deleted_before == 77
    assert (await made.ensure()).deleted_before is None
    assert (made.state, made.cloud.made) == ("registered", 2)
    assert [verb for _, verb, _ in made.events.told] == ["registered", "deleted", "registered"]
