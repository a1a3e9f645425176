"""What people do, as the audit log tells it: who, from where, with which command, what, to what, and why.

Rules:

1. An act is written in the transaction in which it is done, by the store itself: what was refused, or collided with
   something else, leaves no line, and nothing that was done lacks one.
2. Runs of ticks, automatic retries and what a policy removes are nobody's acts; the history of runs tells of these.
   A scheduler's own decisions that a person would have to undo (a pause after failures, a followed branch) are acts.
3. The word for an act is the command that does it. A line is never changed and never removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from attrs import frozen

from cronicle.runs.states import Cause
from cronicle.values import Value

if TYPE_CHECKING:
    from cronicle.store.records import (
        Actor,
        BackfillRecord,
        ControlRequest,
        DeploymentRecord,
        ProjectRecord,
        RunRecord,
    )
    from cronicle.store.results import AcceptanceRecord
    from cronicle.store.series import PauseRecord

WHOLE_STORE: Final = "store"
"""The subject of what is done to the store as a whole."""


@frozen(kw_only=True, eq=False, repr=False)
class Act(Value):
    """That somebody does something."""

    actor: Actor
    at: datetime
    act: str
    """The word of the command: `deploy`, `cancel`."""
    subject: str
    """Id or name of what it is done to: a run, a backfill, a workflow, an environment, `deployment 3`, `store`."""
    reason: str = ""
    """Why, in the words of whoever did it."""
    project: str = ""
    """Empty for what is of the whole store."""
    environment: str = ""
    workflow: str = ""
    """With its instance; empty for what is of no single workflow."""
    detail: str = ""
    """What the subject does not tell: a revision, a range, how much was removed."""


@frozen(kw_only=True, eq=False, repr=False)
class AuditRecord(Act):
    """A line of the audit log."""

    sequence: int


@frozen(kw_only=True, eq=False, repr=False)
class AuditFilter(Value):
    """Which lines of the audit log are meant; None leaves open."""

    project: str | None = None
    """Acts on the whole store belong to each project."""
    environment: str | None = None
    subject: str | None = None
    """A subject, or a workflow; one with `for_each` stands for its instances."""
    act: str | None = None
    user: str | None = None
    host: str | None = None
    """Only together with a user."""
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""


_ACTS_THAT_MAKE_RUNS: Final[Mapping[Cause, str]] = {
    Cause.MANUAL: "run",
    Cause.RETRY: "retry",
    Cause.BISECT: "bisect",
    Cause.REPRODUCE: "reproduce",
    Cause.TRIAL: "trial",
}
"""Why a run exists that a person has asked for. Those of a backfill follow from that."""


def act_of_deployment(made: DeploymentRecord, reason: str = "") -> Act:
    """That a deployment was made; the number is the one that it has got."""
    detail = made.revision
    if made.ended:
        act, detail = "end", ""
    elif made.promoted_from is not None:
        act = "promote"
        detail += f" from {made.promoted_from.environment}, deployment {made.promoted_from.number}"
    elif made.rolled_back_to is not None:
        act = "rollback"
        detail += f", as deployment {made.rolled_back_to}"
    else:
        act = "deploy"
    if made.expires_at is not None:
        detail += f", until {_instant(made.expires_at)}"
    return Act(
        actor=made.actor,
        at=made.created_at,
        act=act,
        subject=f"deployment {made.number}",
        reason=reason,
        project=made.project,
        environment=made.environment,
        detail=detail,
    )


def act_of_binding(project: ProjectRecord, former: ProjectRecord | None, actor: Actor) -> Act | None:
    """That a project's name is bound to a repository, or is found in another place; None if it is as it was."""
    if former is None:
        detail = f"{project.path}, first commit {project.root_commit}"
    elif former.path != project.path:
        detail = f"{project.path}, formerly {former.path}"
    else:
        return None
    return Act(
        actor=actor,
        at=project.created_at,
        act="bind",
        subject=project.name,
        project=project.name,
        detail=detail,
    )


def act_of_run(run: RunRecord) -> Act | None:
    """That somebody has asked for a run; None if nobody has, or it is of a backfill."""
    act = _ACTS_THAT_MAKE_RUNS.get(run.cause)
    if act is None or run.backfill is not None:
        return None
    of = f" of {run.retry_of}" if run.retry_of else ""
    return Act(
        actor=run.actor,
        at=run.created_at,
        act=act,
        subject=run.id,
        project=run.project,
        environment=run.environment,
        workflow=run.workflow,
        detail=f"{run.nominal}{of}, at {run.revision}",
    )


def act_of_mark(run: RunRecord, reason: str) -> Act:
    """That somebody has set the outcome of a logical time."""
    return Act(
        actor=run.actor,
        at=run.created_at,
        act="mark",
        subject=run.id,
        reason=reason,
        project=run.project,
        environment=run.environment,
        workflow=run.workflow,
        detail=f"{run.nominal} {run.state}",
    )


def act_of_backfill(backfill: BackfillRecord) -> Act:
    """That somebody has asked for a range of logical times."""
    return Act(
        actor=backfill.actor,
        at=backfill.created_at,
        act="backfill",
        subject=backfill.id,
        project=backfill.project,
        environment=backfill.environment,
        workflow=backfill.workflow,
        detail=f"{backfill.from_text} to {backfill.to_text}, {backfill.total} runs, at {backfill.revision}",
    )


def act_of_pause(pause: PauseRecord) -> Act:
    """That the schedules of a workflow or an environment were paused."""
    return Act(
        actor=pause.actor,
        at=pause.paused_at,
        act="pause",
        subject=pause.workflow or pause.environment,
        reason=pause.reason,
        project=pause.project,
        environment=pause.environment,
        workflow=pause.workflow or "",
        detail="" if pause.until is None else f"until {_instant(pause.until)}",
    )


def act_of_unpause(project: str, environment: str, workflow: str | None, actor: Actor, at: datetime) -> Act:
    """That what was paused goes on."""
    return Act(
        actor=actor,
        at=at,
        act="unpause",
        subject=workflow or environment,
        project=project,
        environment=environment,
        workflow=workflow or "",
    )


def act_of_pruning(
    project: str, environment: str, before: datetime, runs: int, actor: Actor, at: datetime
) -> Act:
    """That old runs were removed because somebody has asked for it."""
    return Act(
        actor=actor,
        at=at,
        act="prune",
        subject=environment,
        project=project,
        environment=environment,
        detail=f"{runs} runs that ended before {_instant(before)}",
    )


def act_of_upgrade(before: int, after: int, actor: Actor, at: datetime) -> Act:
    """That the schema of the store was brought up to date."""
    return Act(
        actor=actor, at=at, act="upgrade", subject=WHOLE_STORE, detail=f"from version {before} to {after}"
    )


def act_of_backup(target: str, actor: Actor, at: datetime) -> Act:
    """That the store was copied to a file."""
    return Act(actor=actor, at=at, act="backup", subject=target)


def act_of_copying(source: str, rows: int, actor: Actor, at: datetime) -> Act:
    """That the store was made as a copy of another."""
    return Act(actor=actor, at=at, act="copy", subject=WHOLE_STORE, detail=f"from {source}, {rows} rows")


def act_of_acceptance(one: AcceptanceRecord) -> Act:
    """That somebody has said that a change makes no difference."""
    return Act(
        actor=one.actor,
        at=one.accepted_at,
        act="accept",
        subject=f"{one.workflow}/{one.task}",
        reason=one.reason,
        project=one.project,
        environment=one.environment,
        workflow=one.workflow,
        detail="" if one.before is None else f"before {_instant(one.before)}",
    )


def act_of_revoking(one: AcceptanceRecord, actor: Actor, at: datetime, reason: str) -> Act:
    """That it does make one."""
    return Act(
        actor=actor,
        at=at,
        act="revoke",
        subject=f"{one.workflow}/{one.task}",
        reason=reason,
        project=one.project,
        environment=one.environment,
        workflow=one.workflow,
        detail=f"acceptance {one.id}",
    )


def act_of_request(request: ControlRequest, of: RunRecord | BackfillRecord | None) -> Act:
    """That somebody has asked the process that drives something, or such a process itself."""
    return act_on(
        of, request.verb, request.actor, request.requested_at, request.reason, subject=request.target
    )


def act_on(
    of: RunRecord | BackfillRecord | None,
    act: str,
    actor: Actor,
    at: datetime,
    reason: str = "",
    *,
    subject: str = "",
) -> Act:
    """That something is done to a run or a backfill; without one to `subject`."""
    if of is None:
        return Act(actor=actor, at=at, act=act, subject=subject, reason=reason)
    return Act(
        actor=actor,
        at=at,
        act=act,
        subject=of.id,
        reason=reason,
        project=of.project,
        environment=of.environment,
        workflow=of.workflow,
    )


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
