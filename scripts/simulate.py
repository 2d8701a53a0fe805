"""The long form of tests/simulation: many seeds, one process per processor; prints failing seeds."""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from simulation.run import Result, simulate

SHOWN = 10
"""Violations of one seed that are printed."""
EVERY_S = 10.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    began = said = time.monotonic()
    failed: list[int] = []
    hours, messages, done = 0.0, 0, 0
    with ProcessPoolExecutor(asked.processes, max_tasks_per_child=100) as pool:
        runs = [pool.submit(simulate, seed) for seed in range(asked.first, asked.first + asked.seeds)]
        for run in as_completed(runs):
            result = run.result()
            done, hours = done + 1, hours + result.simulated_s / 3600
            messages += result.messages
            if result.violations:
                failed.append(result.seed)
                show(result)
            if time.monotonic() - said >= EVERY_S:
                said = time.monotonic()
                print(f"{done}/{asked.seeds} seeds, {hours:.0f} h, {len(failed)} failed", flush=True)
    took_s = time.monotonic() - began
    print(
        f"{done} seeds, {hours:.1f} simulated hours, {messages} messages, {took_s:.0f} s: {len(failed)} failed"
    )
    if failed:
        print("failing seeds:", *sorted(failed))
        print(f"again: make simulate SEEDS=1 FIRST={min(failed)}")
    return bool(failed)


def show(result: Result) -> None:
    print(f"seed {result.seed}: {len(result.violations)} violations")
    for violation in result.violations[:SHOWN]:
        print(f"    {violation}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
