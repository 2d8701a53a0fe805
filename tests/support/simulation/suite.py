"""Which seeds `make test` simulates. One file a part, so that they spread over its processes."""

from simulation.run import Result, simulate

SEEDS, PARTS = 220, 4
SHORT_S = 240.0
"""Of traffic: the same faults, sooner after one another."""


def part(number: int) -> range:
    """Every fourth seed: each part has every kind of world."""
    return range(number, SEEDS, PARTS)


def holds(seed: int, traffic_s: float | None = None) -> Result:
    result = simulate(seed, traffic_s)
    assert not result.violations, f"seed {seed}: " + "\n".join(result.violations[:20])
    return result
