"""Doing a run again, and saying what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cronicle.cli.driving import drive_to_end, make_data
from cronicle.cli.experimenting import agrees_to_repeat
from cronicle.cli.output import paint, print_json, say, tell, visible_line
from cronicle.cli.session import Session
from cronicle.engine.owner import Owner
from cronicle.errors import ExitCode
from cronicle.execute.places import data_path
from cronicle.names import task_label
from cronicle.operations.addresses import TaskPlace
from cronicle.operations.compare_runs import ComparedPlaces, Comparison, compare_places
from cronicle.operations.experiments import Isolation, make_experiment, own_data
from cronicle.operations.labels import check_labels
from cronicle.operations.reproduce import Reproduction, plan_reproduction
from cronicle.plan.outcomes import Likeness
from cronicle.plan.text_differences import LogDifference
from cronicle.runs.labels import labels_needed
from cronicle.store.experiments import Data
from cronicle.store.records import RunRecord
from cronicle.views.differences import outcome_lines
from cronicle.views.experiments import ReproductionShape, show_commands
from cronicle.views.shapes import run_shape, to_builtins
from cronicle.views.words import name_of

if TYPE_CHECKING:
    from cronicle.store.interface import Store

MOST_LINES = 30
"""Differences that are told one by one."""


def reproduce_run(
    session: Session,
    store: Store,
    run: RunRecord,
    isolation: Isolation,
    *,
    logs: bool,
    auto_approve: bool,
    slots: int | None,
    json: bool,
) -> int:
    """Do a run again, compare both, and tell."""
    plan = plan_reproduction(store, session.files, run, isolation, session.where.repository)
    executed = plan.selection.executed if plan.selection else None
    check_labels(
        f"run {run.id}",
        labels_needed(plan.spec, executed),
        session.labels,
        ["Else reproduce it on a machine that can."],
    )
    if not agrees_to_repeat(run.workflow, plan.to_confirm, auto_approve=auto_approve):
        return ExitCode.FAILED
    _tell_plan(plan)

    async def make(owner: Owner) -> RunRecord:
        new = plan.new(
            store, run_id=owner.new_id(), actor=session.actor(), owner=owner.id, now=session.clock.now()
        )
        await make_data(own_data(store, session.files, new.run, new.selection))
        return make_experiment(store, new)

    code, made = drive_to_end(session, store, make, slots=slots)
    if made is None or code is ExitCode.INTERRUPTED:
        return ExitCode.INTERRUPTED
    places = ComparedPlaces(old=TaskPlace(run), new=TaskPlace(made))
    compared = compare_places(store, session.files, places)
    told = _logs(session, store, compared) if logs else None
    is_same = compared.difference.outcome is not Likeness.DIFFERENT and not _differing(told)
    if json:
        print_json(to_builtins(_shape(plan, made, compared, told)))
    else:
        _say(session, plan, made, compared, told)
    return ExitCode.GOOD if is_same else ExitCode.FAILED


def _tell_plan(plan: Reproduction) -> None:
    run = plan.original
    tell(f"reproduces {name_of(run)} (run {run.id}) at {run.revision[:7]}")
    for name in plan.kept:
        tell(
            f"{paint('note:', 'yellow')} {name} is carried over again, not executed: "
            "the run had it from one that did something else"
        )
    for name in plan.left_out:
        tell(f'{paint("note:", "yellow")} {name} says rerun = "never": it is not executed')


def _logs(session: Session, store: Store, compared: Comparison) -> tuple[LogDifference, ...]:
    from cronicle.operations.compare_logs import log_differences
    from cronicle.operations.compare_runs import masks_of

    masks = masks_of(compared.old.spec, compared.new.spec)
    return tuple(log_differences(store, session.files, compared, masks))


def _differing(logs: tuple[LogDifference, ...] | None) -> list[LogDifference]:
    """Without those that are not kept any more."""
    return [log for log in logs or () if log.problem != "gone"]


def _shape(
    plan: Reproduction, made: RunRecord, compared: Comparison, logs: tuple[LogDifference, ...] | None
) -> ReproductionShape:
    difference = compared.difference
    return ReproductionShape(
        original=run_shape(plan.original),
        run=run_shape(made),
        outcome=str(difference.outcome),
        data=str(plan.isolation.data),
        carried_over=plan.kept,
        left_out=plan.left_out,
        tasks=difference.tasks,
        unknown=difference.unknown,
        logs=logs,
    )


def _say(
    session: Session,
    plan: Reproduction,
    made: RunRecord,
    compared: Comparison,
    logs: tuple[LogDifference, ...] | None,
) -> None:
    difference = compared.difference
    again = f"run {made.id}"
    if difference.outcome is Likeness.DIFFERENT:
        say(paint(f"{again} has come to something else than run {plan.original.id}:", "bold"))
    elif difference.outcome is Likeness.UNKNOWN:
        say(paint(f"As far as it is kept, {again} has come to the same as run {plan.original.id}.", "bold"))
    else:
        say(paint(f"{again} has come to the same as run {plan.original.id}.", "bold"))
    lines = list(outcome_lines(difference))
    for line in lines[:MOST_LINES]:
        say(f"  {visible_line(line)}")
    if len(lines) > MOST_LINES:
        say(f"  … {len(lines) - MOST_LINES} more")
    for log in _differing(logs):
        say(f"  the log of {visible_line(task_label(log.task, log.key))} differs")
    if difference.outcome is not Likeness.SAME or _differing(logs):
        say()
        with_logs = " --logs" if _differing(logs) else ""
        say(f"  side by side   {show_commands(plan.original, made)}{with_logs}")
    if difference.outcome is Likeness.DIFFERENT and plan.isolation.data is Data.EMPTY:
        lasting = data_path(session.files, plan.original.project, plan.original.environment)
        if lasting.is_dir() and any(lasting.iterdir()):
            say(
                "  it had an empty data folder; with a copy of that of today: "
                f"cronicle reproduce {plan.original.id} --data copy"
            )
