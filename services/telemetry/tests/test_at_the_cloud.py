"""What an operator reads of one sensor at the cloud, whatever the cloud answers."""

import pytest

from ferry.contract.problems import ProblemError
from ferry.contract.telemetry import SensorQuery
from ferry.telemetry.delivery import at_the_cloud
from ferry.telemetry.delivery.at_the_cloud import SensorReader
from memory.cloud import ANSWERS, NO_ANSWER, MemoryCloud, Mishap
from memory.loop import run_virtually
from memory.services import MemoryAuth, MemoryTokens
from memory.thingplus import ThingPlus

NOW_MS, HOUR_MS = 1_790_000_000_000, 3_600_000
ASKED = SensorQuery(gateway="g", sensor="s", since=NOW_MS - HOUR_MS, until=NOW_MS)
UNDERSTOOD = {"404", "slow"}


class World:
    def __init__(self):
        self.thingplus = ThingPlus(lambda: NOW_MS, on_points=lambda *_: None)
        self.thingplus.gateways["g"] = {"s"}
        self.auth = MemoryAuth()
        self.cloud = MemoryCloud(self.thingplus, lambda: 0.02, accepts=self.auth.accepts)
        self.reader = SensorReader(self.cloud, MemoryTokens(self.auth))

    def put(self, time, value):
        body = b'{"time": %d, "value": "%s"}' % (time, value.encode())
        assert self.thingplus.put("/gateways/g/sensors/s/series", body).status == 200

    async def read(self, asked=ASKED):
        return await self.reader.read(asked)


def run(check):
    async def main(_loop):
        await check(World())

    run_virtually(main)


def test_the_hour_the_last_reading_and_the_status_are_read():
    async def check(world):
        for time in (NOW_MS - 2 * HOUR_MS, NOW_MS - 1000, NOW_MS):
            world.put(time, f"v{time}")
        world.thingplus.put("/gateways/g/sensors/s/status", b'{"value": "err", "validDuration": 60}')
        found = await world.read()
        assert [point.time for point in found.points] == [NOW_MS - 1000, NOW_MS]
        assert found.latest
        assert found.latest.value == f"v{NOW_MS}"
        assert found.status
        assert (found.status.value, found.status.expires_at) == ("err", NOW_MS + 60_000)

    run(check)


def test_a_sensor_that_never_spoke_has_nothing():
    async def check(world):
        found = await world.read()
        assert (found.points, found.latest, found.status) == ([], None, None)

    run(check)


def test_the_last_reading_is_shown_however_old_it_is():
    async def check(world):
        world.put(NOW_MS - 30 * HOUR_MS, "old")
        found = await world.read()
        assert found.points == []
        assert found.latest
        assert found.latest.value == "old"

    run(check)


def test_a_refused_token_is_replaced_once():
    async def check(world):
        world.put(NOW_MS, "1")
        await world.read()
        world.auth.revoke()
        assert (await world.read()).latest
        assert world.auth.renewals == 1

    run(check)


@pytest.mark.parametrize("kind", sorted({*ANSWERS, *NO_ANSWER} - UNDERSTOOD))
def test_whatever_else_the_cloud_answers_is_a_problem_with_its_words(kind):
    async def check(world):
        world.cloud.mishap = lambda _: Mishap(kind)
        with pytest.raises(ProblemError) as found:
            await world.read()
        assert found.value.problem.status == 502
        assert found.value.problem.detail

    run(check)


def test_a_sensor_that_the_cloud_does_not_have_is_a_problem():
    async def check(world):
        with pytest.raises(ProblemError) as found:
            await world.read(ASKED.model_copy(update={"sensor": "t"}))
        assert found.value.problem.status == 404

    run(check)


def test_without_a_token_nothing_is_read():
    async def check(world):
        world.auth.none = lambda: True
        with pytest.raises(ProblemError) as found:
            await world.read()
        assert "no token" in found.value.problem.detail

    run(check)


def test_an_answer_fits_a_message_of_the_bus():
    async def check(world):
        for number in range(at_the_cloud.MOST_POINTS + 50):
            world.put(NOW_MS - HOUR_MS + number, '\\"' * 400)
        found = await world.read()
        assert found.cut
        assert len(found.model_dump_json()) < 1_000_000
        assert found.points[-1].time == NOW_MS - HOUR_MS + at_the_cloud.MOST_POINTS + 49

    run(check)
