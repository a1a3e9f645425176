"""All about one run or one backfill, as labelled texts to be set in columns."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from attrs import frozen

from cronicle.execute.summaries import Summaries
from cronicle.names import task_label
from cronicle.operations.labels import find_lacking
from cronicle.operations.made import Condition, Verified, made_by, verify
from cronicle.runs.events import RunMarked
from cronicle.runs.rerun import Rerun
from cronicle.runs.spec import PrepareSpec, RunSpec, TaskSpec, UnreadableSpecError, spec_from_bytes
from cronicle.runs.states import LIVE, BackfillState, Cause, Outcome, Reason, RunState, TaskState
from cronicle.store.products import ProductRecord
from cronicle.store.reading import StoreReader
from cronicle.store.records import (
    Actor,
    AttemptRecord,
    BackfillRecord,
    RunRecord,
    TaskRecord,
    TickRevision,
)
from cronicle.views.purpose import isolation_text, purpose
from cronicle.views.runbooks import how_to_read, runbook_of
from cronicle.views.runs import overruled_by, runs_of_same_time
from cronicle.views.words import (
    day_and_time,
    duration,
    ending,
    local_time,
    moment,
    name_of,
    plural,
    reason_text,
    took,
)

if TYPE_CHECKING:
    from cronicle.views.shapes import RunDetails

Facts = list[tuple[str, str]]

SHOWN_DIGITS = 12
"""Of a hash."""

SHOWN_REVISIONS = 8
"""Revisions of a backfill that are named one by one."""

SHOWN_INPUTS = 8
"""Paths of a task's inputs that are named; of more the number."""


@frozen(kw_only=True)
class TaskBlock:
    """A task of a run, or one instance of it."""

    label: str
    state: str
    """The word that its colour goes by; `carried` where an earlier run stands for this one."""
    word: str
    took: str
    remark: str
    facts: tuple[tuple[str, str], ...]
    attempts: tuple[tuple[str, ...], ...]
    """A line for each, in columns."""
    summary: str = ""
    """Markdown, as the task wrote it."""
    products: tuple[tuple[str, ...], ...] = ()
    """A line for each file that it has made, in columns: path, size, hash, what has become of it."""


def read_spec(store: StoreReader, spec_hash: str) -> RunSpec:
    """A stored spec; `StoreError` if this program cannot read it."""
    from cronicle.store.interface import StoreError

    try:
        return spec_from_bytes(store.get_spec(spec_hash))
    except UnreadableSpecError as error:
        raise StoreError(f"{error}.", "Upgrade cronicle if a newer one has written to this store.") from error


def details_of(
    store: StoreReader, files: Path, run: RunRecord, verified: Mapping[str, Verified] | None = None
) -> RunDetails:
    """A run with its tasks, their attempts, and its hooks, as `show --json` has it."""
    from cronicle.views.run_shapes import run_details

    return run_details(store, run, read_spec(store, run.spec_hash), Summaries(files), verified)


def verified_products(
    store: StoreReader, files: Path, run: RunRecord, chosen: tuple[str, str | None] | None
) -> Mapping[str, Verified]:
    """What has become of the files that the tasks of a run have made, or the one chosen, by path."""
    rows = [row for row in store.list_tasks(run.id) if _is_chosen(row, chosen)]
    return verify(store, files, run, made_by(store, run, read_spec(store, run.spec_hash), rows))


def _is_chosen(row: TaskRecord, chosen: tuple[str, str | None] | None) -> bool:
    return chosen is None or (row.task == chosen[0] and chosen[1] in (None, row.key))


def headline(run: RunRecord, now: datetime) -> tuple[str, str]:
    """The word of its state, and what it is: `failed`, `daily@2015-12-31   run 7K2M9QX4TA   after 6.4 s`."""
    spent = took(run.started_at, run.ended_at, now)
    after = f"   {'after' if run.ended_at else 'for'} {duration(spent)}" if spent is not None else ""
    reason = f" ({reason_text(run.reason)})" if run.reason else ""
    return str(run.state), f"{name_of(run)}   run {run.id}{after}{reason}"


def run_facts(store: StoreReader, run: RunRecord, now: datetime) -> Facts:
    """What is known of a run beside its tasks."""
    zone = run.timezone
    facts: Facts = [("logical time", f"{day_and_time(run.logical_time, zone)}   {zone}")]
    if run.interval_start is not None:
        end = run.interval_end or run.logical_time
        facts.append(("interval", f"{local_time(run.interval_start, zone)} to {local_time(end, zone)}"))
    facts.append(("cause", cause_text(run)))
    facts += [("purpose", text)] if (text := purpose(run)) else []
    facts += [("isolated", text)] if (text := isolation_text(run)) else []
    facts.append(("asked for by", f"{actor_text(run.actor)}, {moment(run.created_at, zone, now)}"))
    facts += [("command", run.actor.command)] if run.actor.command else []
    facts += [("why", text) for text in _marked(store, run)]
    facts.append(("revision", revision_text(run)))
    facts += [("rerun", rerun)] if (rerun := read_spec(store, run.spec_hash).rerun) != Rerun.ALLOW else []
    if run.state is RunState.FAILED and (runbook := runbook_of(store, run)) is not None:
        facts.append(("runbook", f"{runbook}   {how_to_read(run)}"))
    facts.append(("counts", _counts(store, run)))
    facts += [("parameter", f"{name} = {_json(value)}") for name, value in sorted(run.params.items())]
    facts += [("runs on", ", ".join(run.runs_on))] if run.runs_on else []
    facts += [("previous", text) for text in _previous(store, run)]
    if run.started_at is not None:
        facts.append(("started", moment(run.started_at, zone, now)))
    if run.lateness:
        facts.append(("late by", duration(run.lateness)))
    if run.ended_at is not None:
        facts.append(("ended", moment(run.ended_at, zone, now)))
    facts += [("hook", text) for text in _hooks(store, run)]
    if run.state in LIVE:
        facts += _driven_by(store, run)
    return facts


def _marked(store: StoreReader, run: RunRecord) -> list[str]:
    """Why somebody has set its outcome by hand; nothing of a run that was executed."""
    if run.reason != Reason.MARKED:
        return []
    return [event.reason for event in store.get_events(run.id) if isinstance(event, RunMarked)]


def _previous(store: StoreReader, run: RunRecord) -> list[str]:
    """The run that its expressions mean by `previous`; nothing if they refer to none."""
    from cronicle.views.run_shapes import previous_of

    found = previous_of(store, run, read_spec(store, run.spec_hash))
    earlier = store.find_run(found) if found is not None else None
    return [f"{name_of(earlier)}   run {earlier.id}"] if earlier is not None else [found] if found else []


def _hooks(store: StoreReader, run: RunRecord) -> list[str]:
    """What has become of each hook that the run owed: `on_failure: exit code 3`."""
    from cronicle.views.run_shapes import hook_shapes

    said = []
    for hook in hook_shapes(store, run, read_spec(store, run.spec_hash)):
        what = reason_text(hook.outcome) if hook.outcome else "not told yet"
        if hook.outcome is not None and hook.outcome != Outcome.SUCCEEDED and hook.detail:
            what += f": {hook.detail}"
        about = f" of {task_label(hook.task, hook.key)}" if hook.task else ""
        said.append(
            f"{hook.event}{about} {what}" + (", started again after a crash" if hook.attempt > 1 else "")
        )
    return said


def cause_text(run: RunRecord) -> str:
    """Why a run exists, with what it goes back to."""
    text = str(run.cause)
    if run.cause is Cause.RETRY and run.retry_of:
        text += f" of {run.retry_of}"
    if run.backfill:
        text += f" {run.backfill}" if run.cause is Cause.BACKFILL else f", in backfill {run.backfill}"
    return text


def actor_text(actor: Actor) -> str:
    """Who, and on which machine."""
    return f"{actor.user} on host {actor.host}"


def revision_text(run: RunRecord) -> str:
    """The revision of a run, and where it came from."""
    if run.dirty:
        return f"{run.revision}   the working tree, as it was"
    if run.deployment is not None:
        return f"{run.revision}   deployment {run.deployment} of {run.environment}"
    if run.cause is Cause.REPRODUCE and run.experiment is not None:
        return f"{run.revision}   as run {run.experiment.of} had it"
    if run.experiment is not None and run.experiment.never_counts:
        return f"{run.revision}   chosen by {run.cause}"
    return f"{run.revision}   chosen by --revision"


def _driven_by(store: StoreReader, one: RunRecord | BackfillRecord) -> Facts:
    """The process that drives something, or how to go on without one."""
    if one.owner is not None and store.is_alive(one.owner):
        for record in store.list_owners():
            if record.id == one.owner:
                return [("driven by", f"process {record.pid} on {record.host}: {record.command}")]
        return [("driven by", "a process")]
    if lacking := find_lacking(store, one):
        return [("driven by", f"no process: {lacking.text}"), *(("", text) for text in lacking.served_by)]
    return [("driven by", f"no process: cronicle resume {one.id}")]


def _counts(store: StoreReader, run: RunRecord) -> str:
    if by := overruled_by(store, run):
        return f"no longer: run {by.id} has marked its logical time as failed"
    if not run.counts:
        return "no: an experiment, never the result of its logical time"
    result = store.find_result(run.project, run.environment, run.workflow, run.series, run.logical_time)
    if result is None:
        return "yes; its logical time has no result yet"
    if result.run_id == run.id:
        others = store.count_runs(runs_of_same_time(run)) - 1
        return "yes: it is the result" + (f", before {plural(others, 'other run')}" if others else "")
    return f"yes; the result of its logical time is {result.run_id}"


def task_blocks(
    store: StoreReader,
    files: Path,
    run: RunRecord,
    now: datetime,
    chosen: tuple[str, str | None] | None = None,
    number: int | None = None,
    verified: Mapping[str, Verified] | None = None,
) -> list[TaskBlock]:
    """The tasks of a run in the order of its spec, or the one chosen; of a `for_each` task its instances.

    Args:
        store: Where the run is.
        files: The files folder, where the summaries are.
        run: The run.
        now: The present moment.
        chosen: The only task to show, and the key of its only instance.
        number: The only attempt of it whose summary is shown.
        verified: What has become of the files that the tasks have made.
    """
    from cronicle.views.run_shapes import summary_of

    summaries = Summaries(files)
    spec = read_spec(store, run.spec_hash)
    rows: dict[str, list[TaskRecord]] = {}
    listed = store.list_tasks(run.id)
    made = made_by(store, run, spec, listed)
    for row in listed:
        rows.setdefault(row.task, []).append(row)
    tries: dict[tuple[str, str | None], list[AttemptRecord]] = {}
    for attempt in store.list_attempts(run.id):
        tries.setdefault((attempt.task, attempt.key), []).append(attempt)
    blocks = []
    for task in spec.tasks:
        known = rows.get(task.name, [])
        shown = [row for row in known if row.key is not None] or known
        if not shown:
            shown = [TaskRecord(run_id=run.id, task=task.name, key=None, state=TaskState.WAITING)]
        for row in shown:
            if not _is_chosen(row, chosen):
                continue
            attempts = tries.get((row.task, row.key), [])
            told = summary_of(summaries, [one for one in attempts if number in (None, one.attempt)])
            products = tuple(
                _product_line(record, (verified or {}).get(record.product.path))
                for record in made.get((row.task, row.key), ())
            )
            blocks.append(_block(spec, task, row, attempts, run, now, told or "", products))
    return blocks


def _block(
    spec: RunSpec,
    task: TaskSpec,
    row: TaskRecord,
    attempts: list[AttemptRecord],
    run: RunRecord,
    now: datetime,
    summary: str,
    products: tuple[tuple[str, ...], ...],
) -> TaskBlock:
    facts: Facts = []
    if row.carried_from:
        facts.append(("carried over from", row.carried_from))
    facts += [("output", f"{name} = {_json(value)}") for name, value in sorted(row.output.items())]
    if attempts:
        facts.append(("command", shlex.join(attempts[-1].argv)))
    fingerprint = row.fingerprint or task.fingerprint
    facts += [("fingerprint", fingerprint)] if fingerprint else []
    if task.source:
        folder = f", folder {task.source.subdir}" if task.source.subdir else ""
        facts.append(("source", f"{task.source.name} at {task.source.revision}{folder}"))
    facts += [("rerun", task.rerun)] if task.rerun != Rerun.ALLOW else []
    if task.inputs:
        kind = "declared" if task.inputs_declared else "inferred"
        facts.append(("inputs", f"{_paths(task.inputs)} ({kind})"))
    facts += [("prepared", _prepared(name, spec.prepares[name])) for name in task.prepares]
    spent = took(attempts[0].started_at, attempts[-1].ended_at, now) if attempts else None
    is_carried = row.carried_from is not None and row.state is not TaskState.FAILED
    return TaskBlock(
        label=task_label(row.task, row.key),
        state="carried" if is_carried else str(row.state),
        word="carried over" if is_carried else str(row.state).replace("_", " "),
        took=duration(spent),
        remark=_remark(task, row, attempts),
        facts=tuple(facts),
        attempts=tuple(_attempt_line(one, run, now) for one in attempts),
        summary=summary,
        products=products,
    )


def _prepared(name: str, prepare: PrepareSpec) -> str:
    """What a task finds that is no part of the revision: `venv   3f6879c1…   of requirements.txt (declared)`."""
    if not prepare.inputs:
        return f"{name}   {prepare.key}"
    kind = "declared" if prepare.inputs_declared else "inferred"
    return f"{name}   {prepare.key}   of {_paths(prepare.inputs)} ({kind})"


def _product_line(record: ProductRecord, now: Verified | None) -> tuple[str, ...]:
    product, said = record.product, ""
    if now is not None:
        said = str(now.condition)
        if now.condition is Condition.CHANGED:
            said += f" by {now.changed_by}" if now.changed_by else " by somebody else"
    return product.path, size_text(product.size), f"sha256 {product.sha256[:SHOWN_DIGITS]}", said


def _remark(task: TaskSpec, row: TaskRecord, attempts: list[AttemptRecord]) -> str:
    if row.state is TaskState.FAILED and attempts:
        number = (
            f", attempt {attempts[-1].attempt} of {task.retry.attempts}" if task.retry.attempts > 1 else ""
        )
        return ending(attempts[-1]) + number
    if row.state is TaskState.SUCCEEDED and attempts and attempts[-1].attempt > 1:
        return f"at attempt {attempts[-1].attempt}"
    return reason_text(row.reason)


def _attempt_line(attempt: AttemptRecord, run: RunRecord, now: datetime) -> tuple[str, ...]:
    spent = took(attempt.started_at, attempt.ended_at, now)
    place = f"{attempt.host}, process {attempt.pid}" if attempt.pid else attempt.host
    used = [f"CPU {duration(attempt.cpu_time)}"] if attempt.cpu_time is not None else []
    used += [f"memory {size_text(attempt.peak_memory)}"] if attempt.peak_memory else []
    used += [f"log {size_text(attempt.log_bytes)}"] if attempt.log_bytes else []
    line = (
        f"#{attempt.attempt}",
        ending(attempt),
        duration(spent),
        local_time(attempt.started_at, run.timezone),
    )
    detail = attempt.detail if attempt.detail and attempt.detail != ending(attempt) else ""
    return (*line, place, ", ".join([*used, *([detail] if detail else [])]))


def size_text(size: int) -> str:
    """A size as people read it: `512 B`, `1.4 MB`."""
    number = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def backfill_headline(backfill: BackfillRecord) -> tuple[str, str]:
    """The word of its state, and what it is."""
    span = f"{backfill.from_text} to {backfill.to_text}"
    return str(backfill.state), f"backfill {backfill.id}   {backfill.workflow}   {span}"


def backfill_facts(store: StoreReader, backfill: BackfillRecord, now: datetime) -> Facts:
    """What is known of a backfill."""
    zone = backfill.timezone
    percent = f" ({100 * backfill.done // backfill.total} %)" if backfill.total else ""
    failed = f", {backfill.failed:,} failed" if backfill.failed else ""
    place = (
        f"deployment {backfill.deployment} of {backfill.environment}" if backfill.deployment else "--revision"
    )
    facts: Facts = [
        ("progress", f"{backfill.done:,} of {backfill.total:,}{percent}{failed}"),
        ("asked for by", f"{actor_text(backfill.actor)}, {moment(backfill.created_at, zone, now)}"),
    ]
    facts += [("command", backfill.actor.command)] if backfill.actor.command else []
    revisions = store.list_tick_revisions(backfill.id)
    facts += [("revision", _of_tick(one)) for one in revisions[:SHOWN_REVISIONS]]
    if len(revisions) > SHOWN_REVISIONS:
        facts.append(("", f"and {plural(len(revisions) - SHOWN_REVISIONS, 'more revision')}"))
    facts += [] if revisions else [("revision", f"{backfill.revision}   {place}")]
    facts.append(("ticks", _CHOICES[backfill.choice]))
    facts += [("parameter", f"{name} = {_json(value)}") for name, value in sorted(backfill.params.items())]
    if backfill.selection:
        facts.append(("tasks", _json(backfill.selection)))
    facts += [("runs on", ", ".join(backfill.runs_on))] if backfill.runs_on else []
    facts.append(("at once", str(backfill.parallel or "as many as its process has slots")))
    if backfill.canary is not None:
        facts.append(("canary", f"the first {plural(backfill.canary, 'run')} before the others"))
    if backfill.waits_for is not None:
        facts.append(("waits for", _waits_for(store, backfill.waits_for)))
    facts.append(("pauses after", plural(backfill.max_failures, "failure")))
    facts += [("why", backfill.reason)] if backfill.reason else []
    if backfill.ended_at is not None:
        facts.append(("ended", moment(backfill.ended_at, zone, now)))
    if backfill.state is BackfillState.PAUSED:
        facts.append(("go on", f"cronicle resume {backfill.id}"))
    elif backfill.state is BackfillState.RUNNING:
        facts += _driven_by(store, backfill)
    facts.append(("its runs", f"cronicle runs --backfill {backfill.id}"))
    return facts


_CHOICES = {
    "changed": "those whose result is of another revision, or missing",
    "missing": "those without a result",
    "failed": "those without a result that have a failed run",
    "stale": "those with a stale result, of which the stale tasks are made anew",
    "all": "all",
}


def _of_tick(one: TickRevision) -> str:
    """What ticks run where each runs what was deployed then."""
    return f"{one.revision}   deployment {one.deployment}, {plural(one.ticks, 'tick')}"


def _waits_for(store: StoreReader, name: str) -> str:
    above = store.find_backfill(name)
    return name if above is None else f"backfill {name} of {above.workflow}, {above.state}"


def _paths(inputs: Mapping[str, str]) -> str:
    names: Iterable[str] = sorted(inputs)
    shown = list(names)[:SHOWN_INPUTS]
    more = len(inputs) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
