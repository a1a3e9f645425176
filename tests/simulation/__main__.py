"""Simulate: `python -m tests.simulation --seeds N --runs N`."""

from __future__ import annotations

import argparse
import sys

from tests.simulation.seeds import simulate

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--runs", type=int, default=2000)
parser.add_argument("--years", type=float)
given = parser.parse_args()
result = simulate(given.seed, given.runs, given.years)
print(*result.story, sep="\n")
print(*result.violations, sep="\n")
print(result.seed, result.runs, result.attempts, f"{result.days:.1f} days", f"{result.seconds:.1f} s")
print(dict(sorted(result.counts.items())))
sys.exit(bool(result.violations))
