"""Is the oracle worth anything? Each change of the domain breaks a promise, and the seeds of its row see it."""

import pytest

from simulation.mutants import MUTANTS, TRAFFIC_S, mutated


@pytest.mark.parametrize("mutant", [pytest.param(one, id=one.name) for one in MUTANTS])
def test_a_change_of_the_domain_is_seen(mutant):
    with mutated(mutant) as run:
        assert any(run.simulate(seed, TRAFFIC_S).violations for seed in mutant.seeds)
