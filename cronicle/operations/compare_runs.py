"""Two runs side by side: what the store, the mirror and the files folder know of both, gathered and compared.

All is read where it is kept for ever: specs and outcomes in the store, commits in the mirror. So a comparison needs
neither a clone nor the branch that the commits were on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from cronicle.errors import CronicleError, UsageError
from cronicle.execute.places import mirror_path, stdout_path
from cronicle.names import task_label
from cronicle.operations.addresses import TaskPlace
from cronicle.operations.made import made_by
from cronicle.operations.results import renames_since
from cronicle.plan.differences import CountLines
from cronicle.plan.outcomes import ComparedRun, SpooledBytes, TaskOutcome
from cronicle.plan.run_differences import RunDifference, compare_sides
from cronicle.runs.spec import RunSpec, TaskSpec, UnreadableSpecError, spec_from_bytes
from cronicle.runs.states import TaskState
from cronicle.runs.units import UnitId
from cronicle.store.interface import StoreError
from cronicle.store.reading import StoreReader
from cronicle.store.records import AttemptRecord, RunRecord, TaskRecord

PIECE = 1 << 20
"""Bytes of a spooled stdout that are read at once."""


@frozen(kw_only=True)
class ComparedPlaces:
    """What is compared: two runs, or a task of each, and under which name."""

    old: TaskPlace
    new: TaskPlace
    only: UnitId | None = None
    """The task, by its name in the second run, and the key of its instance there."""


@frozen(kw_only=True)
class Comparison:
    """Two runs, and what differs between them."""

    places: ComparedPlaces
    old: ComparedRun
    new: ComparedRun
    difference: RunDifference


def places_to_compare(old: TaskPlace, new: TaskPlace) -> ComparedPlaces:
    """Of two addresses what is compared: where one names a task, the same one of the other run is meant.

    Raises:
        UsageError: One names an instance or an attempt, and the other another kind of thing.
    """
    if old.task is None and new.task is None:
        return ComparedPlaces(old=old, new=new)
    if old.task is None:
        old = evolve(new, run=old.run, attempt=None)
    if new.task is None:
        new = evolve(old, run=new.run, attempt=None)
    if (old.key is None) != (new.key is None):
        labels = [task_label(one.task or "", one.key) for one in (old, new)]
        raise UsageError(
            f"{labels[0]} and {labels[1]} cannot be compared: one is an instance, the other a whole task",
            "Name an instance on both sides, or on none.",
        )
    assert new.task is not None
    return ComparedPlaces(old=old, new=new, only=(new.task, new.key))


def compare_runs(store: StoreReader, files: Path, old: RunRecord, new: RunRecord) -> RunDifference:
    """What differs between two runs: what they were to do, and what has come of it.

    Args:
        store: Where both are.
        files: The files folder, where their stdouts and the mirror are.
        old: The first.
        new: The second.

    Raises:
        StoreError: A spec of theirs cannot be read.
    """
    return compare_places(store, files, ComparedPlaces(old=TaskPlace(old), new=TaskPlace(new))).difference


def compare_places(store: StoreReader, files: Path, places: ComparedPlaces) -> Comparison:
    """What differs between two runs, or a task of each.

    Raises:
        StoreError: A spec of theirs cannot be read.
    """
    old, new = (side_of(store, files, place) for place in (places.old, places.new))
    old, new = _under_one_name(store, places, old, new)
    if places.only is not None and places.old.key is not None:
        old = _with_key(old, places)
    count = line_counter(files, places.new.run.project)
    difference = compare_sides(old, new, count_lines=count, only=places.only)
    return Comparison(places=places, old=old, new=new, difference=difference)


def side_of(store: StoreReader, files: Path, place: TaskPlace) -> ComparedRun:
    """All that is compared of a run; of an attempt that is named that one in place of the last."""
    run, spec = place.run, spec_of(store, place.run)
    deployment = None
    if run.deployment is not None:
        deployment = store.find_deployment(run.project, run.environment, run.deployment)
    took = None
    if run.started_at is not None and run.ended_at is not None:
        took = (run.ended_at - run.started_at).total_seconds()
    return ComparedRun(
        spec=spec,
        facts=facts_of(run),
        params=run.params,
        variables=deployment.values if deployment is not None else None,
        outcomes=_outcomes(store, files, place, spec),
        duration=took,
    )


def facts_of(run: RunRecord) -> dict[str, Any]:
    """What is compared of a run itself; not what every run has of its own, such as its id and when it was made."""
    times = run.times
    interval = None
    if times.interval_start is not None:
        interval = f"{times.interval_start} to {times.interval_end}"
    return {
        "project": run.project,
        "environment": run.environment,
        "workflow": run.workflow,
        "series": run.series,
        "logical_time": times.time,
        "interval": interval,
        "state": str(run.state),
        "reason": run.reason,
        "cause": str(run.cause),
        "counts": run.counts,
        "dirty": run.dirty,
        "deployment": run.deployment,
        "asked_for_by": f"{run.actor.user}@{run.actor.host}",
    }


def spec_of(store: StoreReader, run: RunRecord) -> RunSpec:
    """The spec of a run; `StoreError` if this program cannot read it."""
    try:
        return spec_from_bytes(store.get_spec(run.spec_hash))
    except UnreadableSpecError as error:
        raise StoreError(f"{error}.", "Upgrade cronicle if a newer one has written to this store.") from error


def line_counter(files: Path, project: str) -> CountLines:
    """Counts the lines that differ between two blobs of a project's mirror; none where that is gone."""
    from cronicle.git.mirror import Mirror
    from cronicle.git.text_diff import text_diff

    path, mirror = mirror_path(files, project), None
    with suppress(CronicleError):  # damaged: what differs is told all the same
        mirror = Mirror.open_or_create(path) if path.exists() else None

    def count(old: str, new: str) -> int | None:
        if mirror is None:
            return None
        try:
            found = text_diff(mirror.read_object(old), mirror.read_object(new))
        except CronicleError:  # of a source, which has a mirror of its own
            return None
        return None if found.problem else max(found.added, found.removed)

    return count


# Names


def _under_one_name(
    store: StoreReader, places: ComparedPlaces, old: ComparedRun, new: ComparedRun
) -> tuple[ComparedRun, ComparedRun]:
    """Both with the names of tasks under which they are compared: those of the run that was made later."""
    if places.only is not None and places.old.task != places.new.task:
        assert places.old.task is not None
        return evolve(old, names={places.old.task: places.only[0]}), new
    runs = (places.old.run, places.new.run)
    later = max(runs, key=lambda run: (run.deployment or 0, run.sequence))
    renames = renames_since(store, later, later.deployment)
    if later is runs[1]:
        return evolve(old, names=renames.tasks_of(later.workflow, old.spec)), new
    names = renames.tasks_of(later.workflow, new.spec)
    return old, evolve(new, names=names)


def _with_key(old: ComparedRun, places: ComparedPlaces) -> ComparedRun:
    """The first side with the key under which the named instance is compared."""
    unit, key = (places.old.task or "", places.old.key), places.new.key
    found = {at: outcome for at, outcome in old.outcomes.items() if at == unit}
    return evolve(old, outcomes={(task, key): outcome for (task, _), outcome in found.items()})


# Outcomes


def _outcomes(store: StoreReader, files: Path, place: TaskPlace, spec: RunSpec) -> dict[UnitId, TaskOutcome]:
    run = place.run
    rows = store.list_tasks(run.id)
    made = made_by(store, run, spec, rows)
    attempts = ExecutedAttempts(store, run)
    found: dict[UnitId, TaskOutcome] = {}
    by_task: dict[str, list[TaskRecord]] = {}
    for row in rows:
        by_task.setdefault(row.task, []).append(row)
    for task in spec.tasks:
        known = by_task.get(task.name, [])
        shown = [row for row in known if row.key is not None] or known
        for row in shown or [TaskRecord(run_id=run.id, task=task.name, key=None, state=TaskState.WAITING)]:
            unit = (row.task, row.key)
            tries = attempts.of(row)
            outcome = _outcome(row, tries)
            if place.attempt is not None and place.task == row.task and place.key == row.key:
                found[unit] = _of_attempt(outcome, tries, place.attempt)
                continue
            found[unit] = evolve(
                outcome,
                products={record.product.path: record.product for record in made.get(unit, ())},
                stdout=_spooled(files, task, row, tries),
            )
    return found


class ExecutedAttempts:
    """The attempts of the tasks of a run; of what was carried over those of the run in which it was executed."""

    def __init__(self, store: StoreReader, run: RunRecord) -> None:
        self._store = store
        self._run = run
        self._known: dict[str, dict[UnitId, list[AttemptRecord]]] = {}

    def of(self, row: TaskRecord) -> Sequence[AttemptRecord]:
        """Those of a task of the run, in their order."""
        origin, unit = row.carried_from or self._run.id, (row.task, row.key)
        found = self._in(origin).get(unit)
        if found is None and origin != self._run.id:
            found = self._in(origin).get((self._former_name(origin, row.task), row.key))
        return found or ()

    def _in(self, run_id: str) -> dict[UnitId, list[AttemptRecord]]:
        if run_id not in self._known:
            self._known[run_id] = {}
            for one in self._store.list_attempts(run_id):
                self._known[run_id].setdefault((one.task, one.key), []).append(one)
        return self._known[run_id]

    def _former_name(self, origin: str, task: str) -> str:
        """What a task was called in an earlier run, if it was renamed since."""
        earlier = self._store.find_run(origin)
        if earlier is None:
            return task
        renames = renames_since(self._store, self._run, self._run.deployment)
        names = renames.tasks_of(self._run.workflow, spec_of(self._store, earlier))
        return next((old for old, new in names.items() if new == task), task)


def _outcome(row: TaskRecord, tries: Sequence[AttemptRecord]) -> TaskOutcome:
    last = tries[-1] if tries else None
    took = None
    if last is not None and last.ended_at is not None:
        took = (last.ended_at - tries[0].started_at).total_seconds()
    return TaskOutcome(
        state=str(row.state),
        reason=row.reason,
        exit_code=last.exit_code if last else None,
        signal=last.signal if last else None,
        command=last.argv if last else (),
        attempts=len(tries),
        duration=took,
        output=row.output,
        carried_from=row.carried_from,
    )


def _of_attempt(outcome: TaskOutcome, tries: Sequence[AttemptRecord], number: int) -> TaskOutcome:
    """What one attempt came to: of what its task left behind it is only known whether it was the last one's."""
    one = next((one for one in tries if one.attempt == number), None)
    if one is None:
        return TaskOutcome(state="waiting")
    took = (one.ended_at - one.started_at).total_seconds() if one.ended_at is not None else None
    return evolve(
        outcome,
        state=str(one.outcome or "running"),
        reason=one.reason,
        exit_code=one.exit_code,
        signal=one.signal,
        command=one.argv,
        attempts=0,
        duration=took,
        output=outcome.output if one is tries[-1] else {},
    )


def _spooled(
    files: Path, task: TaskSpec, row: TaskRecord, tries: Sequence[AttemptRecord]
) -> SpooledBytes | None:
    """The stdout of a task that is data; None of one that has none."""
    if not task.stdout_is_data or not tries or row.state not in (TaskState.SUCCEEDED, TaskState.FAILED):
        return None
    last = tries[-1]
    try:
        size, digest = _digest(stdout_path(files, last.run_id, last.task, last.key, last.attempt))
    except OSError:
        return SpooledBytes(size=last.stdout_size, sha256=None)
    return SpooledBytes(size=size, sha256=digest)


def _digest(path: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def masks_of(*specs: RunSpec) -> tuple[bytes, ...]:
    """What must not be seen of the sensitive variables that workflows use, in all its forms."""
    from cronicle.execute.masking import mask_forms
    from cronicle.runs.sensitive import constant_texts, variable_texts

    texts = [text for spec in specs for text in variable_texts(spec)]
    parts = [text for spec in specs for task in spec.tasks for text in constant_texts(task)]
    forms: Mapping[bytes, None] = dict.fromkeys(
        [
            *(form for text in texts for form in mask_forms(text)),
            *(form for text in parts for form in mask_forms(text, by_line=False)),
        ]
    )
    return tuple(forms)
