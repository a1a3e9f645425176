"""What came of experiments, as JSON has it."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from cronicle.names import typed
from cronicle.plan.changes import WorkflowChange
from cronicle.plan.run_differences import TaskDifference
from cronicle.plan.text_differences import LogDifference
from cronicle.store.records import RunRecord
from cronicle.views.shapes import RunShape


@frozen(kw_only=True, slots=False)
class ReproductionShape:
    """A run that was done again."""

    original: RunShape
    run: RunShape
    outcome: str
    """`same`, `different`, or `unknown`: all that is left is the same, and something is not kept any more."""
    data: str
    carried_over: tuple[str, ...]
    """Tasks that were not executed, since the run had them from one with another spec."""
    left_out: tuple[str, ...]
    """Tasks that were not executed, since they say `rerun = "never"`."""
    tasks: tuple[TaskDifference, ...]
    """Every task of either run, as `diff --json` has it."""
    unknown: tuple[str, ...]
    """What could not be compared, a sentence each."""
    logs: tuple[LogDifference, ...] | None
    """With `--logs`: those that differ."""


@frozen(kw_only=True, slots=False)
class TrialRunShape:
    """A candidate for one logical time, and the run that counts."""

    logical_time: datetime
    result: RunShape
    run: RunShape
    outcome: str
    tasks: tuple[TaskDifference, ...]
    unknown: tuple[str, ...]


@frozen(kw_only=True, slots=False)
class TrialShape:
    """A candidate for the last logical times."""

    project: str
    environment: str
    workflow: str
    instance: str | None
    revision: str
    dirty: bool
    session: str | None
    data: str
    outcome: str
    """`same` if all are, else `different`, or `unknown`."""
    trials: tuple[TrialRunShape, ...]
    """The latest logical time first."""


@frozen(kw_only=True, slots=False)
class FoundCommitShape:
    """A commit that may be the first bad one."""

    revision: str
    author_name: str
    author_email: str
    committed_at: datetime
    subject: str


@frozen(kw_only=True, slots=False)
class JudgementShape:
    """A commit that was judged."""

    revision: str
    subject: str
    verdict: str
    """`good`, `bad`, or `skip` if it cannot be told."""
    run: str | None
    """The run that told; null for one that was skipped, or is known to do the same as an end."""
    executed: bool
    """True if a run was executed for it now; false if it was known without."""
    reason: str
    """Why it was not executed."""


@frozen(kw_only=True, slots=False)
class BisectShape:
    """The search for the first bad commit."""

    project: str
    environment: str
    workflow: str
    instance: str | None
    series: str | None
    logical_time: datetime
    good: str
    bad: str
    judge: str | None
    data: str
    session: str | None
    first_bad: FoundCommitShape | None
    """Null if commits that could not be judged leave it open."""
    possible: tuple[FoundCommitShape, ...]
    """The commits one of which it is, the newest first: just one if it is known."""
    failed_tasks: tuple[str, ...]
    """Those that failed in the run of the first bad commit."""
    good_run: str | None
    """A good run to compare that with."""
    bad_run: str | None
    """The run of the first bad commit, or of one that does the same."""
    change: WorkflowChange | None
    """What that commit changed of what the workflow is known to use."""
    judgements: tuple[JudgementShape, ...]
    """In the order in which they were found."""
    executions: int


def show_commands(old: RunRecord, new: RunRecord) -> str:
    """The command that tells more of what differs."""
    return f"cronicle diff {typed(old.id)} {typed(new.id)}"
