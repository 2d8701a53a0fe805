"""What other systems are told of the cloud and the streams: once when it begins, once when it ends."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

from ferry.telemetry.operators.events import Watch
from memory.cloud import Mishap
from memory.one_replica import World, run, sensors_of


class Told:
    def __init__(self) -> None:
        self.events: list[tuple[str, str, Any]] = []

    async def emit(self, noun: str, verb: str, message: Any) -> None:
        self.events.append((noun, verb, message))

    @property
    def verbs(self) -> list[tuple[str, str]]:
        return [(noun, verb) for noun, verb, _ in self.events]


@asynccontextmanager
async def watching(world: World, fill: dict[str, float]):
    told: Any = Told()
    watch = asyncio.create_task(Watch(world.replica, told, fill).run())
    yield told
    watch.cancel()


def test_an_outage_of_the_cloud_is_told_once_with_its_cause_and_its_end():
    async def check(world: World) -> None:
        sensors = sensors_of(3, 2)
        world.add(*sensors)
        async with watching(world, {}) as told:
            await world.report(sensors, 1.0, 5)
            world.cloud.mishap = lambda _: Mishap("503")
            await world.report(sensors, 1.0, 60)
            assert told.verbs == [("cloud", "paused")]
            assert "503" in told.events[0][2].cause
            world.cloud.mishap = lambda _: None
            await world.report(sensors, 1.0, 10)
            assert told.verbs == [("cloud", "paused"), ("cloud", "resumed")]
            assert 50_000 < told.events[1][2].paused_ms < 70_000

    run(check)


def test_what_passes_by_itself_is_no_news():
    async def check(world: World) -> None:
        sensors = sensors_of(3, 2)
        world.add(*sensors)
        async with watching(world, {}) as told:
            once = iter([Mishap("429", 2.0)])
            world.cloud.mishap = lambda _: next(once, None)
            world.publish(sensors[0])
            await asyncio.sleep(1)
            assert not world.replica.gate.open
            await asyncio.sleep(10)
            assert (told.verbs, world.replica.gate.open) == ([], True)

    run(check)


def test_a_stream_that_fills_is_told_once_until_it_has_recovered():
    async def check(world: World) -> None:
        fill = {"FERRY_DEAD": 0.1, "FERRY_READINGS": 0.0}
        async with watching(world, fill) as told:
            for ratio, number in ((0.79, 0), (0.8, 1), (0.95, 1), (0.75, 1), (0.9, 1), (0.69, 1), (0.85, 2)):
                fill["FERRY_DEAD"] = ratio
                await asyncio.sleep(3)
                assert told.verbs == [("stream", "filling")] * number, ratio
            assert {message.stream for _, _, message in told.events} == {"FERRY_DEAD"}

    run(check)
