"""The same faults within four minutes; and that a seed that fails can be looked at."""

import pytest

from simulation.run import simulate
from simulation.suite import SHORT_S, holds


@pytest.mark.parametrize("seed", range(40))
def test_troubles_in_quick_succession(seed):
    holds(seed, SHORT_S)


def test_a_seed_replays_exactly():
    first, second = simulate(4, SHORT_S), simulate(4, SHORT_S)
    assert first.events > 1000
    assert (first.trace, first.events) == (second.trace, second.events)
