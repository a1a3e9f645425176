"""Retrying runs one after the other, saying first which revision each takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from cronicle.cli.approval import approve
from cronicle.cli.driving import details_of, drive_to_end
from cronicle.cli.output import paint, plural, print_json, tell
from cronicle.cli.session import Session
from cronicle.engine.owner import Owner
from cronicle.errors import CronicleError, ExitCode, UsageError
from cronicle.names import task_label, typed
from cronicle.operations.addresses import addresses_from
from cronicle.operations.candidate import find_candidate, find_deployed
from cronicle.operations.deployed import Target
from cronicle.operations.labels import check_labels
from cronicle.operations.retry import RetryPlan, make_retry, plan_a_retry
from cronicle.runs.rerun import Rerun
from cronicle.runs.states import TaskState
from cronicle.store.records import RunRecord
from cronicle.views.words import name_of

if TYPE_CHECKING:
    from cronicle.store.interface import Store


ELSEWHERE = "Else retry it on a machine that can."
"""Where a retry is possible that this machine cannot execute."""


def retry_each(
    session: Session,
    store: Store,
    addresses: Sequence[str],
    *,
    revision: str | None,
    from_task: str | None,
    var: Sequence[str],
    auto_approve: bool,
    slots: int | None,
    json: bool,
) -> int:
    """Retry each run; one of several that cannot be retried is reported. The exit code is that of the worst."""
    if var and revision is None:
        raise UsageError(
            "--var needs --revision: a retry of the run's own revision takes the run's own values"
        )
    worst = ExitCode.GOOD
    is_list = len(addresses) > 1 or "-" in addresses
    documents = []
    for address in addresses_from(addresses):
        try:
            plan = _plan(session, store, address, revision, from_task, var)
            check_labels(f"the retry of run {plan.run.id}", plan.runs_on, session.labels, [ELSEWHERE])
            _tell(plan, revision)
            if plan.to_confirm and not auto_approve and not _agrees(plan):
                worst = ExitCode.FAILED
                continue
        except CronicleError as error:
            if not is_list:
                raise
            tell(f"error: {address}: {error.message}")
            worst = ExitCode.FAILED
            continue

        def make(owner: Owner, plan: RetryPlan = plan) -> RunRecord:
            return make_retry(
                store,
                session.files,
                plan,
                run_id=owner.new_id(),
                actor=session.actor(),
                owner=owner.id,
                now=session.clock.now(),
            )

        code, ended = drive_to_end(session, store, make, slots=slots)
        if json and ended is not None:
            documents.append(details_of(session, store, ended))
        worst = max(worst, code)
        if worst is ExitCode.INTERRUPTED:
            break
    if json and (documents or is_list):
        print_json(documents if is_list else documents[0])
    return worst


def _plan(
    session: Session,
    store: Store,
    address: str,
    revision: str | None,
    from_task: str | None,
    var: Sequence[str],
) -> RetryPlan:
    run = session.addresses(store).run_or_backfill(address)
    if not isinstance(run, RunRecord):
        from cronicle.cli.backfilling import options_again

        again = options_again(store, run)
        raise CronicleError(
            f"{run.id} is a backfill, and only runs can be retried",
            f"Its failed ticks again: cronicle backfill {typed(run.workflow)} {again}",
        )
    project = store.find_project(run.project)
    if project is None:
        raise CronicleError(
            f"the store has no project {run.project}, to which run {run.id} belongs",
            "It is damaged: put a backup of the store in its place.",
        )
    target = Target(project, run.environment)
    sources = session.sources(store)
    other = None
    if revision is not None:
        there = attrs.evolve(sources, environment=run.environment, project=run.project)
        other = find_candidate(there, run.workflow, revision=revision, dirty=False, var=var)
    return plan_a_retry(
        store,
        session.files,
        run,
        deployed=find_deployed(sources, target, run.workflow),
        other=other,
        from_task=from_task,
    )


def _agrees(plan: RetryPlan) -> bool:
    """Ask whether to execute again what does not want to be without somebody's consent."""
    names = ", ".join(plan.to_confirm)
    say_so = "says" if len(plan.to_confirm) == 1 else "say"
    if plan.spec.rerun != Rerun.ALLOW:
        who = f'workflow {plan.run.workflow} says rerun = "confirm"'
    else:
        who = f'{names} {say_so} rerun = "confirm"'
    tell(f"{paint('note:', 'yellow')} {who}")
    return approve(
        f"Execute {names} again?",
        undone="nothing was executed",
        remedy=f"To execute {names} again without being asked, give the same command with --auto-approve.",
    )


def _tell(plan: RetryPlan, revision: str | None) -> None:
    run = plan.run
    own = "its own" if revision is None else revision
    kept = {result.task for result in plan.selection.kept}
    carried = {result.task for result in plan.selection.carried} - {*plan.selection.executed, *kept}
    over = f", {plural(len(carried), 'task')} carried over" if carried else ""
    tell(
        f"retry of {name_of(run)} (run {run.id}) at {plan.revision[:7]} ({own}):"
        f" executes {', '.join(plan.selection.executed)}{over}"
    )
    for result in plan.selection.kept:
        label, where = task_label(result.task, result.key), result.carried_from or result.run_id
        if result.state is TaskState.SUCCEEDED:
            what = f"succeeded in run {where}, and is carried over as done"
        else:
            what = f"failed in run {where} after it had begun, and stays failed"
        tell(f'{paint("note:", "yellow")} {label} says rerun = "never": it {what}')
        if result.state is not TaskState.SUCCEEDED:
            tell(f"      If it has done nothing: cronicle retry {run.id} --from {result.task}")
    if plan.changed_since:
        names = ", ".join(plan.changed_since)
        deployed = str(plan.deployed_revision)[:7]
        tell(
            f"{paint('note:', 'yellow')} {names} failed, and what is deployed now"
            f" ({deployed}) does something else there."
        )
        tell(f"      To retry with that: cronicle retry {run.id} --revision deployed")
