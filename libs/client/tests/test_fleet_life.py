"""A fleet's life by its file, over the registry's own rules: born, renamed, moved, retired; killed at every step."""

import asyncio

import pytest
from fleet_world import FleetOperator
from registry_world import Died, World

from ferry.client.fleet.hints import hints
from ferry.clouds.errors import RefusedError, UnreachableError
from ferry.contract import subjects
from ferry.contract.problems import ProblemError

BORN = """
gateways:
  - name: Plant
    devices:
      - name: Rack A
        sensors:
          - {name: Probe, type: temperature}
          - {name: Damp, type: humidity}
      - name: Rack B
        sensors: [{name: Probe, type: temperature}]
"""


async def born(tmp_path, text=BORN):
    operator = FleetOperator(tmp_path)
    operator.write(text)
    assert not (await operator.apply()).failed
    operator.bus.requests.clear()
    operator.world.cloud.calls.clear()
    return operator


def names(world):
    return sorted(entity.name for entity in world.cloud.held.values())


def changes(plan):
    return [(one.wanted.noun, dict(one.fields)) for one in plan.change]


async def test_a_second_apply_asks_for_nothing(tmp_path):
    operator = await born(tmp_path)
    assert await operator.is_in_place()
    done = await operator.apply(prune=True)
    assert (done.created, done.changed, done.retired, operator.bus.writes) == (0, 0, 0, [])


async def test_two_accounts_apply_the_same_file(tmp_path):
    """Ids are unique over all accounts: the second is refused every id that the first has."""
    first = await born(tmp_path)
    second = FleetOperator(tmp_path)
    taken = {entity.id for entity in first.world.cloud.held.values()}
    second.world.cloud.refuses = dict.fromkeys(taken, RefusedError(403, "ACCESSGROUP_DENY", "not yours"))
    done = await second.apply()
    assert (done.created, done.failed) == (6, [])
    assert not taken & {entity.id for entity in second.world.cloud.held.values()}


async def test_no_id_follows_from_a_name(tmp_path):
    ids = [{entity.id for entity in (await born(tmp_path)).world.cloud.held.values()} for _ in range(2)]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("acts", [True, False])
async def test_a_retry_after_a_time_out_makes_no_second_gateway(tmp_path, acts):
    operator = FleetOperator(tmp_path)
    operator.write(BORN)
    operator.world.cloud.fault = UnreachableError("ReadTimeout", ambiguous=True)
    operator.world.cloud.acts = acts
    lost = [True, True]
    operator.bus.lose = lambda subject, asked: subject.endswith("register") and bool(lost) and lost.pop()
    done = await operator.apply()
    assert done.failed == []
    assert names(operator.world) == ["Damp", "Plant", "Probe", "Probe", "Rack A", "Rack B"]
    assert await operator.is_in_place()


async def test_an_apply_that_gave_up_after_a_time_out_is_gone_on_with(tmp_path):
    operator = FleetOperator(tmp_path)
    operator.write(BORN)
    operator.bus.lose = lambda subject, asked: subject.endswith("register")
    done = await operator.apply(patience_s=0.2)
    assert done.failed
    operator.bus.lose = lambda subject, asked: False
    assert (await operator.apply()).failed == []
    assert len(operator.world.cloud.held) == 6


async def test_a_renamed_device_is_the_same_one(tmp_path):
    operator = await born(tmp_path)
    operator.write(BORN.replace("name: Rack A", "name: Rack 1\n        renamedFrom: Rack A"))
    plan = (await operator.plan()).plan
    assert (plan.create, plan.retire) == ([], [])
    assert changes(plan) == [("device", {"name": ("Rack A", "Rack 1")})]
    done = await operator.apply(prune=True)
    assert (done.created, done.changed, done.retired) == (0, 1, 0)
    assert "Rack 1" in names(operator.world)
    assert await operator.is_in_place()
    operator.write(BORN.replace("Rack A", "Rack 1"))
    assert await operator.is_in_place()


@pytest.mark.parametrize("key", ["renamedFrom", "renamed_from"])
@pytest.mark.parametrize("old", ["Plant", "Rack B", "Damp"])
async def test_each_kind_is_renamed(tmp_path, old, key):
    operator = await born(tmp_path)
    before = {entity.id for entity in operator.world.cloud.held.values()}
    if old == "Damp":
        operator.write(BORN.replace("name: Damp", f"name: New, {key}: Damp"))
    else:
        operator.write(
            BORN.replace(f"- name: {old}", f"- {key}: {old}\n{' ' * (4 if old == 'Plant' else 8)}name: New")
        )
    plan = (await operator.plan()).plan
    assert (plan.create, plan.retire, len(plan.change)) == ([], [], 1)
    await operator.apply(prune=True)
    assert {entity.id for entity in operator.world.cloud.held.values()} == before
    assert await operator.is_in_place()


async def test_a_rename_by_id_needs_no_more(tmp_path):
    operator = await born(tmp_path)
    (device,) = [one.id for one in operator.world.cloud.held.values() if one.name == "Rack A"]
    operator.write(BORN.replace("name: Rack A", f"name: Rack 1\n        id: {device}"))
    assert changes((await operator.plan()).plan) == [("device", {"name": ("Rack A", "Rack 1")})]


async def test_names_that_wander_along_a_row(tmp_path):
    """B becomes C, A becomes B, and a new one is called A: nobody loses its id, nothing is made twice."""
    two = "gateways: [{name: A}, {name: B}]"
    operator = await born(tmp_path, two)
    ids = {one.name: one.id for one in operator.world.cloud.held.values()}
    operator.write("gateways: [{name: A}, {name: B, renamedFrom: A}, {name: C, renamedFrom: B}]")
    done = await operator.apply(prune=True)
    assert (done.created, done.changed, done.retired, done.failed) == (1, 2, 0, [])
    now = {one.name: one.id for one in operator.world.cloud.held.values()}
    assert (now["B"], now["C"]) == (ids["A"], ids["B"])
    assert now["A"] not in ids.values()
    assert await operator.is_in_place()


async def test_a_sensor_moves_with_its_id_or_by_where_it_was(tmp_path):
    operator = await born(tmp_path)
    (damp,) = [one.id for one in operator.world.cloud.held.values() if one.name == "Damp"]
    without = BORN.replace("          - {name: Damp, type: humidity}\n", "")
    for words in ("movedFrom: Rack A", f"id: {damp}"):
        operator.write(
            without.replace("[{name: Probe,", f"[{{name: Damp, type: humidity, {words}}}, {{name: Probe,")
        )
        plan = (await operator.plan()).plan
        assert (plan.create, plan.retire) == ([], [])
        ((noun, fields),) = changes(plan)
        assert (noun, list(fields)) == ("sensor", ["deviceId"])
    done = await operator.apply(prune=True)
    assert (done.created, done.changed, done.retired, done.failed) == (0, 1, 0, [])
    assert await operator.is_in_place()
    assert operator.world.cloud.made[damp] == 1


async def test_a_sensor_moves_to_a_new_device_and_its_old_one_is_retired(tmp_path):
    operator = await born(tmp_path)
    ids = {one.id for one in operator.world.cloud.held.values() if one.name in {"Probe", "Damp"}}
    operator.write(
        "gateways: [{name: Plant, devices: [{name: Rack C, sensors: ["
        "{name: Probe, type: temperature, movedFrom: Rack A}, {name: Damp, type: humidity, movedFrom: Rack A},"
        "{name: Probe B, type: temperature, movedFrom: Rack B, renamedFrom: Probe}]}]}]"
    )
    done = await operator.apply(prune=True)
    assert (done.created, done.changed, done.retired, done.failed) == (1, 3, 2, [])
    assert {one.id for one in operator.world.cloud.held.values() if one.name[0] in "PD"} >= ids
    assert names(operator.world) == ["Damp", "Plant", "Probe", "Probe B", "Rack C"]
    assert await operator.is_in_place()


@pytest.mark.parametrize("first", ["renamed", "moved"])
async def test_a_sensor_is_renamed_and_moved_one_after_the_other_and_both_words_stay(tmp_path, first):
    operator = await born(tmp_path)
    without = BORN.replace("          - {name: Damp, type: humidity}\n", "")
    steps = {
        "renamed": BORN.replace("name: Damp,", "name: Wet, renamedFrom: Damp,"),
        "moved": without.replace(
            "[{name: Probe,", "[{name: Damp, type: humidity, movedFrom: Rack A}, {name: Probe,"
        ),
    }
    both = without.replace(
        "[{name: Probe,", "[{name: Wet, type: humidity, renamedFrom: Damp, movedFrom: Rack A}, {name: Probe,"
    )
    for text in (steps[first], both):
        operator.write(text)
        done = await operator.apply(prune=True)
        assert (done.created, done.changed, done.retired) == (0, 1, 0)
    assert await operator.is_in_place()


async def test_a_sensor_moves_from_a_device_that_is_renamed_too(tmp_path):
    operator = await born(tmp_path)
    text = BORN.replace("name: Rack A", "name: Rack 1\n        renamedFrom: Rack A")
    operator.write(text)
    await operator.apply()
    without = text.replace("          - {name: Damp, type: humidity}\n", "")
    operator.write(
        without.replace("[{name: Probe,", "[{name: Damp, type: humidity, movedFrom: Rack A}, {name: Probe,")
    )
    done = await operator.apply(prune=True)
    assert (done.created, done.changed, done.retired) == (0, 1, 0)


async def test_a_moved_sensor_leaves_its_name_to_a_new_one(tmp_path):
    operator = await born(tmp_path)
    (old,) = [one.id for one in operator.world.cloud.held.values() if one.name == "Damp"]
    operator.write(
        BORN.replace("[{name: Probe,", "[{name: Damp, type: humidity, movedFrom: Rack A}, {name: Probe,")
    )
    done = await operator.apply()
    assert (done.created, done.changed, done.failed) == (1, 1, [])
    assert len([one for one in operator.world.cloud.held.values() if one.name == "Damp"]) == 2
    assert operator.world.cloud.made[old] == 1
    assert await operator.is_in_place()


async def test_the_interval_changes_and_shows_old_and_new(tmp_path):
    operator = await born(tmp_path)
    operator.write("defaults: {reportInterval: 120000}\n" + BORN)
    assert changes((await operator.plan()).plan) == [("gateway", {"reportInterval": (300_000, 120_000)})]
    assert (await operator.apply()).changed == 1
    assert await operator.is_in_place()


async def test_what_cannot_be_changed_is_said_and_not_tried(tmp_path):
    operator = await born(tmp_path)
    operator.write(BORN.replace("{name: Damp, type: humidity}", "{name: Damp, type: temperature}"))
    plan = (await operator.plan()).plan
    assert (plan.create, plan.change, plan.retire) == ([], [], [])
    assert dict(plan.fixed[0].fields) == {"type": ("humidity", "temperature")}
    await operator.apply(prune=True)
    assert operator.bus.writes == []


async def test_only_prune_retires_and_counts_what_goes_along(tmp_path):
    operator = await born(tmp_path)
    operator.write("gateways: []")
    plan = (await operator.plan()).plan
    ((noun, devices, sensors),) = [(one.noun, one.devices, one.sensors) for one in plan.retire]
    assert (noun, devices, sensors, plan.retired) == ("gateway", 2, 3, 6)
    assert (await operator.apply()).retired == 0
    assert operator.bus.writes == []
    done = await operator.apply(prune=True)
    assert (done.retired, operator.world.cloud.held) == (6, {})
    assert operator.world.cloud.count("DELETE") == 1
    assert await operator.is_in_place()


async def test_prune_keeps_to_the_sites_of_the_file(tmp_path):
    operator = await born(tmp_path, "gateways: [{name: Here}]")
    elsewhere = next(iter(operator.world.cloud.held.values())).model_copy(
        update={"id": "f" * 32, "name": "There", "site_id": "2"}
    )
    operator.world.cloud.add(elsewhere)
    await operator.take_over()
    operator.write("sites: [{name: default}]\ngateways: []")
    plan = (await operator.plan()).plan
    assert [one.entity.name for one in plan.retire] == ["Here"]
    operator.write("gateways: []")
    assert len((await operator.plan()).plan.retire) == 2


async def test_nothing_is_retired_when_something_failed(tmp_path):
    operator = await born(tmp_path)
    operator.write(BORN.replace("name: Plant", "name: Plant 2").replace("Damp", "Wet"))
    operator.bus.refuse = lambda subject, asked: (
        ProblemError.of("no", 422, "no") if subject.endswith("register") else None
    )
    done = await operator.apply(prune=True)
    assert done.failed
    assert (done.retired, operator.world.cloud.count("DELETE")) == (0, 0)


@pytest.mark.parametrize(
    ("target", "created", "retired"),
    [
        ("New", 3, 0),
        ("New/Rack", 3, 0),
        ("New/Rack/Probe", 3, 0),
        ("Plant", 1, 1),
        ("Plant/Rack A", 1, 0),
        ("Plant/Rack A/Extra", 1, 0),
        ("Plant/Rack B", 0, 1),
        ("Plant/Rack B/Probe", 0, 1),
    ],
)
async def test_a_target_narrows_plan_and_apply(tmp_path, target, created, retired):
    operator = await born(tmp_path)
    changed = BORN.replace("[{name: Probe, type: temperature}]", "[]")
    changed = changed.replace("- {name: Damp", "- {name: Extra, type: humidity}\n          - {name: Damp")
    operator.write(
        changed + "  - {name: New, devices: [{name: Rack, sensors: [{name: Probe, type: humidity}]}]}\n"
    )
    plan = (await operator.plan([target])).plan
    assert (len(plan.create), plan.retired) == (created, retired)
    done = await operator.apply([target], prune=True)
    assert (done.created, done.retired, done.failed) == (created, retired, [])
    everything = (await operator.plan()).plan
    assert (len(everything.create), everything.retired) == (4 - created, 1 - retired)


async def test_a_target_may_be_an_id_or_a_name_with_slashes_and_must_be_there(tmp_path):
    operator = await born(tmp_path, "gateways: [{name: North/1, devices: [{name: A/B}]}]")
    (gateway,) = [key.split(".")[1] for key in operator.world.cloud.held if key.startswith("gateways.")]
    for target in ("North/1", f"{gateway}/A/B", "North/1/A/B"):
        assert (await operator.plan([target])).plan.same
    with pytest.raises(ProblemError, match="did you mean 'North/1'"):
        await operator.plan(["North1"])


async def test_a_name_of_two_is_refused_with_their_ids(tmp_path):
    operator = await born(tmp_path, "gateways: [{name: A}, {name: B}]")
    for entity in list(operator.world.cloud.held.values()):
        operator.world.cloud.add(entity.model_copy(update={"name": "Same", "mtime": 9999}))
    await operator.take_over()
    operator.write("gateways:\n  - name: Same")
    with pytest.raises(ProblemError, match=r"fleet.yaml:2:11: 2 registered gateways are called 'Same'"):
        await operator.plan()


async def test_what_the_portal_renamed_is_named_back_and_not_made_twice(tmp_path):
    operator = await born(tmp_path)
    (device,) = [one for one in operator.world.cloud.held.values() if one.name == "Rack A"]
    operator.world.cloud.add(device.model_copy(update={"name": "Cupboard", "mtime": 9999}))
    await operator.take_over()
    plan = (await operator.plan()).plan
    assert (plan.create, plan.retire) == ([], [])
    assert changes(plan) == [("device", {"name": ("Cupboard", "Rack A")})]
    await operator.apply()
    assert await operator.is_in_place()


async def test_an_id_of_another_gateway_is_refused_before_any_request(tmp_path):
    operator = await born(tmp_path)
    (damp,) = [one.id for one in operator.world.cloud.held.values() if one.name == "Damp"]
    operator.write(
        BORN
        + f"  - name: Other\n    devices: [{{name: R, sensors: [{{name: Damp, type: humidity, id: {damp}}}]}}]\n"
    )
    with pytest.raises(ProblemError, match="moves nothing between gateways"):
        await operator.plan()


async def test_a_plan_says_what_may_be_a_rename_or_a_move(tmp_path):
    operator = await born(tmp_path)
    operator.write(BORN.replace("Rack B", "Rack 2"))
    assert list(hints((await operator.plan()).plan)) == [
        "if device 'Rack 2' was 'Rack B', declare it with `renamedFrom: Rack B`"
    ]
    without = BORN.replace("          - {name: Damp, type: humidity}\n", "")
    operator.write(without.replace("[{name: Probe,", "[{name: Damp, type: humidity}, {name: Probe,"))
    (hint,) = hints((await operator.plan()).plan)
    assert hint.startswith("if sensor 'Damp' moved to device 'Rack B', declare it with `movedFrom: ")


LATER = """
defaults: {reportInterval: 60000}
gateways:
  - name: Plant 1
    renamedFrom: Plant
    devices:
      - name: Rack 1
        renamedFrom: Rack A
        sensors:
          - {name: Probe 1, type: temperature, renamedFrom: Probe}
          - {name: Probe, type: temperature}
      - name: Rack C
        sensors: [{name: Probe, type: temperature, movedFrom: Rack B}]
  - name: Second
    devices: [{name: R, sensors: [{name: S, type: humidity}]}]
"""


async def test_killed_at_any_step_and_run_again_it_is_in_place_and_nothing_was_made_twice(tmp_path):
    """The registry dies at every step of birth, change and retirement, one after another."""
    for death in range(400):
        operator = FleetOperator(tmp_path)
        died = [await _dies(operator, text, death) for text in (BORN, LATER)]
        assert set(operator.world.cloud.made.values()) == {1}, death
        assert names(operator.world) == [
            *("Plant 1", "Probe", "Probe", "Probe 1", "R", "Rack 1", "Rack C", "S", "Second")
        ], death
        if not any(died):
            return
    raise AssertionError("more steps than were looked at")


async def _dies(operator: FleetOperator, text: str, death: int) -> bool:
    operator.write(text)
    died = True
    operator.world.dies = death
    try:
        await operator.apply(prune=True)
        died = False
    except Died:
        await asyncio.sleep(0)
    finally:
        operator.world.dies = None
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0)
    operator.bus = type(operator.bus)(operator.world)
    done = await operator.apply(prune=True)
    assert done.failed == []
    assert await operator.is_in_place()
    return died


async def test_a_fresh_registry_takes_the_fleet_over_and_the_file_still_fits(tmp_path):
    operator = await born(tmp_path)
    fresh = FleetOperator(tmp_path, World())
    fresh.world.cloud.held = operator.world.cloud.held
    done = await fresh.take_over()
    assert (done.gateways, done.devices, done.sensors) == (1, 2, 3)
    assert await fresh.is_in_place()
    assert fresh.world.cloud.count("POST", "PUT", "DELETE") == 0


async def test_many_ids_are_asked_for_by_few_requests(tmp_path):
    operator = FleetOperator(tmp_path)
    operator.write("gateways: [{name: 'G {n}', count: 700}]")
    assert (await operator.apply()).created == 700
    reserved = [asked for subject, asked in operator.bus.requests if subject == subjects.REGISTRY_IDS_RESERVE]
    assert sorted(len(one.places) for one in reserved) == [200, 500]
