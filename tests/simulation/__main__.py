"""Simulate: `python -m tests.simulation --seeds N --runs N`.

Each seed is simulated twice if it fails: that both fail alike shows that the seed is all one needs.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import active_children, get_context

HASHES = "PYTHONHASHSEED"


def main() -> int:
    """Simulate what the arguments ask for; 1 if a promise was broken."""
    given = _arguments()
    if os.environ.get(HASHES) != "0":  # the order of sets of texts is part of what a seed fixes
        os.environ[HASHES] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the workers end, too
    seeds = [given.seed] if given.seed is not None else range(given.first, given.first + given.seeds)
    begun = time.perf_counter()
    counts: Counter[str] = Counter()
    mix: Counter[str] = Counter()
    runs, failed = 0, []
    for result in _simulated(seeds, given):
        counts += result.counts
        mix += result.mix
        runs += result.runs
        print(
            f"seed {result.seed}: {result.runs} runs, {result.attempts} attempts, {result.days:,.1f} days in "
            f"{result.seconds:.1f} s{'' if not result.violations else ': ' + result.violations[0][:300]}",
            flush=True,
        )
        if result.violations:
            failed.append(result)
            if given.plant:
                break
    seconds = time.perf_counter() - begun
    _tell("The mix", mix)
    _tell("What happened", counts)
    for result in failed[: given.stories]:
        _tell_failure(result, given)
    print(f"\n{runs:,} runs of {len(seeds)} seeds in {seconds:.0f} s ({runs / seconds:.0f} a second).")
    print(
        f"{len(failed)} seeds break a promise{': ' if failed else '.'}{', '.join(str(one.seed) for one in failed)}"
    )
    return bool(failed)


def _arguments() -> argparse.Namespace:
    from tests.simulation.plants import PLANTS

    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many (%(default)s)")
    parser.add_argument("--first", type=int, default=1, help="the first of them (%(default)s)")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--runs", type=int, default=1000, help="about so many for each seed (%(default)s)")
    parser.add_argument(
        "--years", type=float, help="simulated for each seed; without it each has its own span"
    )
    parser.add_argument("--plant", choices=sorted(PLANTS), help="plant this bug")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (%(default)s)")
    parser.add_argument("--stories", type=int, default=3, help="failures that are told in full (%(default)s)")
    return parser.parse_args()


def _simulated(seeds, given):
    from tests.simulation.seeds import simulate

    if given.jobs == 1 or len(seeds) == 1:
        for seed in seeds:
            yield simulate(seed, given.runs, given.years, given.plant)
        return
    with ProcessPoolExecutor(
        given.jobs, mp_context=get_context("spawn"), max_tasks_per_child=1 << 10
    ) as pool:
        waiting = [pool.submit(simulate, seed, given.runs, given.years, given.plant) for seed in seeds]
        try:
            for future in as_completed(waiting):
                yield future.result()
        except BaseException:
            for worker in active_children():  # each would simulate its seed to the end
                worker.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _tell(title: str, counts: Counter[str]) -> None:
    print(f"\n{title}:")
    print("  " + ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items())))


def _tell_failure(result, given) -> None:
    from tests.simulation.seeds import commit

    print(f"\nSeed {result.seed} at commit {commit()}:")
    print(*(f"  {line}" for line in result.story), sep="\n")
    print(*result.violations, sep="\n")
    years = f" --years {given.years}" if given.years else ""
    plant = f" --plant {given.plant}" if given.plant else ""
    print(f"Again: python -m tests.simulation --seed {result.seed} --runs {given.runs}{years}{plant}")


if __name__ == "__main__":
    sys.exit(main())
