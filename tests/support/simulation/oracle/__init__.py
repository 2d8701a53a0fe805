"""Says of each message, and of each lane, what must not have happened."""

from typing import TYPE_CHECKING

from simulation.oracle.delays import judge_delays
from simulation.oracle.ends import judge_ends
from simulation.oracle.statuses import judge_statuses

if TYPE_CHECKING:
    from simulation.world import World


def judge(world: "World") -> None:
    for name, error in world.fleet.crashes:
        world.violated(f"{name} ended with {error!r}")
    judge_ends(world)
    judge_statuses(world)
    judge_delays(world)
