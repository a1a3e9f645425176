"""Making a backfill: which ticks it takes, at which revision, and the record that holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from cronicle.errors import CronicleError, UsageError
from cronicle.names import typed
from cronicle.operations.ask import Candidate
from cronicle.operations.rerun import times_begun
from cronicle.operations.select import chosen_tasks
from cronicle.runs.labels import labels_needed
from cronicle.runs.rerun import Rerun, RerunRules
from cronicle.runs.spec import RunSpec
from cronicle.schedule.ticks import Tick
from cronicle.store.interface import Store
from cronicle.store.reading import StoreReader
from cronicle.store.records import Actor, BackfillRecord, BackfillTick

RECENT_RUNS = 50
"""Runs from which the time that a backfill will take is estimated."""


class Choice(StrEnum):
    """Which ticks of the range are taken."""

    CHANGED = "changed"
    """Those whose result is not a run of the revision that is used. The default: repeating it does nothing."""
    MISSING = "missing"
    """Those without a result."""
    FAILED = "failed"
    """Those without a result that have a failed run that counts."""
    ALL = "all"


@frozen(kw_only=True)
class BackfillPlan:
    """What a backfill would do; shown by `--dry-run`."""

    candidate: Candidate
    series: str | None
    timezone: str
    from_text: str
    to_text: str
    choice: Choice
    in_range: int
    """Ticks in the range."""
    ticks: tuple[Tick, ...]
    """Those that are taken, in the order in which they are run."""
    params: Mapping[str, Any]
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    parallel: int | None = None
    newest_first: bool = False
    max_failures: int = 10
    hooks: bool = False
    """Whether the hooks of its runs are told, too."""
    rules: RerunRules = field(factory=RerunRules)
    begun: int = 0
    """Of the ticks that are taken those for which something has been executed before; counted where it matters."""
    seconds_per_run: float | None = None
    """From the last runs that succeeded; None where there are none."""

    @property
    def to_confirm(self) -> tuple[str, ...]:
        """Tasks that would, or may, be executed again, and for which somebody has to agree to that."""
        if not self.begun:
            return ()
        chosen = chosen_tasks(self.candidate.spec, self.only, self.without)
        return self.rules.to_confirm(
            task.name
            for task in self.candidate.spec.tasks
            if (chosen is None or task.name in chosen) and task.name not in self.rules.never
        )

    @property
    def left_out(self) -> int:
        """Ticks in the range that are not taken."""
        return self.in_range - len(self.ticks)

    @property
    def runs_on(self) -> tuple[str, ...]:
        """The labels that whoever executes its runs must have."""
        spec = self.candidate.spec
        return labels_needed(spec, chosen_tasks(spec, self.only, self.without))

    def estimate(self, slots: int) -> float | None:
        """Seconds that it will take, roughly."""
        if self.seconds_per_run is None:
            return None
        return self.seconds_per_run * len(self.ticks) / min(self.parallel or slots, max(1, len(self.ticks)))


def plan_backfill(
    store: StoreReader,
    candidate: Candidate,
    ticks: Sequence[Tick],
    *,
    series: str | None,
    from_text: str,
    to_text: str,
    choice: Choice,
    params: Mapping[str, Any],
    only: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
    parallel: int | None = None,
    newest_first: bool = False,
    max_failures: int = 10,
    hooks: bool = False,
    deployed: RunSpec | None = None,
) -> BackfillPlan:
    """Choose among the ticks of the range.

    `deployed` is what is deployed, whose `rerun` holds beside that of the candidate.

    Raises:
        UsageError: The range has no tick, or a selector matches nothing.
        CronicleError: The workflow says `rerun = "never"`, and some of these ticks have run.
    """
    chosen_tasks(candidate.spec, only, without)
    if newest_first and candidate.spec.policy.depends_on_past:
        raise UsageError(
            f"the runs of {candidate.workflow} depend on the past, so the newest cannot come first",
            "Leave out --newest-first.",
        )
    if not ticks:
        raise UsageError(
            f"{candidate.workflow} has no tick from {from_text} to {to_text} that is due",
            f"See its ticks: cronicle next {typed(candidate.workflow)}",
        )
    project, environment = candidate.target.project.name, candidate.target.environment
    taken = _choose(store, candidate, ticks, series, choice)
    rules, begun = RerunRules.of(candidate.spec, deployed), 0
    if not rules.is_silent:
        times = [tick.logical_time for tick in taken]
        has_begun = times_begun(store, project, environment, candidate.workflow, series, times)
        if rules.workflow is Rerun.NEVER and choice is Choice.MISSING:
            taken = [tick for tick in taken if tick.logical_time not in has_begun]
        elif rules.workflow is Rerun.NEVER and has_begun:
            raise CronicleError(
                f"{len(has_begun):,} of {len(taken):,} ticks from {from_text} to {to_text} "
                f"{'has' if len(has_begun) == 1 else 'have'} run before, and workflow {candidate.workflow} says "
                'rerun = "never"',
                f"Those that never ran: cronicle backfill {typed(candidate.workflow)} --from {from_text} "
                f"--to {to_text} --missing",
            )
        else:
            begun = len(has_begun)
    durations = store.list_durations(project, environment, candidate.workflow, RECENT_RUNS)
    return BackfillPlan(
        candidate=candidate,
        series=series,
        timezone=ticks[0].timezone,
        from_text=from_text,
        to_text=to_text,
        choice=choice,
        in_range=len(ticks),
        ticks=tuple(reversed(taken)) if newest_first else tuple(taken),
        params=params,
        only=only,
        without=without,
        parallel=parallel,
        newest_first=newest_first,
        max_failures=max_failures,
        hooks=hooks,
        rules=rules,
        begun=begun,
        seconds_per_run=sum(durations) / len(durations) if durations else None,
    )


def _choose(
    store: StoreReader, candidate: Candidate, ticks: Sequence[Tick], series: str | None, choice: Choice
) -> list[Tick]:
    if choice is Choice.ALL:
        return list(ticks)
    where = (candidate.target.project.name, candidate.target.environment, candidate.workflow, series)
    span = (ticks[0].logical_time, ticks[-1].logical_time + timedelta.resolution)
    results = store.list_results(*where, *span)
    if choice is Choice.CHANGED:
        return [
            tick
            for tick in ticks
            if (result := results.get(tick.logical_time)) is None or result.revision != candidate.revision
        ]
    missing = [tick for tick in ticks if tick.logical_time not in results]
    if choice is Choice.MISSING:
        return missing
    failed = store.list_failed_times(*where, *span)
    return [tick for tick in missing if tick.logical_time in failed]


def _selection(plan: BackfillPlan) -> dict[str, list[str]] | None:
    """What is fixed about the tasks of its runs: which are chosen, and which are not executed again."""
    never = sorted(plan.rules.never)
    if not (plan.only or plan.without or never):
        return None
    return {"only": list(plan.only), "except": list(plan.without)} | ({"never": never} if never else {})


def make_backfill(
    store: Store, plan: BackfillPlan, *, backfill_id: str, actor: Actor, owner: str | None, now: datetime
) -> BackfillRecord:
    """Make the backfill in the store; without an owner it is left to the process that serves.

    Raises:
        CronicleError: An unfinished one of the same workflow shares a tick with it.
    """
    candidate = plan.candidate
    record = BackfillRecord(
        id=backfill_id,
        project=candidate.target.project.name,
        environment=candidate.target.environment,
        workflow=candidate.workflow,
        series=plan.series,
        from_text=plan.from_text,
        to_text=plan.to_text,
        timezone=plan.timezone,
        revision=candidate.revision,
        deployment=candidate.deployment,
        spec_hash=candidate.spec_hash,
        params=plan.params,
        selection=_selection(plan),
        choice=plan.choice,
        parallel=plan.parallel,
        newest_first=plan.newest_first,
        max_failures=plan.max_failures,
        hooks=plan.hooks,
        runs_on=plan.runs_on,
        counts=True,
        total=len(plan.ticks),
        actor=actor,
        owner=owner,
        created_at=now,
    )
    ticks = [
        BackfillTick(
            position=position,
            logical_time=tick.logical_time,
            nominal=tick.nominal.isoformat(),
            interval_start=tick.interval.start,
            interval_start_nominal=tick.previous_nominal.isoformat(),
            interval_end=tick.interval.end,
        )
        for position, tick in enumerate(plan.ticks)
    ]
    made = store.create_backfill(record, ticks)
    if made is not None:
        return made
    other = store.find_overlapping_backfill(record, ticks)
    name = other.id if other else "another"
    raise CronicleError(
        f"backfill {name} of {candidate.workflow} is not finished, and shares ticks with this one",
        f"Go on with it: cronicle resume {name}   or end it: cronicle cancel {name}",
    )
