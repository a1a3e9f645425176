"""Which results of a workflow are stale: the rules of `cronicle.plan.staleness`, asked with what the store knows.

Results are counted by the spec that they were made by, each of which is compared once; so it costs the same whether a
spec has made ten results or a hundred thousand. Only those that have carried over what their spec does otherwise are
looked at one by one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from attrs import evolve, frozen

from cronicle.operations.judge import Judge, Measure, Specs
from cronicle.plan.history import StaleTask
from cronicle.plan.staleness import Standings, State, names_in, stale_of
from cronicle.schedule.zones import EARLIEST, LATEST
from cronicle.store.reading import StoreReader
from cronicle.store.results import Result

RECENT_RUNS = 50
"""Runs from which it is estimated how long others take."""

ALWAYS = (EARLIEST, LATEST + timedelta.resolution)
"""All logical times."""


@frozen(kw_only=True)
class Alike:
    """Results of a series that stand alike."""

    series: str | None
    count: int
    first: datetime
    last: datetime
    """Of their logical times."""
    deployment: int | None
    """By which the newest of them was made; None if that was none."""
    standings: tuple[Standings, ...]
    """By each of the measures."""


@frozen(kw_only=True)
class StaleResults:
    """Stale results of a series, for the same reasons."""

    series: str | None
    count: int
    first: datetime
    last: datetime
    deployment: int | None
    tasks: tuple[StaleTask, ...]
    """Upstreams first."""
    current: tuple[str, ...] = ()
    """The tasks of which the results are as they would be today."""


@frozen(kw_only=True)
class StaleCount:
    """How many results of a workflow are stale, and why."""

    results: int = 0
    """All that there are in the range."""
    unknown: int = 0
    """Those of which nobody can tell: what they did was recorded by an older algorithm."""
    groups: tuple[StaleResults, ...] = ()

    @property
    def stale(self) -> int:
        """How many are stale."""
        return sum(group.count for group in self.groups)


@frozen(kw_only=True)
class StaleResult:
    """A stale result."""

    result: Result
    tasks: tuple[StaleTask, ...]
    """Upstreams first."""


def count_stale(
    store: StoreReader, measure: Measure, start: datetime | None = None, end: datetime | None = None
) -> StaleCount:
    """How many results of a workflow are stale, for logical times in [start, end); costs one look at an index."""
    every = tuple(results_alike(store, (measure,), start, end))
    return StaleCount(
        results=sum(one.count for one in every),
        unknown=sum(one.count for one in every if is_unknown(one.standings[0])),
        groups=groups_of((one, stale_of(one.standings[0])) for one in every),
    )


def find_stale(
    store: StoreReader,
    measure: Measure,
    series: str | None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> tuple[StaleResult, ...]:
    """The stale results of a series for logical times in [start, end), the earliest first."""
    judge = Judge(store, measure)
    first, last = start or ALWAYS[0], end or ALWAYS[1]
    found = store.list_results(measure.project, measure.environment, measure.workflow, series, first, last)
    stale: list[StaleResult] = []
    for begin, until in _spans((measure,), first, last):
        results = [one for at, one in found.items() if begin <= at < until]
        for result, standing in judge.of_results(begin, results):
            if tasks := stale_of(standing):
                stale.append(StaleResult(result=result, tasks=tasks))
    return tuple(sorted(stale, key=lambda one: one.result.logical_time))


def results_alike(
    store: StoreReader,
    measures: Sequence[Measure],
    start: datetime | None = None,
    end: datetime | None = None,
) -> Iterator[Alike]:
    """All results of a workflow, for logical times in [start, end), by how they stand to each of some measures."""
    one, specs = measures[0], Specs(store)
    judges = [Judge(store, measure, specs) for measure in measures]
    where = (one.project, one.environment, one.workflow)
    for begin, until in _spans(measures, start or ALWAYS[0], end or ALWAYS[1]):
        counts = store.count_results_by_spec(*where, begin, until)
        for count in counts:
            if not count.mixed:
                yield Alike(
                    series=count.series,
                    count=count.count,
                    first=count.first,
                    last=count.last,
                    deployment=count.deployment,
                    standings=tuple(judge.of_spec(begin, count.spec_hash) for judge in judges),
                )
        if any(count.mixed for count in counts):
            results = store.list_mixed_results(*where, begin, until)
            by_measure = [judge.of_results(begin, results) for judge in judges]
            for judged in zip(*by_measure, strict=True):
                result = judged[0][0]
                yield Alike(
                    series=result.series,
                    count=1,
                    first=result.logical_time,
                    last=result.logical_time,
                    deployment=result.deployment,
                    standings=tuple(standing for _, standing in judged),
                )


def is_unknown(found: Standings) -> bool:
    """True if it cannot be told whether a result is stale."""
    return not names_in(found, State.STALE) and names_in(found, State.UNKNOWN) != ()


def _spans(
    measures: Iterable[Measure], start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """The range in spans in each of which the same was accepted."""
    borders = {border for measure in measures for border in measure.borders if start < border < end}
    points = [start, *sorted(borders), end]
    return pairwise(points)


@frozen(kw_only=True)
class Estimate:
    """How long it takes to make runs anew."""

    seconds: float
    runs: int
    """From the durations of so many."""


def estimate(
    store: StoreReader, project: str, environment: str, workflow: str, count: int, slots: int
) -> Estimate | None:
    """How long `count` runs of a workflow take, `slots` at once; None if none has succeeded yet."""
    mean, runs = recent_duration(store, project, environment, workflow)
    if mean is None or not count:
        return None
    return Estimate(seconds=mean * count / min(slots, count), runs=runs)


def recent_duration(
    store: StoreReader, project: str, environment: str, workflow: str
) -> tuple[float | None, int]:
    """How many seconds a run has taken of late, and of how many runs that is the mean."""
    durations = store.list_durations(project, environment, workflow, RECENT_RUNS)
    return (sum(durations) / len(durations) if durations else None), len(durations)


def groups_of(every: Iterable[tuple[Alike, tuple[StaleTask, ...]]]) -> tuple[StaleResults, ...]:
    """Those that are stale for the same reasons as one, with all that they did, those of the latest times first."""
    found: dict[Hashable, StaleResults] = {}
    for one, tasks in sorted(every, key=lambda pair: pair[0].last, reverse=True):
        if not tasks:
            continue
        key = (one.series, tuple(evolve(task, did=()) for task in tasks))
        known = found.get(key)
        if known is None:
            found[key] = StaleResults(
                series=one.series,
                count=one.count,
                first=one.first,
                last=one.last,
                deployment=one.deployment,
                tasks=tasks,
                current=names_in(one.standings[0], State.CURRENT),
            )
        else:
            found[key] = evolve(
                known,
                count=known.count + one.count,
                first=min(known.first, one.first),
                tasks=tuple(
                    evolve(before, did=tuple(dict.fromkeys((*before.did, *task.did))))
                    for before, task in zip(known.tasks, tasks, strict=True)
                ),
            )
    return tuple(found.values())
