"""Which logical times `backfill --stale` takes, and which tasks of each it makes anew.

What is stale is decided in `cronicle.operations.stale`. Of the stale tasks those are left alone that say
`rerun = "never"` and are done, and with them those that are stale only since these are: nothing can make them
current.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attrs import evolve

from cronicle.operations.as_deployed import LeftOut
from cronicle.operations.ask import Candidate
from cronicle.operations.judge import measure_of
from cronicle.operations.make_backfill import backfill_tick
from cronicle.operations.plan_backfill import BackfillWish, Range
from cronicle.operations.results import results_under_present_names
from cronicle.operations.select import chosen_tasks
from cronicle.operations.stale import StaleResult, find_stale
from cronicle.operations.times import as_date, parse_instant
from cronicle.runs.rerun import RerunRules, is_done
from cronicle.store.reading import StoreReader
from cronicle.store.records import BackfillTick, RunRecord

if TYPE_CHECKING:
    from cronicle.plan.history import StaleTask
    from cronicle.schedule.rule import Schedule


def range_of_stale(
    store: StoreReader, candidate: Candidate, schedules: Sequence[Schedule], wish: BackfillWish
) -> tuple[Range, BackfillWish]:
    """The logical times with a stale result, with the tasks to make anew, and the wish with their range.

    Args:
        store: Has the results.
        candidate: What is deployed.
        schedules: Those of the series; nothing if it has none.
        wish: What is asked for; without bounds all results are meant.

    Raises:
        UsageError: A selector matches nothing, or a bound is no date and no instant.
    """
    project, environment = candidate.target.project.name, candidate.target.environment
    deployment = store.find_deployment(project, environment)
    assert deployment is not None
    measure = measure_of(store, deployment, candidate.workflow)
    assert measure is not None
    found = find_stale(store, measure, wish.series)
    zone = schedules[0].timezone if schedules else candidate.spec.timezone
    ticks = _ticks_of(store, found, schedules)
    inside = [one for one in found if _is_inside(ticks[one.result.logical_time], wish, zone)]
    never = RerunRules.of(candidate.spec).never
    chosen = chosen_tasks(candidate.spec, wish.only, wish.without)
    taken: list[BackfillTick] = []
    kept = 0
    for one in inside:
        done = _done(store, candidate, one.result.run_id, never)
        names = [name for name in to_remake(one.tasks, done) if chosen is None or name in chosen]
        if names:
            taken.append(evolve(ticks[one.result.logical_time], tasks=tuple(names)))
        elif not to_remake(one.tasks, done):
            kept += 1
    why = 'what is stale of them is done, and says rerun = "never"'
    dates = [tick.nominal[:10] for tick in taken]
    return Range(
        ticks=taken,
        timezone=zone,
        specs={},
        impossible=(LeftOut(ticks=kept, why=why),) if kept else (),
    ), evolve(
        wish,
        from_text=wish.from_text or min(dates, default=""),
        to_text=wish.to_text or max(dates, default=""),
    )


def to_remake(stale: Iterable[StaleTask], done: Collection[str]) -> tuple[str, ...]:
    """Of the stale tasks of a result, upstreams first, those that can be made anew.

    Args:
        stale: They.
        done: Tasks that are done, and never executed again.
    """
    found: list[str] = []
    stays: set[str] = set()
    for one in stale:
        is_hopeless = not one.does_differ and bool(one.above) and stays.issuperset(one.above)
        if one.task in done or is_hopeless:
            stays.add(one.task)
        else:
            found.append(one.task)
    return tuple(found)


def _done(store: StoreReader, candidate: Candidate, run_id: str, never: Collection[str]) -> frozenset[str]:
    """The tasks of a result that are done, and never executed again."""
    run = store.find_run(run_id) if never else None
    if run is None:
        return frozenset()
    present = evolve(run, deployment=candidate.deployment)
    results = results_under_present_names(store, present, run_id)
    return frozenset(one.task for one in results if one.task in never and is_done(one))


def _ticks_of(
    store: StoreReader, found: Sequence[StaleResult], schedules: Sequence[Schedule]
) -> dict[datetime, BackfillTick]:
    """The ticks of stale results: as the schedule has them now, else as their runs had them."""
    if not found:
        return {}
    ticks: dict[datetime, BackfillTick] = {}
    times = [one.result.logical_time for one in found]
    if schedules:
        from cronicle.schedule.ticks import ticks_between

        wanted = frozenset(times)
        for tick in ticks_between(schedules, min(times), max(times) + timedelta.resolution):
            if tick.logical_time in wanted:
                ticks[tick.logical_time] = backfill_tick(tick)
    for one in found:
        if one.result.logical_time not in ticks:
            run = store.find_run(one.result.run_id)
            assert run is not None
            ticks[one.result.logical_time] = _tick_of(run)
    return ticks


def _tick_of(run: RunRecord) -> BackfillTick:
    return BackfillTick(
        position=0,
        logical_time=run.logical_time,
        nominal=run.nominal,
        interval_start=run.interval_start,
        interval_start_nominal=run.interval_start_nominal,
        interval_end=run.interval_end,
    )


def _is_inside(tick: BackfillTick, wish: BackfillWish, zone: str) -> bool:
    """True if a logical time lies in the range that was asked for: a date is the whole nominal day."""
    return _is_not_before(tick, wish.from_text, zone) and not (
        wish.to_text and _is_behind(tick, wish.to_text, zone)
    )


def _is_not_before(tick: BackfillTick, bound: str, zone: str) -> bool:
    day = as_date(bound)
    if day is not None:
        return tick.nominal[:10] >= day.isoformat()
    return not bound or tick.logical_time >= parse_instant(bound, zone)


def _is_behind(tick: BackfillTick, bound: str, zone: str) -> bool:
    day = as_date(bound)
    if day is not None:
        return tick.nominal[:10] > day.isoformat()
    return tick.logical_time > parse_instant(bound, zone)
