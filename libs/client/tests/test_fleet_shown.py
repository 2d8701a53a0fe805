"""What `ferry plan` and `apply` say of a plan, to a program and in the question before anything is done."""

import json

from fleet_world import FleetOperator

from ferry.client.cli.fleet import plain, shown
from ferry.contract.problems import ProblemError

FIRST = (
    "gateways: [{name: A, devices: [{name: R, sensors: [{name: S, type: humidity}]}]}, {name: B}, {name: C}]"
)
SECOND = (
    "gateways: [{name: A, reportInterval: 60000, devices: [{name: R, sensors: [{name: S, type: temperature}]}]},"
    " {name: D}]"
)


async def second(tmp_path):
    operator = FleetOperator(tmp_path)
    operator.write(FIRST)
    await operator.apply()
    operator.write(SECOND)
    return operator


async def test_a_program_sees_what_is_new_what_changes_with_old_and_new_and_what_goes(tmp_path):
    found = json.loads(json.dumps(plain.plan(await (await second(tmp_path)).plan())))
    assert [(one["noun"], one["path"], one["again"]) for one in found["create"]] == [("gateway", "D", False)]
    assert [(one["path"], one["fields"]) for one in found["change"]] == [
        ("A", {"reportInterval": {"registered": 300_000, "declared": 60_000}})
    ]
    assert [(one["path"], one["fields"]) for one in found["fixed"]] == [
        ("A/R/S", {"type": {"registered": "humidity", "declared": "temperature"}})
    ]
    assert [(one["noun"], one["path"], one["sensors"]) for one in found["retire"]] == [
        ("gateway", "B", 0),
        ("gateway", "C", 0),
    ]
    assert found["same"] == 1


async def test_the_question_names_the_numbers(tmp_path):
    plan = (await (await second(tmp_path)).plan()).plan
    assert shown.question(plan, prune=False) == "Register 1 and change 1?"
    asked = shown.question(plan, prune=True)
    assert asked.startswith("Register 1 and change 1 and retire 2 (2 gateways; Thing+ deletes them")


async def test_a_failure_says_of_what(tmp_path):
    operator = await second(tmp_path)
    operator.bus.refuse = lambda subject, asked: (
        ProblemError.of("plan-full", 471, "no room") if subject.endswith("gateways.register") else None
    )
    plan = (await operator.plan()).plan
    done = plain.applied(await operator.apply(prune=True), plan)
    assert (done["created"], done["changed"], done["retired"], done["fixed"]) == (0, 1, 0, 1)
    (failure,) = done["failed"]
    assert (failure["action"], failure["noun"], failure["name"]) == ("register", "gateway", "D")
    assert failure["problem"]["status"] == 471
