"""Simulating one seed, from its world to what is wrong with it."""

from __future__ import annotations

import gc
import logging
import subprocess
import time
import traceback
from collections import Counter
from pathlib import Path

import trio
from attrs import field, frozen
from trio.testing import MockClock

from tests.simulation.judge import judge
from tests.simulation.plants import planted
from tests.simulation.watcher import Violation
from tests.simulation.world import World, engine_of, in_memory

TOLD = 60
"""Last events that are told of a failure."""


@frozen
class Result:
    """What came of a seed."""

    seed: int
    runs: int
    attempts: int
    days: float
    """Simulated."""
    seconds: float
    """Of this machine's processor."""
    counts: Counter[str]
    mix: Counter[str]
    violations: tuple[str, ...] = ()
    story: tuple[str, ...] = field(default=())


def simulate(seed: int, runs: int, years: float | None = None, plant: str | None = None) -> Result:
    """Simulate one seed; the same one does the same, to the last event."""
    trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[attr-defined]
    trio._core._run._r.seed(seed)  # type: ignore[attr-defined]
    logging.getLogger("cronicle").setLevel(logging.CRITICAL + 1)
    begun = time.process_time()
    violations: list[str] = []
    story: list[str] = []
    names: tuple[str, ...] = ()
    gc.collect()
    gc.disable()
    try:
        with in_memory() as folder:
            world = World(seed, runs, years, folder)
            try:
                with engine_of(world), planted(plant):
                    trio.run(world.run, clock=MockClock(autojump_threshold=0.0))
                judge(world)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                found = [one for one in _leaves(error) if isinstance(one, Violation)]
                for one in found[:1]:
                    violations.append(str(one))
                    names = one.names
                if not found:
                    first = _leaves(error)[0]
                    violations += [
                        f"a process ended by {first!r}",
                        "".join(traceback.format_exception(error)),
                    ]
            finally:
                if hasattr(world, "store"):
                    world.store.close()
    finally:
        gc.enable()
    watcher = world.watcher
    if violations:
        told = watcher.story()
        about = [line for line in told if any(name in line for name in names)] if names else []
        story = [*about[-TOLD:], "…", *told[-TOLD:]]
    return Result(
        seed=seed,
        runs=len(watcher.runs),
        attempts=watcher.counts["attempts"],
        days=(world.highest.timestamp() - world.mix.start) / 86400,
        seconds=time.process_time() - begun,
        counts=watcher.counts,
        mix=world.mix.counts,
        violations=tuple(violations),
        story=tuple(story),
    )


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error]


def commit() -> str:
    """The commit of this working tree, for whoever repeats a failure."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
