"""Which seeds `make test` simulates. One file a part, so that they spread over its processes."""

from simulation.run import Result, simulate

SEEDS, PARTS = 220, 4
OPEN = frozenset({64, 122, 218})
"""Late messages that are not fixed yet: docs/understand/simulation.md says what is known of each."""
SHORT_S = 240.0
"""Of traffic: the same faults, sooner after one another."""


def part(number: int) -> list[int]:
    """Every fourth seed, so that each part has several kinds of world."""
    return [seed for seed in range(number, SEEDS, PARTS) if seed not in OPEN]


def holds(seed: int, traffic_s: float | None = None) -> Result:
    result = simulate(seed, traffic_s)
    assert not result.violations, f"seed {seed}: " + "\n".join(result.violations[:20])
    return result
