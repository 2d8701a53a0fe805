"""Worlds drawn from seeds, half an hour and more each: part 2."""

import pytest

from simulation.suite import holds, part


@pytest.mark.parametrize("seed", part(2))
def test_nothing_is_lost_late_or_out_of_order(seed):
    holds(seed)
