"""Worlds drawn from seeds, half an hour and more each: part 1."""

import pytest

from simulation.suite import holds, part


@pytest.mark.parametrize("seed", part(1))
def test_nothing_is_lost_late_or_out_of_order(seed):
    holds(seed)
