"""The workflows of the fault tests: each kind has a promise that its effects are judged by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from attrs import frozen

from benchmarks.effects import (
    Attempt,
    Span,
    executed_twice,
    of_task,
    over_limit,
    side_by_side,
    spans_of_attempts,
    spans_of_runs,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

POOL_SLOTS = 3
RUNS_AT_ONCE = 2
TASKS_AT_ONCE = 2

MINUTE = 60


@frozen(kw_only=True)
class Kind:
    """Workflows that are alike."""

    name: str
    weight: float
    """Its share of all, in percent."""
    periods: tuple[int, ...]
    """Seconds between ticks, in turns; 60 has a cron expression."""
    seconds: float = 0
    """That a task works."""
    policy: str = ""
    """Lines of the workflow."""
    task: str = ""
    """Lines of each task."""
    tasks: int = 1
    may_fail: bool = False
    """True if a run may fail because an attempt was lost once."""
    may_be_dropped: bool = False
    """True if a tick's run may be skipped or cancelled by policy."""


PLAIN = Kind(name="plain", weight=0, periods=(1, 2, 3, 4, 5))
"""Takes what the others leave."""

KINDS = (
    Kind(name="minute", weight=20, periods=(MINUTE,)),
    Kind(name="once", weight=10, periods=(4, 5), seconds=0.5, task='on_lost = "fail"', may_fail=True),
    Kind(name="pool", weight=8, periods=(5,), seconds=0.2, task="pool = pool.narrow"),
    Kind(name="lock", weight=4, periods=(5,), seconds=0.1, task='lock = "of-tasks"'),
    Kind(name="runlock", weight=4, periods=(5,), seconds=0.1, policy='lock = "of-runs"'),
    Kind(name="few", weight=2, periods=(2,), seconds=1.5, policy=f"max_active_runs = {RUNS_AT_ONCE}"),
    Kind(name="skip", weight=2, periods=(1,), seconds=1.2, policy='overlap = "skip"', may_be_dropped=True),
    Kind(name="queue", weight=2, periods=(2,), seconds=1, policy='overlap = "queue"'),
    Kind(
        name="cancel", weight=1, periods=(3,), seconds=3.5, policy='overlap = "cancel"', may_be_dropped=True
    ),
    Kind(name="wide", weight=1, periods=(5,), seconds=0.3, policy=f"max_parallel = {TASKS_AT_ONCE}", tasks=4),
    Kind(name="long", weight=1.5, periods=(5,), seconds=6),
)

MANUAL = Kind(name="manual", weight=0, periods=(), seconds=0.2)
"""Without a schedule: runs when somebody asks."""

BY_NAME = {kind.name: kind for kind in (*KINDS, PLAIN, MANUAL)}


@frozen
class Workflow:
    """One workflow."""

    kind: Kind
    name: str
    period: int
    """0 without a schedule."""

    def hcl(self, effects: str, script: str, end: datetime) -> str:
        """As it stands in a file; its schedule has ended at an instant."""
        task = f'    command = ["/bin/sh", "{script}", "{effects}", "{self.kind.seconds:g}"]\n    {self.kind.task}\n'
        tasks = "".join(f'  task "t{number}" {{\n{task}  }}\n' for number in range(self.kind.tasks))
        return f'workflow "{self.name}" {{\n{self._schedule(end)}  {self.kind.policy}\n{tasks}}}\n'

    def _schedule(self, end: datetime) -> str:
        if self.period == 0:
            return ""
        rule = 'cron = "* * * * *"' if self.period == MINUTE else f'every = "{self.period}s"'
        return f'  schedule {{\n    {rule}\n    catchup = "all"\n    end = "{end.isoformat()}"\n  }}\n'


POOL = f'pool "narrow" {{\n  slots = {POOL_SLOTS}\n}}\n'


def workflows_of(count: int) -> tuple[Workflow, ...]:
    """So many workflows: of each kind its share, at least one as far as they go, and plain ones for the rest."""
    made: list[Workflow] = []
    for kind in KINDS:
        share = max(1, round(count * kind.weight / 100))
        made += _of_kind(kind, min(share, count - len(made)))
    return (*made, *_of_kind(PLAIN, count - len(made)))


def _of_kind(kind: Kind, count: int) -> list[Workflow]:
    return [
        Workflow(kind, f"{kind.name}{number}", kind.periods[number % len(kind.periods)])
        for number in range(count)
    ]


def kind_of(workflow: str) -> Kind:
    """The kind of a workflow, by its name."""
    return BY_NAME[workflow.rstrip("0123456789")]


def rate_of(workflows: Sequence[Workflow]) -> float:
    """Ticks per second."""
    return sum(1 / one.period for one in workflows if one.period)


def ticks_of(
    workflows: Sequence[Workflow], after: datetime, before: datetime
) -> Iterator[tuple[str, datetime]]:
    """Workflow and tick, of all that lie after an instant and before another; by arithmetic of its own."""
    for one in workflows:
        if one.period == 0:
            continue
        second = int((after - EPOCH).total_seconds() // one.period + 1) * one.period
        while (tick := EPOCH + timedelta(seconds=second)) < before:
            yield one.name, tick
            second += one.period


# Judging


def judge_effects(attempts: Sequence[Attempt]) -> list[str]:
    """All that effects alone say against the scheduler."""
    problems = [*executed_twice(attempts), *side_by_side(attempts)]
    for several in of_task(attempts).values():
        if kind_of(several[0].workflow).may_fail and len(several) > 1:
            said = " | ".join(one.text() for one in several)
            problems.append(f'a task with on_lost = "fail" was executed again: {said}')
    for name, limit, spans in _limits(attempts):
        problems += over_limit(name, limit, spans)
    return problems


def _limits(attempts: Sequence[Attempt]) -> Iterator[tuple[str, int, list[Span]]]:
    of = {kind.name: [one for one in attempts if kind_of(one.workflow) is kind] for kind in BY_NAME.values()}
    yield "the pool", POOL_SLOTS, spans_of_attempts(of["pool"])
    yield "the lock of tasks", 1, spans_of_attempts(of["lock"])
    yield "the lock of runs", 1, spans_of_runs(of["runlock"])
    for name, workflow in _by(of["few"], lambda one: one.workflow):
        yield f"max_active_runs of {name}", RUNS_AT_ONCE, spans_of_runs(workflow)
    for kind in ("skip", "queue", "cancel"):
        for name, workflow in _by(of[kind], lambda one: one.workflow):
            yield f"overlap of {name}", 1, spans_of_runs(workflow)
    for name, run in _by(of["wide"], lambda one: one.run):
        yield f"max_parallel of run {name}", TASKS_AT_ONCE, spans_of_attempts(run)


def _by(attempts: Sequence[Attempt], key: Callable[[Attempt], str]) -> Iterator[tuple[str, list[Attempt]]]:
    found: dict[str, list[Attempt]] = {}
    for one in attempts:
        found.setdefault(key(one), []).append(one)
    yield from found.items()
