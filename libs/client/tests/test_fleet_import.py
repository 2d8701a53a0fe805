"""An import step by step: every step's finds are kept, pauses are kept to, and nothing waits without a limit."""

import time
from typing import Any

import pytest
from fleet_world import FleetOperator
from registry_world import World, device, gateway, sensor

from ferry.client.fleet.importing import import_all
from ferry.contract.problems import ProblemError
from ferry.contract.registry import Imported


class Registry:
    """Answers with one after the other; an error is raised."""

    def __init__(self, *answers: Imported | ProblemError, for_ever: bool = False) -> None:
        self.answers = list(answers)
        self.for_ever = for_ever
        self.asked: list[Any] = []

    async def ask(self, subject: str, asked: Any, answer: Any, **_: Any) -> Any:
        self.asked.append(asked)
        found = self.answers[0] if self.for_ever else self.answers.pop(0)
        if isinstance(found, ProblemError):
            raise found
        return found


async def imported(registry: Any, **more: Any) -> tuple[Imported, list[int]]:
    steps: list[int] = []
    done = await import_all(registry, lambda total: steps.append(total.sensors), **more)
    return done, steps


LATER = ProblemError.of("timeout", 504, "no answer")


async def test_every_steps_finds_are_kept_and_told_on_the_way():
    registry = Registry(
        Imported(gateways=1, sensors=2, deleted=["a"], next="p1"),
        Imported(gateways=1, sensors=3, unreadable=["b"], next="p2"),
        Imported(sensors=1, deleted=["c"]),
    )
    done, steps = await imported(registry)
    assert (done.gateways, done.sensors, done.deleted, done.unreadable) == (2, 6, ["a", "c"], ["b"])
    assert steps == [2, 5, 6]
    assert [asked.after for asked in registry.asked] == [None, "p1", "p2"]


async def test_a_step_that_nobody_answered_is_asked_for_again_and_no_page_is_lost():
    registry = Registry(Imported(sensors=2, next="p1"), LATER, LATER, Imported(sensors=3))
    done, _ = await imported(registry)
    assert done.sensors == 5
    assert [asked.after for asked in registry.asked] == [None, "p1", "p1", "p1"]


async def test_a_pause_that_the_cloud_asks_for_is_kept_to():
    registry = Registry(Imported(next="p1", retry_after=0.4), Imported())
    begun = time.monotonic()
    await imported(registry)
    assert time.monotonic() - begun >= 0.4


async def test_a_refusal_ends_it_at_once():
    registry = Registry(ProblemError.of("no", 403, "no scope"))
    with pytest.raises(ProblemError, match="no scope"):
        await imported(registry)


@pytest.mark.parametrize("answer", [LATER, Imported(next="p3", retry_after=0.05), Imported(next="p3")])
async def test_it_ends_when_it_comes_no_further(answer):
    with pytest.raises(ProblemError):
        await imported(Registry(answer, for_ever=True), patience_s=0.3)


async def test_only_the_first_request_says_restart():
    registry = Registry(Imported(next="p1"), Imported())
    await imported(registry, restart=True)
    assert [asked.restart for asked in registry.asked] == [True, False]


async def test_that_an_earlier_one_is_gone_on_with_is_said():
    done, _ = await imported(Registry(Imported(next="p1", resumed=True), Imported()))
    assert done.resumed


async def test_400_deleted_sensors_are_found_deleted_in_one_command(tmp_path):
    """With an answer of the cloud after 20 ms each, over the registry's own steps."""
    world = World()
    for one in (
        gateway("g" * 32),
        device("g" * 32, "d"),
        *(sensor("g" * 32, "d", f"s{n}") for n in range(400)),
    ):
        world.cloud.add(one)
    operator = FleetOperator(tmp_path, world)
    await operator.take_over()
    world.cloud.drop(*[key for key in world.cloud.held if key.startswith("sensors.")])
    world.cloud.latency_s = 0.02
    done = await operator.take_over()
    assert len(done.deleted) == 400
