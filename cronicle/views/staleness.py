"""What is stale, in words and as shapes of the JSON output; and the line that `explain` says of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from attrs import evolve, frozen

from cronicle.errors import CronicleError
from cronicle.operations.judge import Judge, Measure, measure_of
from cronicle.operations.stale import StaleResult
from cronicle.plan.history import StaleTask
from cronicle.plan.staleness import Standings, State, fingerprint_of, names_in, stale_of
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunRecord
from cronicle.store.results import AcceptanceRecord
from cronicle.views.parts import workflow_fields
from cronicle.views.words import plural, relative, short

MOST_NAMED = 3
"""Files, attributes or tasks that are named one by one; of more the number."""


@frozen(kw_only=True, slots=False)
class StaleTaskShape:
    """A stale task of a result, and why it is."""

    task: str
    attributes: tuple[str, ...]
    """What differs in its file: `command`, `env.MODE`, `depends_on`, `prepare.venv`."""
    files: tuple[str, ...]
    """Its inputs that are not what they were."""
    parts: tuple[str, ...]
    """The named parts of its fingerprint that differ."""
    above: tuple[str, ...]
    """The stale tasks directly above it."""


@frozen(kw_only=True, slots=False)
class StaleResultShape:
    """A stale result."""

    id: str
    """Of the run."""
    project: str
    environment: str
    workflow: str
    instance: str | None
    series: str | None
    logical_time: datetime
    revision: str
    deployment: int | None
    tasks: tuple[StaleTaskShape, ...]
    """Those that are stale, upstreams first."""


@frozen(kw_only=True, slots=False)
class AcceptanceShape:
    """That a change of what a task does was accepted."""

    id: int
    project: str
    environment: str
    workflow: str
    instance: str | None
    task: str
    old: tuple[str, ...]
    """Fingerprints of what it did."""
    new: str
    """The fingerprint of what it did then."""
    before: datetime | None
    """Of results for logical times before it; null for all."""
    revision: str
    """That was deployed then."""
    actor: dict[str, str]
    reason: str
    accepted_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None


def stale_task_shape(task: StaleTask) -> StaleTaskShape:
    """As JSON shows it."""
    return StaleTaskShape(
        task=task.task, attributes=task.attributes, files=task.files, parts=task.parts, above=task.above
    )


def stale_result_shape(project: str, environment: str, workflow: str, stale: StaleResult) -> StaleResultShape:
    """As JSON shows it."""
    result = stale.result
    return StaleResultShape(
        id=result.run_id,
        project=project,
        environment=environment,
        **workflow_fields(workflow),
        series=result.series,
        logical_time=result.logical_time,
        revision=result.revision,
        deployment=result.deployment,
        tasks=tuple(map(stale_task_shape, stale.tasks)),
    )


def acceptance_shape(acceptance: AcceptanceRecord) -> AcceptanceShape:
    """As JSON shows it."""
    actor = acceptance.actor
    return AcceptanceShape(
        id=acceptance.id,
        project=acceptance.project,
        environment=acceptance.environment,
        **workflow_fields(acceptance.workflow),
        task=acceptance.task,
        old=tuple(dict.fromkeys(map(fingerprint_of, acceptance.old))),
        new=fingerprint_of(acceptance.new),
        before=acceptance.before,
        revision=acceptance.revision,
        actor={"user": actor.user, "host": actor.host, "command": actor.command},
        reason=acceptance.reason,
        accepted_at=acceptance.accepted_at,
        revoked_at=acceptance.revoked_at,
        revoked_by=acceptance.revoked_by,
    )


def why_stale(task: StaleTask) -> str:
    """Why a task is stale, in a few words: `summarise.py changed; extract above it is stale`."""
    said = [f"{some_of(task.files)} changed"] if task.files else []
    said += [f"{some_of(task.attributes)} changed"] if task.attributes else []
    if task.does_differ and not said:
        said.append(f"{some_of(task.parts)} changed" if task.parts else "it does something else now")
    if task.above:
        said.append(f"{some_of(task.above)} above it {'is' if len(task.above) == 1 else 'are'} stale")
    return "; ".join(said)


def some_of(names: Sequence[str]) -> str:
    """The first few of some names, and how many more there are."""
    more = len(names) - MOST_NAMED
    shown = names if more <= 0 else names[:MOST_NAMED]
    text = ", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 and more <= 0 else ", ".join(shown)
    return f"{text} and {more:,} more" if more > 0 else text


def acceptable(tasks: Iterable[StaleTask]) -> tuple[str, ...]:
    """The tasks that do something else by themselves: accepting that makes those below them current, too."""
    return tuple(task.task for task in tasks if task.does_differ)


# What `explain` says


def staleness_of(store: StoreReader, run: RunRecord, now: datetime, task: str | None = None) -> Iterator[str]:
    """Whether a run, or a task of it, is stale now, and why; nothing of what is no result, or would be made alike."""
    found = store.find_result(run.project, run.environment, run.workflow, run.series, run.logical_time)
    deployment = store.find_deployment(run.project, run.environment)
    if found is None or found.run_id != run.id or deployment is None:
        return
    try:
        measure = measure_of(store, deployment, run.workflow)
    except CronicleError:
        return  # why the run is as it is can be told all the same
    if measure is None:
        return
    (_, standings), *_ = Judge(store, measure).of_results(run.logical_time, [found])
    name = _present(store, measure, run, task)
    tasks = [one for one in stale_of(standings) if name in (None, one.task)]
    if tasks:
        at = f"now that {short(deployment.revision)} is deployed"
        if name is not None:
            yield f"{name} is stale {at}: {why_stale(tasks[0])}"
        else:
            reasons = "; ".join(f"{one.task}: {why_stale(one)}" for one in tasks[:MOST_NAMED])
            more = f"; and {plural(len(tasks) - MOST_NAMED, 'more task')}" if len(tasks) > MOST_NAMED else ""
            yield f"it is stale {at} ({reasons}{more})"
    elif name in names_in(standings, State.UNKNOWN) or (name is None and names_in(standings, State.UNKNOWN)):
        yield "whether it is stale cannot be told: what it did was recorded by another version of the algorithm"
    elif measure.acceptances:
        yield from _accepted(store, measure, run, name, standings, now)


def _present(store: StoreReader, measure: Measure, run: RunRecord, task: str | None) -> str | None:
    """What a task of a run is called now."""
    if task is None or not measure.renames.tasks:
        return task
    from cronicle.views.details import read_spec

    return measure.names_in(read_spec(store, run.spec_hash)).get(task, task)


def _accepted(
    store: StoreReader,
    measure: Measure,
    run: RunRecord,
    name: str | None,
    standings: Standings,
    now: datetime,
) -> Iterator[str]:
    """Whose word it is that a run is as it would be today."""
    found = store.find_result(run.project, run.environment, run.workflow, run.series, run.logical_time)
    assert found is not None
    strict = Judge(store, evolve(measure, acceptances=(), same=()))
    (_, without), *_ = strict.of_results(run.logical_time, [found])
    differ = [
        one.task
        for one in stale_of(without)
        if one.does_differ and name in (None, one.task) and one.task in standings
    ]
    for acceptance in measure.acceptances:
        present = measure.renames.tasks.get(measure.spec.workflow, {}).get(acceptance.task, acceptance.task)
        if present in differ:
            differ.remove(present)
            yield (
                f"{present} does something else now, and counts as current: accepted by {acceptance.actor.user}, "
                f"{relative(acceptance.accepted_at, now)}: {acceptance.reason}"
            )
