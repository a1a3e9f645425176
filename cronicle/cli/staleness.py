"""Saying what is stale, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import cast

from attrs import frozen

from cronicle.cli.output import duration, paint, plural, print_json, print_json_lines, say, tell, visible_line
from cronicle.cli.session import Session
from cronicle.cli.slots import default_slots
from cronicle.errors import UsageError
from cronicle.names import typed
from cronicle.operations.asked_times import asked_instant
from cronicle.operations.deployed import get_deployment, get_workflows
from cronicle.operations.judge import Measure, held_against, measure_of
from cronicle.operations.listing import end_after
from cronicle.operations.stale import StaleCount, StaleResults, count_stale, estimate, find_stale
from cronicle.plan.renames import Renames
from cronicle.store.interface import Store
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeploymentRecord
from cronicle.views.staleness import acceptable, stale_result_shape, why_stale
from cronicle.views.words import local_time, series_name

MOST_WORKFLOWS = 20
"""Workflows that are told of; of more the number."""


@frozen(kw_only=True)
class Asked:
    """Of what is asked whether it is stale."""

    workflows: tuple[str, ...] = ()
    first: str | None = None
    last: str | None = None
    revision: str | None = None

    @property
    def options(self) -> str:
        """The range, as the options that mean it."""
        given = (("--from", self.first), ("--to", self.last))
        return "".join(f" {name} {typed(text)}" for name, text in given if text is not None)

    def range_in(self, zone: str) -> tuple[datetime | None, datetime | None]:
        """Logical times in [start, end)."""
        start = None if self.first is None else asked_instant("--from", self.first, zone)
        end = None if self.last is None else end_after(self.last, zone)
        if start is not None and end is not None and start >= end:
            raise UsageError(f"--from {self.first} is later than --to {self.last}")
        return start, end


def list_stale(session: Session, asked: Asked, limit: int | None, *, lines: bool, ids: bool) -> None:
    """The stale results, of the latest logical time first."""
    with _looking(session, asked) as (store, deployment):
        found = []
        for measure in _measures(session, store, deployment, asked):
            start, end = asked.range_in(measure.spec.timezone)
            counted = count_stale(store, measure, start, end)
            for series in dict.fromkeys(group.series for group in counted.groups):
                found += [(measure, one) for one in find_stale(store, measure, series, start, end)]
    found.sort(key=lambda pair: pair[1].result.logical_time, reverse=True)
    del found[limit if limit is not None else len(found) :]
    if ids:
        for _, one in found:
            say(one.result.run_id)
        return
    shapes = [
        stale_result_shape(measure.project, measure.environment, measure.workflow, one)
        for measure, one in found
    ]
    print_json_lines(shapes) if lines else print_json(shapes)


def say_stale(session: Session, asked: Asked) -> None:
    """How many results are stale, why, and what to do about it."""
    with _looking(session, asked) as (store, deployment):
        told, left, results, unknown = 0, 0, 0, 0
        options = session.naming(store).options(deployment.project, deployment.environment)
        for measure in _measures(session, store, deployment, asked):
            counted = count_stale(store, measure, *asked.range_in(measure.spec.timezone))
            results, unknown = results + counted.results, unknown + counted.unknown
            if not counted.groups:
                continue
            if told == MOST_WORKFLOWS:
                left += 1
                continue
            if told:
                say()
            told += 1
            _say_workflow(store, deployment, measure, counted, asked, options)
        if left:
            tell(f"and of {plural(left, 'more workflow')}: cronicle stale --json")
        if unknown:
            tell(
                f"{plural(unknown, 'result')} cannot be told of: what was done was recorded by another version of "
                "the algorithm"
            )
        if not told:
            what = "the only result is" if results == 1 else f"all {results:,} results are"
            tell(
                f"nothing is stale: {what} as they would be made today" if results else "there are no results"
            )


@contextmanager
def _looking(session: Session, asked: Asked) -> Iterator[tuple[StoreReader, DeploymentRecord]]:
    """The store and what is deployed; another revision is read with the help of a store that could be written."""
    with session.reader() if asked.revision is None else session.store() as store:
        yield store, get_deployment(store, session.target(store))


def _measures(
    session: Session, store: StoreReader, deployment: DeploymentRecord, asked: Asked
) -> Iterator[Measure]:
    """What the results of each workflow are held against."""
    deployed = list(
        dict.fromkeys(one.name for name in asked.workflows for one in get_workflows(deployment, name))
        if asked.workflows
        else (one.name for one in deployment.workflows)
    )
    if asked.revision is None:
        yield from (found for name in deployed if (found := measure_of(store, deployment, name)) is not None)
        return
    from cronicle.operations.propose import propose

    sources = session.sources(cast("Store", store))  # `_looking` has opened it so
    proposal = propose(sources, revision=asked.revision, deployed_values=True)
    renames = Renames.of(proposal.moved)
    names = [one.name for one in deployment.workflows]
    for name in deployed:
        spec = proposal.specs.get(renames.workflow(name, names))
        if spec is not None:
            yield held_against(store, deployment, name, spec, renames)


def _say_workflow(
    store: StoreReader,
    deployment: DeploymentRecord,
    measure: Measure,
    counted: StaleCount,
    asked: Asked,
    options: str,
) -> None:
    zone = measure.spec.timezone
    revision = asked.revision or deployment.revision
    for group in counted.groups:
        span = _span(group, zone)
        name = visible_line(series_name(measure.workflow, group.series))
        say(f"{paint(name, 'bold')}   {plural(group.count, 'result')} stale, {span}")
        width = max(len(task.task) for task in group.tasks)
        for task in group.tasks:
            diff = git_diff(store, measure, group, task.files, revision)
            say(f"    {visible_line(task.task):{width}}   {visible_line(why_stale(task))}{diff}")
        if group.current:
            say(f"    as they would be today: {visible_line(', '.join(group.current))}")
    workflow = typed(measure.workflow)
    if asked.revision is None:
        say(
            f"  to remake them:   {remake(workflow, counted.groups, asked.options, options)}"
            + estimated(store, measure, counted.stale)
        )
        names = dict.fromkeys(task for group in counted.groups for task in acceptable(group.tasks))
        for name in names:
            say(
                f'  if it makes no difference to them:   cronicle accept {workflow}/{name} --reason "…"{options}'
            )


def remake(workflow: str, groups: Sequence[StaleResults], range_: str, options: str) -> str:
    """The commands that make stale results anew."""
    commands = []
    for series in dict.fromkeys(group.series for group in groups):
        of_series = f" --series {series}" if series is not None else ""
        commands.append(f"cronicle backfill {workflow} --stale{of_series}{range_}{options}")
    return "   ".join(commands)


def estimated(store: StoreReader, measure: Measure, count: int) -> str:
    """How long it takes to make them."""
    found = estimate(store, measure.project, measure.environment, measure.workflow, count, default_slots())
    if found is None:
        return ""
    return f"     about {duration(found.seconds)}, from the last {plural(found.runs, 'run')}"


def git_diff(
    store: StoreReader, measure: Measure, group: StaleResults, files: Sequence[str], revision: str
) -> str:
    """The command that shows what has changed in files."""
    if not files or group.deployment is None:
        return ""
    made = store.find_deployment(measure.project, measure.environment, group.deployment)
    if made is None:
        return ""
    folder = f"{measure.spec.folder}/" if measure.spec.folder else ""
    paths = " ".join(typed(f":/{folder}{path}" if folder else path) for path in files[:3])
    return f"     git diff {made.revision[:7]} {revision[:7]} -- {visible_line(paths)}"


def _span(group: StaleResults, zone: str) -> str:
    first, last = local_time(group.first, zone), local_time(group.last, zone)
    if first == last:
        return f"for {first}"
    return f"{first} to {last}"
