"""What readings and sensors cost in counts, which no busy machine disturbs: calls from stream to ack, and bytes.

`tests/bench/cost.py` measures processor time; this says in `make test` that somebody made the way longer.
"""

import asyncio
import gc
import sys
import tracemalloc
from types import FrameType
from typing import Self

import pytest

from ferry.telemetry.replica import SILENT_S, SWEEP_S
from memory.one_replica import NOW_MS, World, run, sensors_of

SENSORS, EACH = sensors_of(4, 25), 20
READINGS = len(SENSORS) * EACH
MOST_BYTES = 512


class Calls:
    """Of functions in Ferry's packages; a coroutine that goes on counts as a call, as it costs one."""

    def __init__(self) -> None:
        self.number = 0

    def __enter__(self) -> Self:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        self.number += event == "call" and "/src/ferry/" in frame.f_code.co_filename


def calls_of_a_reading(per_put: int) -> float:
    calls = Calls()

    async def check(world: World) -> None:
        world.add(*SENSORS)
        for sensor in SENSORS:  # the look-ups come first
            world.publish(sensor, time=NOW_MS)
        await asyncio.sleep(5)
        with calls:
            for number in range(EACH):
                for sensor in SENSORS:
                    world.publish(sensor, time=NOW_MS + 1 + number)
            await world.until(lambda: not world.stream.messages, 60)
        assert sum(map(world.points, SENSORS)) == READINGS + len(SENSORS)

    run(check, put_max_points=per_put)
    return calls.number / READINGS


@pytest.mark.parametrize(("per_put", "most"), [(1, 72), (10, 34)])
def test_a_reading_takes_no_more_calls_than_it_did(per_put: int, most: float) -> None:
    """A new rule may cost calls: raise the bound in its commit, and give cost.py's ratios before and after."""
    assert calls_of_a_reading(per_put) <= most


def test_a_silent_sensor_keeps_half_a_kilobyte_at_most() -> None:
    silent = sensors_of(20, 50)
    kept: list[int] = []

    def of_ferry() -> int:
        gc.collect()
        traces = tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.Filter(inclusive=True, filename_pattern="*/src/ferry/*")]
        )
        return sum(one.size for one in traces.statistics("filename"))

    async def check(world: World) -> None:
        world.add(*silent)
        before = of_ferry()
        for sensor in silent:
            world.publish(sensor)
        await world.until(lambda: not world.stream.messages, 60)
        await asyncio.sleep(SILENT_S + 4 * SWEEP_S)
        assert all(not partition.lanes for partition in world.replica.ownership.owned.values())
        kept.append(of_ferry() - before)

    tracemalloc.start()
    try:
        run(check)
    finally:
        tracemalloc.stop()
    assert kept[0] / len(silent) <= MOST_BYTES
