"""Lists of runs: what one line says of each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
from attrs import evolve, frozen

from cronicle.errors import CronicleError
from cronicle.operations.labels import LabelsOfServing
from cronicle.operations.moment import Moment, runs_at
from cronicle.runs.states import LIVE, Reason, RunState, TaskState
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunFilter, RunRecord
from cronicle.views.purpose import brief_purpose
from cronicle.views.words import duration, local_time, reason_text, relative, short, took


@frozen(kw_only=True)
class RunLine:
    """A run in a list, as texts; `state` is the word that its colour goes by."""

    run: RunRecord
    time: str
    state: str
    revision: str
    started: str
    took: str
    tasks: str
    note: str


@frozen
class Progress:
    """How many tasks of a run have succeeded, of how many; instances are counted one by one."""

    done: int
    total: int

    def __str__(self) -> str:
        return str(self.total) if self.done == self.total else f"{self.done} of {self.total}"


def run_lines(store: StoreReader, runs: Iterable[RunRecord], now: datetime) -> list[RunLine]:
    """The lines of a list of runs, in its order."""
    shared: dict[tuple[str, str, str, str | None, datetime], str | None] = {}
    labels = LabelsOfServing(store)
    lines = []
    for run in runs:
        progress = progress_of(store, run)
        lines.append(
            RunLine(
                run=run,
                time=local_time(run.logical_time, run.timezone),
                state=str(run.state),
                revision=short(run.revision) + ("*" if run.dirty else ""),
                started=relative(run.started_at, now),
                took=duration(took(run.started_at, run.ended_at, now)),
                tasks="" if progress is None else str(progress),
                note=_note(store, run, labels, shared),
            )
        )
    return lines


def progress_of(store: StoreReader, run: RunRecord) -> Progress | None:
    """How far the tasks of a run are; None where that cannot be read."""
    if run.packed_tasks is not None:
        try:
            states = [row[2] for row in msgspec.json.decode(run.packed_tasks)]
        except (ValueError, TypeError, IndexError, KeyError):  # a damaged cache: the list goes on without it
            return None
        return Progress(states.count(TaskState.SUCCEEDED), len(states))
    from cronicle.runs.spec import UnreadableSpecError, spec_from_bytes

    try:
        spec = spec_from_bytes(store.get_spec(run.spec_hash))
    except (UnreadableSpecError, CronicleError):
        return None
    rows = store.list_tasks(run.id)
    expanded = {row.task for row in rows if row.key is not None}
    shown = [row for row in rows if row.key is not None or row.task not in expanded]
    known = {row.task for row in rows}
    waiting = sum(task.name not in known for task in spec.tasks)
    return Progress(sum(row.state is TaskState.SUCCEEDED for row in shown), len(shown) + waiting)


def runs_of_same_time(run: RunRecord) -> RunFilter:
    """The runs that have the logical time of this one, itself included."""
    return runs_at(Moment.of(run))


def _note(
    store: StoreReader,
    run: RunRecord,
    labels: LabelsOfServing,
    shared: dict[tuple[str, str, str, str | None, datetime], str | None],
) -> str:
    """What is to be said of a run beside its figures."""
    if run.state in LIVE:
        if lacking := labels.find_lacking(run):
            return lacking.text
        if run.owner is None or not store.is_alive(run.owner):
            return f"no process drives it: cronicle resume {run.id}"
        return "is being cancelled" if run.cancel_requested else ""
    if what := brief_purpose(run):
        return what
    if run.state is RunState.SUCCEEDED and not run.counts:
        return "does not count"
    if run.state is not RunState.SUCCEEDED:
        return reason_text(run.reason)
    key = (run.project, run.environment, run.workflow, run.series, run.logical_time)
    if key not in shared:
        result = store.find_result(*key) if store.count_runs(runs_of_same_time(run), 2) > 1 else None
        shared[key] = None if result is None else result.run_id
    return "the result" if shared[key] == run.id else ""


def overruled_by(store: StoreReader, run: RunRecord) -> RunRecord | None:
    """The run that has marked the logical time of a succeeded one as failed, so that this counts no longer."""
    if run.counts or run.experiment is not None or run.state is not RunState.SUCCEEDED:
        return None
    same = evolve(runs_of_same_time(run), states=(RunState.FAILED,))
    marks = [other for other in store.list_runs(same) if other.reason == Reason.MARKED]
    return next((other for other in marks if other.sequence > run.sequence), None)
