"""The last thing on the screen: how a run ended, and of one that failed what one needs next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from cronicle.cli.output import duration, paint, plural, tell, visible, visible_line
from cronicle.errors import ExitCode
from cronicle.execute.places import hook_log_path, log_path
from cronicle.logs import tail
from cronicle.names import task_label
from cronicle.runs.hooks import HookRuns
from cronicle.runs.spec import HookSpec
from cronicle.runs.states import Outcome, RunState, TaskState
from cronicle.store.reading import StoreReader
from cronicle.store.records import AttemptRecord, RunRecord, TaskRecord
from cronicle.views.runbooks import how_to_read, runbook_of
from cronicle.views.words import ending, name_of, reason_text

LOG_LINES = 12
MOST_FAILURES = 5
LONGEST_COMMAND = 100
LONGEST_LINE = 500


def exit_code_of(run: RunRecord) -> ExitCode:
    """0 for a run that succeeded, else 1."""
    return ExitCode.GOOD if run.state is RunState.SUCCEEDED else ExitCode.FAILED


def tell_end(store: StoreReader, files: Path, run: RunRecord, hooks: Sequence[HookSpec]) -> None:
    """Say how a run ended, and which of its hooks, those of its spec, could not be told."""
    _tell_run(store, files, run)
    if hooks:
        _tell_hooks(store, files, run, hooks)


def _tell_run(store: StoreReader, files: Path, run: RunRecord) -> None:
    took = ""
    if run.started_at and run.ended_at:
        took = f" after {duration((run.ended_at - run.started_at).total_seconds())}"
    if run.state is RunState.SUCCEEDED:
        tell(f"{paint('✓', 'green')} {name_of(run)} succeeded{took}   run {run.id}")
        return
    failed = [row for row in store.list_tasks(run.id) if row.state is TaskState.FAILED]
    instances = {row.task for row in failed if row.key is not None}
    failed = [row for row in failed if row.key is not None or row.task not in instances]
    names = ", ".join(visible_line(task_label(row.task, row.key)) for row in failed[:MOST_FAILURES])
    why = visible_line(reason_text(run.reason))
    what = ": ".join(filter(None, [why, names]))
    tell(f"{paint('✗', 'red')} {name_of(run)} {run.state}{took}" + (f": {what}" if what else ""))
    attempts = store.list_attempts(run.id)
    for row in failed[:MOST_FAILURES]:
        _tell_failure(
            files, run, row, [one for one in attempts if (one.task, one.key) == (row.task, row.key)]
        )
    if len(failed) > MOST_FAILURES:
        tell(f"  and {plural(len(failed) - MOST_FAILURES, 'more failed task')}: cronicle show {run.id}")
    if failed or run.state is RunState.FAILED:
        tell("")
        tell(f"  why, step by step   cronicle explain {run.id}")
        if runbook_of(store, run) is not None:
            tell(f"  what to do          {how_to_read(run)}")
        tell(f"  again               cronicle retry {run.id}")


def _tell_hooks(store: StoreReader, files: Path, run: RunRecord, hooks: Sequence[HookSpec]) -> None:
    for hook in HookRuns.told_by(store.get_events(run.id)).owed():
        end = hook.end
        if end is None or end.outcome is Outcome.SUCCEEDED:
            continue
        event = hooks[hook.hook].event
        tell("")
        tell(
            f"{paint('!', 'yellow')} hook {event} {end.outcome.replace('_', ' ')}: {visible(end.detail or '')}"
        )
        if end.reason != "start_error":
            log = hook_log_path(files, run.id, event, hook.hook, end.attempt, hook.telling)
            for line in tail(log, LOG_LINES):
                tell(f"    {visible(line)}")


def _tell_failure(files: Path, run: RunRecord, row: TaskRecord, attempts: list[AttemptRecord]) -> None:
    tell("")
    name = visible_line(task_label(row.task, row.key))
    address = visible_line(shlex.quote(f"{run.id}/{task_label(row.task, row.key)}"))
    if not attempts:
        why = str(row.reason).replace("_", " ")
        if row.carried_from:
            why = f"failed in run {row.carried_from} ({why}), and was not executed again"
        tell(f"  {name}: {why}")
        return
    last = attempts[-1]
    command = " ".join(shlex.quote(word) for word in last.argv).replace("\n", "⏎")
    if len(command) > LONGEST_COMMAND:
        command = command[:LONGEST_COMMAND] + "…"
    has_ended_itself = last.reason in (None, "exit_code", "signal")
    how = ending(last) if has_ended_itself else str(last.reason).replace("_", " ")
    tell(f"  {how}, attempt {last.attempt} of {name}      {visible_line(command)}".rstrip())
    if last.detail and not has_ended_itself:
        tell(f"    {visible(last.detail)}")
    for line in tail(log_path(files, run.id, row.task, row.key, last.attempt), LOG_LINES):
        if line != f"[cronicle: {last.detail}]":  # which has been said
            tell(f"    {visible(line[:LONGEST_LINE])}" + ("…" if len(line) > LONGEST_LINE else ""))
    if last.argv:
        tell(f"  the whole log       cronicle logs {address}")
        tell(f"  a shell there       cronicle shell {address}")
