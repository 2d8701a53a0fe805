"""`ferry status` asks every service at the same time, and shows the silent ones."""

import time

import pytest
from bus_fake import FakeBus, stats

from ferry.client.overview import seen
from ferry.contract import subjects

NEEDED = ("auth", "registry", "telemetry", "otosense")


def silent(found):
    return {name: found.why_silent(name) for name in found.names if found.why_silent(name)}


async def test_all_answer():
    found = await seen(FakeBus())
    assert (found.names, silent(found)) == ([*NEEDED], {})


@pytest.mark.parametrize("name", NEEDED)
async def test_a_service_that_is_away_is_shown_as_such(name):
    bus = FakeBus()
    bus.stats = [one for one in bus.stats if name not in one.decode()]
    for subject in [one for one in bus.serving if f".{name}." in one]:
        del bus.serving[subject]
    assert silent(await seen(bus)) == {name: "does not answer"}


async def test_another_service_that_is_there_is_shown():
    bus = FakeBus()
    bus.stats.append(stats("console"))
    assert (await seen(bus)).names == [*NEEDED, "console"]


async def test_nobody_delays_the_others():
    begun = time.monotonic()
    found = await seen(FakeBus(silent={"*"}), 0.3)
    assert time.monotonic() - begun < 2
    assert set(silent(found)) == set(NEEDED)


async def test_without_the_right_to_look_for_services_the_others_are_shown():
    found = await seen(FakeBus(denied={"$SRV.STATS"}))
    assert set(silent(found)) == {"registry", "otosense"}
    assert "$SRV.STATS" in silent(found)["registry"]


async def test_a_service_that_answers_with_a_problem_is_there():
    bus = FakeBus()
    del bus.serving[subjects.AUTH_STATE_GET]
    found = await seen(bus)
    assert silent(found) == {}
    assert "nobody serves" in str(found.auth)
