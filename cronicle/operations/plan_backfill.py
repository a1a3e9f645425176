"""Choosing the ticks of a backfill: at one revision, or each as it was deployed then (`--as-deployed`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from cronicle.errors import CronicleError, UsageError
from cronicle.names import typed
from cronicle.operations.as_deployed import LeftOut, history_of, ticks_then
from cronicle.operations.ask import Candidate
from cronicle.operations.make_backfill import BackfillPlan, Choice, backfill_tick
from cronicle.operations.params import param_values
from cronicle.operations.rerun import times_begun
from cronicle.operations.select import chosen_tasks
from cronicle.runs.rerun import Rerun, RerunRules
from cronicle.runs.spec import RunSpec, spec_from_bytes
from cronicle.store.reading import StoreReader
from cronicle.store.records import BackfillTick
from cronicle.store.results import Result
from cronicle.values import Value

if TYPE_CHECKING:
    from cronicle.schedule.rule import Schedule
    from cronicle.schedule.ticks import Tick

RECENT_RUNS = 50
"""Runs from which the time that a backfill will take is estimated."""


@frozen(kw_only=True, eq=False, repr=False)
class BackfillWish(Value):
    """What a person asks of a backfill."""

    series: str | None = None
    from_text: str
    to_text: str
    choice: Choice = Choice.CHANGED
    params: Sequence[str] = ()
    """`NAME=VALUE` each."""
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    parallel: int | None = None
    newest_first: bool = False
    max_failures: int = 10
    hooks: bool = False
    canary: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class Range(Value):
    """The ticks among which a backfill chooses, in order, and what they run."""

    ticks: Sequence[BackfillTick]
    timezone: str
    specs: Mapping[str, RunSpec] = field(factory=dict)
    """What is run where a tick says so, by hash."""
    impossible: tuple[LeftOut, ...] = ()
    as_deployed: bool = False


def range_at(candidate: Candidate, ticks: Sequence[Tick]) -> Range:
    """The ticks of a schedule, all at one revision."""
    zone = ticks[0].timezone if ticks else candidate.spec.timezone
    return Range(ticks=[backfill_tick(tick) for tick in ticks], timezone=zone)


def range_as_deployed(
    store: StoreReader, candidate: Candidate, schedules: Sequence[Schedule], wish: BackfillWish, now: datetime
) -> Range:
    """The ticks of a range as they were in force at their instants, each at the revision of that time.

    Raises:
        UsageError: A bound is no date and no instant, or they are in the wrong order.
        CronicleError: What ran then requires a workflow that is called otherwise now.
    """
    project, environment = candidate.target.project.name, candidate.target.environment
    history = history_of(store, project, environment, candidate.workflow, now)
    bounds = (wish.from_text, wish.to_text)
    found = ticks_then(history, wish.series, schedules, bounds, now)
    specs = {
        one.workflow.spec_hash: spec_from_bytes(store.get_spec(one.workflow.spec_hash))
        for one in {then.workflow.spec_hash: then for then in found.ticks}.values()
    }
    _check_required(store, candidate, specs.values())
    return Range(
        ticks=[
            evolve(
                backfill_tick(then.tick),
                revision=then.deployment.revision,
                deployment=then.deployment.number,
                spec_hash=then.workflow.spec_hash,
            )
            for then in found.ticks
        ],
        timezone=schedules[0].timezone,
        specs=specs,
        impossible=found.left_out,
        as_deployed=True,
    )


def _check_required(store: StoreReader, candidate: Candidate, specs: Iterable[RunSpec]) -> None:
    """See to it that no run would wait for a workflow that there is no more."""
    present = store.find_deployment(candidate.target.project.name, candidate.target.environment)
    assert present is not None
    for spec in specs:
        for name in spec.policy.requires:
            if present.find_workflow(name) is None:
                raise CronicleError(
                    f"{candidate.workflow} required workflow {name} then, which is not deployed any more",
                    "Its runs would wait for that for ever. Choose a range in which it was not required, or one "
                    "revision: --revision REV",
                )


def plan_backfill(
    store: StoreReader,
    candidate: Candidate,
    among: Range,
    wish: BackfillWish,
    *,
    deployed: RunSpec | None = None,
    touched: frozenset[datetime] = frozenset(),
) -> BackfillPlan:
    """Choose among the ticks of a range.

    Args:
        store: Knows what has been run.
        candidate: What is run, where a tick says nothing else.
        among: The ticks.
        wish: What is asked for.
        deployed: What is deployed, whose `rerun` holds beside that of the candidate.
        touched: Logical times that are taken whatever the choice: what they are made from is made anew.

    Raises:
        UsageError: The range has no tick, or a selector or parameter matches nothing.
        CronicleError: The workflow says `rerun = "never"`, and some of these ticks have run.
    """
    specs = among.specs if among.as_deployed else {candidate.spec_hash: candidate.spec}
    for spec in specs.values():
        chosen_tasks(spec, wish.only, wish.without)
        if wish.newest_first and spec.policy.depends_on_past:
            raise UsageError(
                f"the runs of {candidate.workflow} depend on the past, so the newest cannot come first",
                "Leave out --newest-first.",
            )
    if not among.ticks and not among.impossible and wish.choice is not Choice.STALE:
        raise UsageError(
            f"{candidate.workflow} has no tick from {wish.from_text} to {wish.to_text} that is due",
            f"See its ticks: cronicle next {typed(candidate.workflow)}",
        )
    params = _params(candidate, specs, wish.params, keep_given=among.as_deployed)
    chosen = touched.union(tick.logical_time for tick in _choose(store, candidate, among.ticks, wish))
    taken = [tick for tick in among.ticks if tick.logical_time in chosen]
    rules = RerunRules.of(*specs.values(), deployed)
    taken, begun = _as_rerun_allows(store, candidate, taken, rules, wish)
    hashes = {tick.spec_hash or candidate.spec_hash for tick in taken}
    return BackfillPlan(
        candidate=candidate,
        series=wish.series,
        timezone=among.timezone,
        from_text=wish.from_text,
        to_text=wish.to_text,
        choice=wish.choice,
        in_range=len(among.ticks),
        ticks=tuple(reversed(taken)) if wish.newest_first else tuple(taken),
        specs={name: spec for name, spec in specs.items() if name in hashes},
        params=params,
        only=wish.only,
        without=wish.without,
        parallel=wish.parallel,
        newest_first=wish.newest_first,
        max_failures=wish.max_failures,
        hooks=wish.hooks,
        canary=wish.canary,
        as_deployed=among.as_deployed,
        impossible=among.impossible,
        rules=rules,
        begun=begun,
        seconds_per_run=seconds_per_run(store, candidate),
    )


def seconds_per_run(store: StoreReader, candidate: Candidate) -> float | None:
    """How long the last runs took that succeeded; None without any."""
    project, environment = candidate.target.project.name, candidate.target.environment
    durations = store.list_durations(project, environment, candidate.workflow, RECENT_RUNS)
    return sum(durations) / len(durations) if durations else None


def _params(
    candidate: Candidate, specs: Mapping[str, RunSpec], given: Sequence[str], *, keep_given: bool
) -> dict[str, Any]:
    """The values of all parameters; of several specs those that are given, since each has defaults of its own.

    Raises:
        UsageError: One is unknown, missing, not of its type, or does not mean the same in all of them.
    """
    if not keep_given:
        return param_values(candidate.spec, given)
    names = {text.partition("=")[0] for text in given}
    found: dict[str, Any] = {}
    for spec in specs.values():
        values = {name: value for name, value in param_values(spec, given).items() if name in names}
        if found and values != found:
            raise UsageError(
                f"--param means different values in what was deployed of {candidate.workflow}",
                "Choose ranges in which the parameter had the same type.",
            )
        found = values
    return found


def _as_rerun_allows(
    store: StoreReader, candidate: Candidate, taken: list[BackfillTick], rules: RerunRules, wish: BackfillWish
) -> tuple[list[BackfillTick], int]:
    """The ticks that may be taken, and of how many of them something has been executed before.

    Raises:
        CronicleError: The workflow says `rerun = "never"`, and some of these ticks have run.
    """
    if rules.is_silent:
        return taken, 0
    has_begun = times_begun(
        store,
        candidate.target.project.name,
        candidate.target.environment,
        candidate.workflow,
        wish.series,
        [tick.logical_time for tick in taken],
    )
    if rules.workflow is Rerun.NEVER and wish.choice is Choice.MISSING:
        return [tick for tick in taken if tick.logical_time not in has_begun], 0
    if rules.workflow is Rerun.NEVER and has_begun:
        raise CronicleError(
            f"{len(has_begun):,} of {len(taken):,} ticks from {wish.from_text} to {wish.to_text} "
            f"{'has' if len(has_begun) == 1 else 'have'} run before, and workflow {candidate.workflow} says "
            'rerun = "never"',
            f"Those that never ran: cronicle backfill {typed(candidate.workflow)} --from {wish.from_text} "
            f"--to {wish.to_text} --missing",
        )
    return taken, len(has_begun)


def _choose(
    store: StoreReader, candidate: Candidate, ticks: Sequence[BackfillTick], wish: BackfillWish
) -> Sequence[BackfillTick]:
    if wish.choice in (Choice.ALL, Choice.STALE) or not ticks:
        return ticks
    where = (candidate.target.project.name, candidate.target.environment, candidate.workflow, wish.series)
    span = (ticks[0].logical_time, ticks[-1].logical_time + timedelta.resolution)
    results = store.list_results(*where, *span)
    if wish.choice is Choice.CHANGED:
        return [tick for tick in ticks if not _is_current(results.get(tick.logical_time), tick, candidate)]
    missing = [tick for tick in ticks if tick.logical_time not in results]
    if wish.choice is Choice.MISSING:
        return missing
    failed = store.list_failed_times(*where, *span)
    return [tick for tick in missing if tick.logical_time in failed]


def _is_current(result: Result | None, tick: BackfillTick, candidate: Candidate) -> bool:
    """True if a tick has a result of the revision that it is to run; of its own time, with the values of then."""
    if result is None or result.revision != (tick.revision or candidate.revision):
        return False
    return tick.spec_hash is None or result.spec_hash == tick.spec_hash
