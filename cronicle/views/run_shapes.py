"""Runs with all that is in them as the shapes of the JSON output: from the records of a store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve

from cronicle.execute.summaries import Summaries
from cronicle.operations.made import Verified, made_by
from cronicle.runs.events import PreviousFound
from cronicle.runs.hooks import HookRun, HookRuns
from cronicle.runs.spec import RunSpec, TaskSpec
from cronicle.runs.states import ENDED_TASK, TaskState
from cronicle.runs.units import UnitId
from cronicle.store.products import ProductRecord
from cronicle.store.reading import StoreReader
from cronicle.store.records import AttemptRecord, RunRecord, TaskRecord
from cronicle.views.shapes import AttemptShape, HookShape, ProductShape, RunDetails, TaskShape, run_fields


def run_details(
    store: StoreReader,
    run: RunRecord,
    spec: RunSpec,
    summaries: Summaries,
    verified: Mapping[str, Verified] | None = None,
) -> RunDetails:
    """A run with its tasks, in the order of its spec; `verified` is what has become of the files that they made."""
    return RunDetails(**details_fields(store, run, spec, summaries, verified))


def details_fields(
    store: StoreReader,
    run: RunRecord,
    spec: RunSpec,
    summaries: Summaries,
    verified: Mapping[str, Verified] | None = None,
) -> dict[str, Any]:
    """The fields of a `RunDetails`."""
    rows = store.list_tasks(run.id)
    products = {
        unit: tuple(product_shape(record, verified or {}) for record in records)
        for unit, records in made_by(store, run, spec, rows).items()
    }
    return {
        **run_fields(run),
        "params": run.params,
        "actor": {"user": run.actor.user, "host": run.actor.host, "command": run.actor.command},
        "previous": previous_of(store, run, spec),
        "tasks": task_shapes(run, spec, rows, store.list_attempts(run.id), summaries, products),
        "hooks": hook_shapes(store, run, spec),
        "rerun": spec.rerun,
        "runbook": spec.runbook,
    }


def previous_of(store: StoreReader, run: RunRecord, spec: RunSpec) -> str | None:
    """The run that expressions of a run mean by `previous`, as far as it has been looked for."""
    if spec.previous is None:
        return None
    found = (event for event in store.get_events(run.id) if isinstance(event, PreviousFound))
    return next((event.run_id for event in found), None)


def hook_shapes(store: StoreReader, run: RunRecord, spec: RunSpec) -> tuple[HookShape, ...]:
    """The hooks that a run owes, and what has become of them."""
    if not spec.hooks:
        return ()
    return tuple(_hook_shape(spec, hook) for hook in HookRuns.told_by(store.get_events(run.id)).owed())


def _hook_shape(spec: RunSpec, hook: HookRun) -> HookShape:
    start, end = hook.start, hook.end
    return HookShape(
        event=spec.hooks[hook.hook].event,
        telling=hook.telling,
        task=hook.owed.task if hook.owed else None,
        key=hook.owed.key if hook.owed else None,
        attempt=hook.attempt,
        outcome=end.outcome if end else None,
        reason=end.reason if end else None,
        detail=end.detail if end else None,
        exit_code=end.exit_code if end else None,
        signal=end.signal if end else None,
        command=start.argv if start else (),
        started_at=start.at if start else None,
        ended_at=end.at if end else None,
    )


def task_shapes(
    run: RunRecord,
    spec: RunSpec,
    tasks: Iterable[TaskRecord],
    attempts: Iterable[AttemptRecord],
    summaries: Summaries,
    products: Mapping[UnitId, tuple[ProductShape, ...]],
) -> tuple[TaskShape, ...]:
    """The tasks of a run: of a `for_each` task its instances, the whole only where it has none."""
    rows: dict[str, list[TaskRecord]] = {}
    for row in tasks:
        rows.setdefault(row.task, []).append(row)
    tries: dict[tuple[str, str | None], list[AttemptRecord]] = {}
    for attempt in attempts:
        tries.setdefault((attempt.task, attempt.key), []).append(attempt)
    shapes: list[TaskShape] = []
    for task in spec.tasks:
        known = rows.get(task.name, [])
        shown = [row for row in known if row.key is not None] or known
        waiting = TaskRecord(run_id=run.id, task=task.name, key=None, state=TaskState.WAITING)
        shapes += [
            evolve(
                _task_shape(row, tries.get((row.task, row.key), []), task, summaries),
                products=products.get((row.task, row.key), ()),
            )
            for row in shown or [waiting]
        ]
    return tuple(shapes)


def product_shape(record: ProductRecord, verified: Mapping[str, Verified]) -> ProductShape:
    """A file that a task has made, and what has become of it as far as that was looked at."""
    product, now = record.product, verified.get(record.product.path)
    return ProductShape(
        path=product.path,
        size=product.size,
        sha256=product.sha256,
        condition=now.condition if now else None,
        changed_by=now.changed_by if now else None,
    )


def summary_of(summaries: Summaries, attempts: Iterable[AttemptRecord]) -> str | None:
    """The summary of the last attempt that has ended."""
    ended = [one for one in attempts if one.ended_at is not None]
    last = ended[-1] if ended else None
    return summaries.of(last.run_id, last.task, last.key, last.attempt) if last else None


def _task_shape(
    row: TaskRecord, attempts: list[AttemptRecord], spec: TaskSpec, summaries: Summaries
) -> TaskShape:
    return TaskShape(
        task=row.task,
        key=row.key,
        state=row.state,
        reason=row.reason,
        fingerprint=row.fingerprint or (spec.fingerprint if row.state in ENDED_TASK else None) or None,
        carried_from=row.carried_from,
        output=row.output,
        attempts=tuple(_attempt_shape(attempt) for attempt in attempts),
        prepared=spec.prepares,
        source=spec.source.name if spec.source else None,
        source_revision=spec.source.revision if spec.source else None,
        rerun=spec.rerun,
        summary=summary_of(summaries, attempts),
    )


def _attempt_shape(attempt: AttemptRecord) -> AttemptShape:
    return AttemptShape(
        attempt=attempt.attempt,
        outcome=attempt.outcome,
        reason=attempt.reason,
        detail=attempt.detail,
        exit_code=attempt.exit_code,
        signal=attempt.signal,
        host=attempt.host,
        pid=attempt.pid,
        command=attempt.argv,
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        cpu_time=attempt.cpu_time,
        peak_memory=attempt.peak_memory,
        log_bytes=attempt.log_bytes,
    )
