"""Seeds whose worlds are drawn, and nothing that must not happen does. `make simulate` runs as many as are wanted."""

import pytest

from simulation.run import simulate

LONG = (0, 1, 2, 3, 4, 5, 6)
"""Half an hour each."""
SHORT = (5, 8, 15, 18, 22, 24, 48, 50, 51, 57, 62)
SHORT_S = 240.0
"""The same faults, sooner after one another."""


@pytest.mark.parametrize("seed", LONG)
def test_nothing_is_lost_late_or_out_of_order(seed):
    result = simulate(seed)
    assert not result.violations, f"seed {seed}: " + "\n".join(result.violations[:20])


@pytest.mark.parametrize("seed", SHORT)
def test_troubles_in_quick_succession(seed):
    result = simulate(seed, SHORT_S)
    assert not result.violations, f"seed {seed}: " + "\n".join(result.violations[:20])


def test_a_seed_replays_exactly():
    first, second = simulate(5, SHORT_S), simulate(5, SHORT_S)
    assert first.events > 1000
    assert (first.trace, first.events) == (second.trace, second.events)
