"""What the cloud has is taken over, what it lost is noted once a look proves it; no step loses the last one's work."""

import time

import pytest
from registry_world import Lists, Marker, Progress, World, device, gateway, registered, sensor

from ferry.clouds.errors import BadAnswerError, RefusedError, UnreachableError
from ferry.contract.problems import ProblemError
from ferry.contract.registry import ImportRequest, OwnedId, UpdateSensor
from ferry.registry.imports.cursor import Cursor
from ferry.registry.imports.importing import GATEWAYS_A_STEP, Importing
from ferry.registry.imports.missing import Missing
from ferry.registry.imports.notes import adopt
from ferry.registry.imports.pace import AT_ONCE


def a_world(gateways=2):
    made = World()
    for n in range(1, gateways + 1):
        registered(made, *tree(f"g{n}"))
    return made


def tree(name, sensors=1):
    on = f"{name}-d"
    return [gateway(name), device(name, on), *(sensor(name, on, f"{name}-s{n}") for n in range(sensors))]


@pytest.fixture
def world():
    return a_world()


async def step(world, **asked):
    return await world.registry().importing.step(ImportRequest(**asked))


async def whole(world, **asked):
    """All steps: the answers."""
    answers = [await step(world, **asked)]
    while answers[-1].next is not None:
        answers.append(await step(world, after=answers[-1].next))
    return answers


def deleted(answers):
    return [line for answer in answers for line in answer.deleted]


async def test_nothing_changes_when_all_is_the_same(world):
    (answer,) = await whole(world)
    assert (answer.gateways, answer.devices, answer.sensors, answer.deleted) == (0, 0, 0, [])
    assert world.told == []


async def test_what_the_portal_registered_is_taken_over_gateways_first():
    world = World()
    world.cloud.add(*tree("g1", 3), *tree("g2", 3))
    (answer,) = await whole(world)
    assert (answer.gateways, answer.devices, answer.sensors) == (2, 2, 6)
    assert set(world.registered) == set(world.cloud.held)
    assert {verb for _, verb, _ in world.told} == {"imported"}
    for name in ("g1", "g2"):
        mine = [noun for noun, _, entity in world.told if entity.startswith(name)]
        assert mine == ["gateway", "device", "sensor", "sensor", "sensor"]


async def test_an_import_costs_three_calls_for_a_page_and_two_for_each_gateway():
    world = World()
    world.cloud.add(*(one for n in range(25) for one in tree(f"g{n:02}")))
    assert len(await whole(world)) == 3
    assert world.cloud.count("LIST") == 3 + 25 * 2 + 1
    assert world.cloud.count("GET") == 0


async def test_what_the_portal_changed_is_told_as_a_change_and_keeps_the_name_that_was_asked_for(world):
    world.cloud.add(sensor("g1", "g1-d", "g1-s0", "Renamed"))
    await whole(world)
    found = world.registered["sensors.g1.g1-s0"]
    assert (found.name, found.declared_name) == ("Renamed", "g1-s0")
    assert world.told == [("sensor", "changed", "g1-s0")]
    world.cloud.add(sensor("g1", "g1-d", "g1-s0"))
    await whole(world)
    assert world.registered["sensors.g1.g1-s0"].declared_name is None


async def test_a_part_that_is_gone_is_noted_once_and_its_record_stays(world):
    registered(world, sensor("g1", "g1-d", "gone"), at_cloud=False)
    assert deleted(await whole(world)) == ["sensor g1/gone"]
    assert world.deleted == {"sensors.g1.gone"}
    assert world.told == [("sensor", "deleted", "gone")]
    assert deleted(await whole(world)) == []


async def test_a_gateway_takes_what_belongs_to_it_along_and_is_told_first(world):
    world.cloud.drop("gateways.g2", "devices.g2.g2-d", "sensors.g2.g2-s0")
    assert deleted(await whole(world)) == ["gateway g2, its 1 devices and 1 sensors"]
    assert world.deleted == {"gateways.g2", "devices.g2.g2-d", "sensors.g2.g2-s0"}
    assert world.told[0] == ("gateway", "deleted", "g2")
    assert len(world.told) == 3


async def test_a_death_at_any_step_forgets_nothing():
    for dies in range(8):
        world = a_world()
        world.cloud.drop("gateways.g2", "devices.g2.g2-d", "sensors.g2.g2-s0")
        await world.dies_at(dies, lambda parts: parts.importing.step(ImportRequest()))
        await whole(world)
        assert world.deleted == {"gateways.g2", "devices.g2.g2-d", "sensors.g2.g2-s0"}
        assert await world.bucket.get("_filled") != (None, 0)


async def test_a_gateway_is_registered_here_only_with_all_that_belongs_to_it():
    """Who has every gateway is called filled; a missing sensor is unknown then, and its readings are lost."""
    died = True
    for dies in range(100):
        world = World()
        for one in a_world().cloud.held.values():
            world.cloud.add(one)
        died = await world.dies_at(dies, lambda parts: parts.importing.step(ImportRequest()))
        here = set(world.registered)
        for key in [key for key in here if key.startswith("gateways.")]:
            owner = key.removeprefix("gateways.")
            assert {one for one in world.cloud.held if one.split(".")[1] == owner} <= here, dies
        if not died:
            break
    assert not died


@pytest.mark.parametrize("entity", ["g1", "g1-d", "g1-s0"])
async def test_that_a_list_lacks_it_is_no_proof(world, entity):
    world.cloud.unlisted.add(entity)
    assert deleted(await whole(world)) == []
    assert world.deleted == set()


@pytest.mark.parametrize("error", [BadAnswerError(200, "garbage"), RefusedError(403, "ACL_DENY", "no")])
async def test_a_look_that_is_not_understood_is_no_proof(world, error):
    registered(world, sensor("g1", "g1-d", "gone"), at_cloud=False)
    world.cloud.unreadable["gone"] = error
    assert deleted(await whole(world)) == []


async def test_400_deleted_sensors_are_looked_for_side_by_side():
    world = a_world(1)
    registered(world, *(sensor("g1", "g1-d", f"gone-{n}") for n in range(400)), at_cloud=False)
    world.cloud.latency_s = 0.01
    begun = time.monotonic()
    answers = await whole(world)
    assert len(deleted(answers)) == 400
    assert world.cloud.most_at_once == AT_ONCE
    assert time.monotonic() - begun < 400 * 0.01 / 2


def hurried(world):
    """An importing whose steps have no time at all."""
    parts = world.registry()
    registrars = (parts.gateway, parts.device, parts.sensor)
    missing = Missing(Lists(world.bucket), registrars)
    return Importing(world.cloud, missing, Progress(world.bucket), parts.filled, registrars, step_s=0)


async def test_a_step_without_time_keeps_what_it_did_and_the_next_goes_on():
    world = a_world(1)
    registered(world, *(sensor("g1", "g1-d", f"gone-{n}") for n in range(100)), at_cloud=False)
    steps, after = 0, None
    while steps == 0 or after is not None:
        before = len(world.deleted)
        answer = await hurried(world).step(ImportRequest(after=after))
        steps, after = steps + 1, answer.next
        assert len(world.deleted) > before or after in {None, "end"}
    assert len(world.deleted) == 100
    assert steps == -(-100 // AT_ONCE) + 1
    assert world.cloud.count("GET") == 100


async def test_an_interrupted_import_goes_on_where_it_was():
    world = World()
    world.cloud.add(*(one for n in range(25) for one in tree(f"g{n:02}")))
    first = await step(world)
    assert (first.next, first.resumed) == ("p1::g00", False)
    again = await step(world)
    assert (again.next, again.resumed, again.gateways) == ("p2::g10", True, GATEWAYS_A_STEP)
    await whole(world)
    assert len(world.registered) == 75
    assert world.cloud.count("LIST") == 3 + 25 * 2 + 1
    assert (await step(world)).resumed is False


async def test_a_cloud_that_shows_the_same_page_again_and_again_ends_an_import():
    world = World()
    world.cloud.add(*(gateway(f"g{n:02}") for n in range(GATEWAYS_A_STEP)))
    world.cloud.ignores_pages = True
    answers = await whole(world)
    assert (len(answers), sum(one.gateways for one in answers)) == (2, GATEWAYS_A_STEP)


async def test_restart_begins_anew():
    world = World()
    world.cloud.add(*(one for n in range(15) for one in tree(f"g{n:02}")))
    await step(world)
    assert (await step(world, restart=True)).next == "p1::g00"


async def test_an_old_import_is_begun_anew():
    world = World()
    world.cloud.add(*(one for n in range(15) for one in tree(f"g{n:02}")))
    await step(world)
    world.bucket.expire()
    assert (await step(world)).resumed is False


@pytest.mark.parametrize("stored", ["", "p", "nonsense", "p1:", "p9999999999999999", "\0"])
async def test_a_stored_place_that_means_nothing_is_begun_anew(world, stored):
    await Progress(world.bucket).put(stored)
    assert (await step(world)).next is None
    assert len(world.cloud.calls) == 6


async def test_a_death_between_two_pages_costs_no_page_again():
    world = World()
    world.cloud.add(*(one for n in range(15) for one in tree(f"g{n:02}")))
    assert not await world.dies_at(10_000, lambda parts: parts.importing.step(ImportRequest()))
    lists = world.cloud.count("LIST")
    await whole(world)
    assert world.cloud.count("LIST") == lists + 1 + 5 * 2 + 1


async def test_a_pause_that_the_cloud_asks_for_is_told_and_only_the_unfinished_is_done_again():
    world = World()
    world.cloud.add(*(one for n in range(10) for one in tree(f"g{n}")))
    world.cloud.unreadable["g7"] = RefusedError(429, "", "later", retry_after_s=3.0)
    first = await step(world)
    assert first.retry_after == 3.0
    left = Cursor.read(str(first.next)).only
    assert "g7" in left
    world.cloud.unreadable.clear()
    before = world.cloud.count("LIST")
    await whole(world, after=first.next)
    assert world.cloud.count("LIST") - before == 1 + 2 * len(left) + 1
    assert len(world.registered) == 30


@pytest.mark.parametrize(
    "error", [UnreachableError("away", ambiguous=False), RefusedError(503, "", "later", retry_after_s=2.0)]
)
async def test_a_cloud_that_is_away_deletes_nothing_and_is_to_be_asked_again(world, error):
    registered(world, sensor("g1", "g1-d", "gone"), at_cloud=False)
    world.cloud.unreadable["gone"] = error
    answer = await step(world)
    assert answer.next is not None
    assert answer.retry_after == (2.0 if isinstance(error, RefusedError) else 1.0)
    assert world.deleted == set()
    world.cloud.unreadable.clear()
    assert deleted(await whole(world, after=answer.next)) == ["sensor g1/gone"]


async def test_one_gateway_whose_lists_mean_nothing_spoils_no_other_and_is_not_called_filled():
    world = World()
    world.cloud.add(*tree("g1"), *tree("g2"))
    world.cloud.unreadable["g1"] = BadAnswerError(200, "HTML")
    (answer,) = await whole(world)
    assert answer.unreadable == ["gateway g1: the cloud answered 200 with HTML"]
    assert set(world.registered) == {"gateways.g2", "devices.g2.g2-d", "sensors.g2.g2-s0"}
    assert not await Marker(world.bucket).is_set()


async def test_when_no_gateway_can_be_read_the_import_fails():
    world = World()
    world.cloud.add(*tree("g1"), *tree("g2"))
    world.cloud.unreadable = dict.fromkeys(("g1", "g2"), BadAnswerError(200, "HTML"))
    with pytest.raises(ProblemError) as error:
        await step(world)
    assert error.value.problem.status == 503


async def test_what_is_too_large_to_keep_is_left_out_and_said():
    world = World()
    world.cloud.add(*tree("g1", 2))
    world.bucket.too_large.add("sensors.g1.g1-s1")
    (answer,) = await whole(world)
    assert answer.unreadable == ["g1-s1: sensor g1-s1 is too large to keep"]
    assert answer.sensors == 1


async def test_a_list_from_before_a_retirement_brings_nothing_back(world):
    found = world.cloud.held["sensors.g1.g1-s0"]
    parts = world.registry()
    await parts.retire.sensor(OwnedId(owner="g1", id="g1-s0"))
    assert not await adopt(parts.sensor, found)
    assert world.retired == {"sensors.g1.g1-s0"}
    world.cloud.add(found)
    await whole(world)
    assert world.retired == set()


async def test_a_list_from_before_a_change_takes_nothing_back(world):
    world.cloud.add(sensor("g1", "g1-d", "g1-s0").model_copy(update={"mtime": 7}))
    found = world.cloud.held["sensors.g1.g1-s0"]
    parts = world.registry()
    await parts.update.sensor(UpdateSensor(owner="g1", id="g1-s0", name="New"))
    assert not await adopt(parts.sensor, found)
    assert world.registered["sensors.g1.g1-s0"].name == "New"


async def test_one_gateway_by_its_id(world):
    registered(world, sensor("g1", "g1-d", "gone"), sensor("g2", "g2-d", "gone"), at_cloud=False)
    assert deleted(await whole(world, gateway="g1")) == ["sensor g1/gone"]
    world.cloud.drop("gateways.g2")
    assert deleted(await whole(world, gateway="g2")) == ["gateway g2, its 1 devices and 2 sensors"]
    with pytest.raises(ProblemError, match="no gateway"):
        await step(world, gateway="g3")


async def test_what_is_back_is_there_again(world):
    registered(world, sensor("g1", "g1-d", "gone"), at_cloud=False)
    await whole(world)
    world.cloud.add(sensor("g1", "g1-d", "gone"))
    (answer,) = await whole(world)
    assert answer.sensors == 1
    assert world.deleted == set()


async def test_however_much_there_is_to_say_it_fits_into_one_message():
    world = World()
    world.cloud.add(*tree("g1", 3000))
    world.bucket.too_large = {f"sensors.g1.g1-s{n}" for n in range(3000)}
    (answer,) = await whole(world)
    assert len(answer.model_dump_json()) < 512 * 1024
    assert answer.unreadable[-1] == "and 2500 more"
