"""Seeds whose worlds are drawn, and nothing that must not happen does."""

import pytest

from simulation.run import simulate

SEEDS = (0, 1, 2, 3, 4, 10, 12, 14, 15, 17, 20, 22)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_late_or_out_of_order(seed):
    result = simulate(seed)
    assert not result.violations, f"seed {seed}: " + "\n".join(result.violations[:20])


def test_a_seed_replays_exactly():
    first, second = simulate(3), simulate(3)
    assert first.events > 1000
    assert (first.trace, first.events) == (second.trace, second.events)
