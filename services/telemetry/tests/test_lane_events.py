"""Lanes that fail, told as events: a bound on how many, and each told once."""

import asyncio
from types import SimpleNamespace
from typing import Any

from ferry.telemetry.lanes.health import LaneHealth
from ferry.telemetry.operators.events import FAILING_S, MOST_LANES, Watch
from memory.loop import VirtualLoop, run_virtually


class Told:
    def __init__(self) -> None:
        self.verbs: list[str] = []

    async def emit(self, noun: str, verb: str, message: object) -> None:
        self.verbs.append(verb)


def test_so_many_failing_lanes_are_told_and_as_many_recover():
    async def main(loop: VirtualLoop) -> None:
        lanes = {
            str(number): SimpleNamespace(health=LaneHealth(str(number), "g", "s", failing=True))
            for number in range(300)
        }
        partition = SimpleNamespace(lanes=lanes, statuses={})
        replica: Any = SimpleNamespace(
            ownership=SimpleNamespace(owned={0: partition}), gate=SimpleNamespace(open=True), now_ms=lambda: 0
        )
        told: Any = Told()
        watch = Watch(replica, told, {})
        await watch._look_at_lanes()
        await asyncio.sleep(FAILING_S)
        for _ in range(3):
            await watch._look_at_lanes()
        assert told.verbs == ["failing"] * MOST_LANES
        for lane in lanes.values():
            lane.health.failing = False
        await watch._look_at_lanes()
        assert told.verbs[MOST_LANES:] == ["recovered"] * MOST_LANES
        for lane in lanes.values():
            lane.health.failing = True
        await watch._look_at_lanes()
        await asyncio.sleep(FAILING_S)
        await watch._look_at_lanes()
        assert told.verbs[2 * MOST_LANES :] == ["failing"] * MOST_LANES

    run_virtually(main)
