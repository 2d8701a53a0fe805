"""The built-in scenarios load, and play what they hold."""

import asyncio

import pytest

from ferry.sandbox import fixtures
from ferry.sandbox.app import Sandbox
from ferry.sandbox.faults import scenario


@pytest.mark.parametrize("name", scenario.names())
def test_built_in_scenarios_fit_their_form(name: str) -> None:
    assert scenario.load(name).about


async def test_a_repeating_scenario_begins_anew() -> None:
    sandbox = Sandbox(fixtures.load())
    sandbox.clock.set(scale=1000)
    playing = asyncio.create_task(scenario.play(scenario.load("throttled"), sandbox.control))
    struck: set[str] = set()
    async with asyncio.timeout(5):
        while len(struck) < 5:
            struck |= set(sandbox.faults.armed)
            await asyncio.sleep(0)
    playing.cancel()
    assert {"1", "2", "3", "4", "5"} <= struck
