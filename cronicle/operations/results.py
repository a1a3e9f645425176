"""How the tasks of runs that have ended stand: what retries, chosen runs and backfills take from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from attrs import define, evolve, field

from cronicle.operations.moment import Moment, runs_at
from cronicle.plan.renames import Renames, with_renamed_results
from cronicle.runs.rerun import done_of
from cronicle.runs.selection import TaskResult
from cronicle.runs.spec import RunSpec, TaskSpec, spec_from_bytes
from cronicle.runs.states import LIVE, ORDINARY_CAUSES, Outcome, Reason, TaskState
from cronicle.runs.units import UnitId
from cronicle.store.reading import StoreReader
from cronicle.store.records import AttemptRecord, RunRecord, TaskRecord

MOST_EARLIER_RUNS = 200
"""Runs of one logical time that are asked what they have done, the newest first."""

MOST_REUSED_RUNS = 20
"""Of these how many are asked for what can be reused."""

_DID_NOTHING = ("start_error", Reason.BAD_REFERENCE)
"""Reasons of attempts that never had a process."""


def results_of(
    store: StoreReader, run: RunRecord, spec: RunSpec, acted_of: Collection[str] = ()
) -> tuple[TaskResult, ...]:
    """How the tasks of a finished run ended, with the fingerprints of what was really done.

    Args:
        store: Where the run is.
        run: The run.
        spec: Its spec.
        acted_of: Tasks of which it is to be known whether a process of theirs may have done something.
    """
    names = frozenset(task.name for task in spec.tasks)
    rows = [row for row in store.list_tasks(run.id) if row.task in names]
    fingerprints = _fingerprints(run, spec, rows)
    last = _LastAttempts(store, frozenset(task.name for task in spec.tasks if task.stdout_is_data))
    acted = _acted(store, run) if acted_of else frozenset()
    return tuple(
        TaskResult(
            task=row.task,
            key=row.key,
            state=row.state,
            reason=None if row.state is TaskState.SUCCEEDED else row.reason,  # why it was carried over, then
            output=row.output,
            carried_from=row.carried_from,
            run_id=run.id,
            attempt=last.of(row),
            has_acted=row.task in acted_of and ((row.task, row.key) in acted or _has_acted_before(row)),
            fingerprint=fingerprints[row.task, row.key][0],
            deep_fingerprint=fingerprints[row.task, row.key][1],
        )
        for row in rows
    )


def _fingerprints(run: RunRecord, spec: RunSpec, rows: Iterable[TaskRecord]) -> dict[UnitId, tuple[str, str]]:
    """The own and the deep fingerprint of each unit.

    Those of the run's spec; of what was carried over those that were recorded with it; and the deep ones of what was
    executed on top of that follow from these.
    """
    of_task: dict[str, list[TaskRecord]] = {}
    for row in rows:
        of_task.setdefault(row.task, []).append(row)
    found: dict[UnitId, tuple[str, str]] = {}
    whole: dict[str, str] = {}
    for task in spec.tasks:  # upstreams come first
        deep = _deep_on_top_of(task, spec, found, whole) if run.mixed else task.deep_fingerprint
        for row in of_task.get(task.name, ()):
            is_carried = row.carried_from is not None and row.deep_fingerprint != ""
            found[row.task, row.key] = (
                (row.fingerprint, row.deep_fingerprint) if is_carried else (task.fingerprint, deep)
            )
        whole[task.name] = _as_one(of_task.get(task.name, ()), found)
    return found


def _deep_on_top_of(
    task: TaskSpec, spec: RunSpec, found: Mapping[UnitId, tuple[str, str]], whole: Mapping[str, str]
) -> str:
    """The deep fingerprint of a task that was executed on top of what stood above it in a mixed run."""
    above = [
        (
            edge.task,
            edge.key,
            found[edge.task, edge.key][1]
            if (edge.task, edge.key) in found and edge.key
            else whole[edge.task],
        )
        for edge in task.upstreams
    ]
    if all(deep == spec.task(name).deep_fingerprint for name, _, deep in above):
        return task.deep_fingerprint
    from cronicle.config.fingerprint import deep_fingerprint

    return deep_fingerprint(task.fingerprint, above)


def _as_one(rows: Iterable[TaskRecord], found: Mapping[UnitId, tuple[str, str]]) -> str:
    """The deep fingerprint of a task as a whole, whose instances may have several; of one that was left out none."""
    rows = list(rows)
    units = [row for row in rows if row.key is not None] or rows
    deep = {"" if row.reason == Reason.NOT_SELECTED else found[row.task, row.key][1] for row in units}
    return next(iter(deep)) if len(deep) == 1 else " ".join(sorted(deep))


@define(eq=False, repr=False)
class _LastAttempts:
    """The last attempts of tasks whose stdout is data: each run that executed some is asked once."""

    store: StoreReader
    tasks: frozenset[str]
    _known: dict[str, dict[UnitId, int]] = field(factory=dict)

    def of(self, row: TaskRecord) -> int:
        """The number of a task's last attempt in the run that executed it; 0 if it needs none."""
        if row.task not in self.tasks:
            return 0
        run_id = row.carried_from or row.run_id
        known = self._known.get(run_id)
        if known is None:
            known = self._known[run_id] = {}
            for attempt in self.store.list_attempts(run_id):
                unit = (attempt.task, attempt.key)
                known[unit] = max(attempt.attempt, known.get(unit, 0))
        return known.get((row.task, row.key), 0)


def done_before(
    store: StoreReader, run: RunRecord, never: Collection[str], own: tuple[TaskResult, ...] = ()
) -> tuple[TaskResult, ...]:
    """What stands for a new run of the tasks that are never executed again.

    Args:
        store: Where the runs are.
        run: The new run; only what counts for its logical time has been done for it.
        never: The names of these tasks.
        own: The results of the run that is retried; it comes first, whether or not it counts.
    """
    return done_of((own, *_results_before(store, run, never)), never)


def reusable_results(store: StoreReader, run: RunRecord) -> tuple[tuple[TaskResult, ...], ...]:
    """The results of the runs that had the same parameters, under present names, of the newest first."""
    return tuple(_results_before(store, run, (), same_params=True, limit=MOST_REUSED_RUNS))


def results_under_present_names(
    store: StoreReader, run: RunRecord, earlier_id: str
) -> tuple[TaskResult, ...]:
    """The results of an earlier run under the names that its tasks have in a new one; nothing if it is gone."""
    earlier = store.find_run(earlier_id)
    if earlier is None:
        return ()
    spec = spec_from_bytes(store.get_spec(earlier.spec_hash))
    names = renames_since(store, run, run.deployment).tasks_of(run.workflow, spec)
    return with_renamed_results(results_of(store, earlier, spec), spec, names)


def results_at(store: StoreReader, moment: Moment) -> tuple[TaskResult, ...]:
    """How the tasks of the result of a logical time have ended; nothing if there is none."""
    result = store.find_result(
        moment.project, moment.environment, moment.workflow, moment.series, moment.logical_time
    )
    stands = store.find_run(result.run_id) if result is not None else None
    if stands is None:
        return ()
    return results_of(store, stands, spec_from_bytes(store.get_spec(stands.spec_hash)))


def _results_before(
    store: StoreReader,
    run: RunRecord,
    acted_of: Collection[str],
    *,
    same_params: bool = False,
    limit: int = MOST_EARLIER_RUNS,
) -> Iterator[tuple[TaskResult, ...]]:
    """The results of runs of a logical time that count and have ended, of the newest first.

    For what is never executed again also those count that somebody has marked as failed since.
    """
    wanted = evolve(runs_at(Moment.of(run)), causes=ORDINARY_CAUSES, limit=limit)
    specs: dict[str, RunSpec] = {}
    for earlier in store.list_runs(wanted):
        if earlier.id == run.id or earlier.state in LIVE or not (earlier.counts or acted_of):
            continue
        if not was_for_real(earlier) or (same_params and earlier.params != run.params):
            continue
        spec = specs.get(earlier.spec_hash)
        if spec is None:
            spec = specs[earlier.spec_hash] = spec_from_bytes(store.get_spec(earlier.spec_hash))
        names = renames_since(store, run, run.deployment).tasks_of(run.workflow, spec)
        former = {new: old for old, new in names.items()}
        found = results_of(store, earlier, spec, {former.get(name, name) for name in acted_of})
        yield with_renamed_results(found, spec, names)


def was_for_real(run: RunRecord) -> bool:
    """True of a run that counted when it was executed, even if its logical time was marked as failed since."""
    return not run.dirty and run.experiment is None and (run.counts or run.deployment is not None)


def renames_since(store: StoreReader, run: RunRecord, number: int | None) -> Renames:
    """What is called otherwise in a deployment of the run's environment than before; nothing without one."""
    if number is None:
        return Renames()
    deployment = store.find_deployment(run.project, run.environment, number)
    return Renames() if deployment is None else Renames.of(deployment.moved)


def has_acted(attempt: AttemptRecord) -> bool:
    """True unless it is known that an attempt has done nothing."""
    return attempt.outcome is not Outcome.NOT_YET and attempt.reason not in _DID_NOTHING


def _acted(store: StoreReader, run: RunRecord) -> frozenset[UnitId]:
    return frozenset((one.task, one.key) for one in store.list_attempts(run.id) if has_acted(one))


def _has_acted_before(row: TaskRecord) -> bool:
    """True of a failure that was carried over: it had been executed in an earlier run."""
    return row.carried_from is not None and row.state is TaskState.FAILED
