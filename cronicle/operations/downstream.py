"""The workflows that follow a backfilled one (`--downstream`), and the ticks of theirs that it touches.

Rules:

1. What follows is what the deployment in force says, over `after` and `requires`, as far as that goes. A workflow
   that is to run after another has *failed* does not follow a backfill.
2. Touched are, over `after`, the same logical times; over `requires` the ticks in whose interval, or at whose logical
   time, one lies that is touched itself. A logical time is touched by those of the range, and so on downwards.
3. Of what is touched the same is taken as of the first workflow (`--missing`, `--all`, …), and whatever is made from
   something that is made anew by these backfills.
4. Upstreams come first. Each backfill waits for the one before it, so that none begins before all that it needs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from attrs import define, evolve, field, frozen

from cronicle.operations.as_deployed import BEGINNING, InForce, LeftOut, history_of, why_not
from cronicle.operations.ask import Candidate
from cronicle.operations.make_backfill import BackfillPlan, backfill_tick
from cronicle.operations.plan_backfill import BackfillWish, Range, plan_backfill
from cronicle.runs.policy import AfterState
from cronicle.runs.spec import RunSpec, spec_from_bytes
from cronicle.store.reading import StoreReader
from cronicle.store.records import BackfillTick, DeployedWorkflow, DeploymentRecord

_INSTANT = timedelta.resolution

CandidateOf = Callable[[str], Candidate | None]
"""What is to be run of a workflow; None if there is none at the revision that was asked for."""


@frozen(kw_only=True)
class Unfollowed:
    """A workflow that follows, and of which nothing is backfilled."""

    workflow: str
    why: str


@frozen(kw_only=True)
class Downstream:
    """What follows a backfill."""

    plans: tuple[BackfillPlan, ...]
    """In the order of their turns."""
    unfollowed: tuple[Unfollowed, ...]


@define
class _Touched:
    """The logical times of a workflow that are touched."""

    ticks: dict[datetime, BackfillTick] = field(factory=dict)
    remade: set[datetime] = field(factory=set)
    """Those that are made anew."""
    timezone: str = "UTC"
    series: set[str | None] = field(factory=set)


def plan_downstream(
    store: StoreReader,
    deployment: DeploymentRecord,
    first: BackfillPlan,
    among: Range,
    wish: BackfillWish,
    candidate_of: CandidateOf,
    now: datetime,
) -> Downstream:
    """The backfills of the workflows that follow another one.

    Args:
        store: Knows what has been run.
        deployment: The one in force.
        first: The backfill that the others follow.
        among: The ticks among which that has chosen.
        wish: What was asked for; that of the tasks and parameters is about the first workflow only.
        candidate_of: What is to be run of the others.
        now: The present moment.

    Raises:
        CronicleError: One of them says `rerun = "never"`, and some of its ticks have run.
    """
    name = first.candidate.workflow
    touched = {
        name: _Touched(
            ticks={tick.logical_time: tick for tick in among.ticks},
            remade={tick.logical_time for tick in first.ticks},
            timezone=first.timezone,
            series={first.series},
        )
    }
    plans: list[BackfillPlan] = []
    unfollowed: list[Unfollowed] = []
    theirs = evolve(wish, params=(), only=(), without=(), canary=None)
    for workflow in in_order(deployment.workflows, name):
        candidate = candidate_of(workflow.name)
        if candidate is None:
            unfollowed.append(Unfollowed(workflow=workflow.name, why="the revision does not have it"))
            continue
        seen = _Touched()
        spans = _spans_of(store, deployment, candidate, now, as_deployed=among.as_deployed)
        for series, found, remade in _touched_ticks(workflow, deployment, touched, spans):
            its_wish = evolve(theirs, series=series)
            there = _as_it_was_deployed(store, found, spans) if among.as_deployed else found
            if not there.ticks:
                continue
            deployed = _deployed_spec(store, workflow) if candidate.deployment is None else None
            plan = plan_backfill(store, candidate, there, its_wish, deployed=deployed, touched=remade)
            seen.ticks |= {tick.logical_time: tick for tick in there.ticks}
            seen.remade |= {tick.logical_time for tick in plan.ticks}
            seen.timezone = plan.timezone
            seen.series.add(series)
            plans.append(plan)
        if seen.ticks:
            touched[workflow.name] = seen
        else:
            unfollowed.append(Unfollowed(workflow=workflow.name, why=_why_untouched(workflow)))
    return Downstream(plans=tuple(plans), unfollowed=tuple(unfollowed))


def in_order(workflows: Iterable[DeployedWorkflow], first: str) -> tuple[DeployedWorkflow, ...]:
    """The workflows that follow one, over any number of others, upstreams first."""
    every = {workflow.name: workflow for workflow in workflows}
    above = {
        name: [
            one for one in dict.fromkeys((*workflow.policy.after, *workflow.policy.requires)) if one in every
        ]
        for name, workflow in every.items()
    }
    follows: set[str] = {first}
    grown = True
    while grown:
        new = {name for name, names in above.items() if name not in follows and follows.intersection(names)}
        follows |= new
        grown = bool(new)
    ordered: dict[str, None] = {}
    waiting = [name for name in every if name in follows]
    while waiting:  # a circle over `requires` has no order: it is cut where it is met
        ready = [
            name
            for name in waiting
            if name == first or all(one in ordered for one in above[name] if one in follows and one != name)
        ] or waiting[:1]
        ordered |= dict.fromkeys(ready)
        waiting = [name for name in waiting if name not in ordered]
    return tuple(every[name] for name in ordered if name != first)


def _spans_of(
    store: StoreReader,
    deployment: DeploymentRecord,
    candidate: Candidate,
    now: datetime,
    *,
    as_deployed: bool,
) -> tuple[InForce, ...]:
    """When which schedule of a workflow held: always that of the candidate, unless each time has its own."""
    if as_deployed:
        return history_of(store, deployment.project, deployment.environment, candidate.workflow, now)
    return (InForce(after=BEGINNING, until=now, deployment=deployment, workflow=candidate.deployed),)


def _touched_ticks(
    workflow: DeployedWorkflow,
    deployment: DeploymentRecord,
    touched: dict[str, _Touched],
    spans: Sequence[InForce],
) -> Iterator[tuple[str | None, Range, frozenset[datetime]]]:
    """By series, the ticks of a workflow that are touched, and those of them that need to be made anew.

    Args:
        workflow: As it is in force now: that says what it follows.
        deployment: The one in force.
        touched: What is touched of the workflows before it.
        spans: When which schedule of it held.
    """
    policy = workflow.policy
    if policy.after:
        above = [touched[name] for name in policy.after if name in touched]
        if above and policy.after_state is not AfterState.FAILED:
            ticks = {at: _bare(tick) for one in above for at, tick in one.ticks.items()}
            remade = frozenset(at for one in above for at in one.remade)
            yield None, Range(ticks=[ticks[at] for at in sorted(ticks)], timezone=above[0].timezone), remade
        return
    above = [
        touched[name]
        for name in policy.requires
        if name in touched and _waited_for(deployment, name, touched)
    ]
    times = sorted({at for one in above for at in one.ticks})
    if not times:
        return
    remade_above = sorted({at for one in above for at in one.remade})
    for series, found in _around(spans, times).items():
        remade = frozenset(tick.logical_time for tick in found.ticks if _lies_in(tick, remade_above))
        yield series, found, remade


def _waited_for(deployment: DeploymentRecord, name: str, touched: dict[str, _Touched]) -> bool:
    """True if the series that are backfilled are those that others wait for: the unlabelled one, else all."""
    from cronicle.config.deployed import series_from_json

    workflow = deployment.find_workflow(name)
    series = series_from_json(workflow.schedules) if workflow is not None and workflow.schedules else {}
    return None not in series or None in touched[name].series


def _around(spans: Sequence[InForce], times: Sequence[datetime]) -> dict[str | None, Range]:
    """By series, the ticks in whose interval, or at whose logical time, one of some instants lies."""
    from cronicle.config.deployed import series_from_json
    from cronicle.schedule.ticks import next_instant, ticks_between

    found: dict[str | None, dict[datetime, BackfillTick]] = {}
    zones: dict[str | None, str] = {}
    for span in spans:
        if span.workflow is None or not span.workflow.schedules:
            continue
        for series, schedules in series_from_json(span.workflow.schedules).items():
            last = next_instant(schedules, times[-1] - _INSTANT)
            end = span.until if last is None else min(last, span.until)
            zones[series] = schedules[0].timezone
            ticks = (backfill_tick(tick) for tick in ticks_between(schedules, times[0], end + _INSTANT))
            found.setdefault(series, {}).update(
                (tick.logical_time, tick)
                for tick in ticks
                if span.holds_at(tick.logical_time) and _lies_in(tick, times)
            )
    return {
        series: Range(ticks=[ticks[at] for at in sorted(ticks)], timezone=zones[series])
        for series, ticks in found.items()
        if ticks
    }


def _lies_in(tick: BackfillTick, times: Sequence[datetime]) -> bool:
    """True if one of some sorted instants lies in the interval of a tick, or at its logical time."""
    end = tick.logical_time
    start = end if tick.interval_start is None else min(tick.interval_start, end - _INSTANT)
    return bisect_right(times, start) < bisect_right(times, end)


def _deployed_spec(store: StoreReader, workflow: DeployedWorkflow) -> RunSpec:
    return spec_from_bytes(store.get_spec(workflow.spec_hash))


def _bare(tick: BackfillTick) -> BackfillTick:
    """A logical time, without what is run for it."""
    return evolve(tick, revision=None, deployment=None, spec_hash=None, tasks=None)


def _as_it_was_deployed(store: StoreReader, found: Range, spans: Sequence[InForce]) -> Range:
    """Ticks, each with what was in force of their workflow then; the others are left out."""
    ticks: list[BackfillTick] = []
    missing: Counter[str] = Counter()
    for tick in found.ticks:
        span = next(one for one in spans if one.holds_at(tick.logical_time))
        if span.deployment is None or span.workflow is None:
            missing[why_not(span, None)] += 1
            continue
        ticks.append(
            evolve(
                tick,
                revision=span.deployment.revision,
                deployment=span.deployment.number,
                spec_hash=span.workflow.spec_hash,
            )
        )
    hashes = {tick.spec_hash for tick in ticks if tick.spec_hash is not None}
    return evolve(
        found,
        ticks=ticks,
        specs={name: spec_from_bytes(store.get_spec(name)) for name in hashes},
        impossible=tuple(LeftOut(ticks=count, why=why) for why, count in missing.items()),
        as_deployed=True,
    )


def _why_untouched(workflow: DeployedWorkflow) -> str:
    if workflow.policy.after and workflow.policy.after_state is AfterState.FAILED:
        return 'it runs after what has failed (after_state = "failed")'
    if not workflow.policy.after and not workflow.schedules:
        return "it has no schedule, and so no ticks"
    return "none of its ticks is touched"
