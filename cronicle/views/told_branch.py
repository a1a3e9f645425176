"""What the hook `on_deploy_failed` reads on its stdin: a branch that is followed, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from cronicle.errors import CronicleError
from cronicle.execute.places import mirror_path
from cronicle.store.following import FollowedRecord, FollowProblem
from cronicle.store.records import DeploymentRecord
from cronicle.views.diagnostics import DiagnosticShape
from cronicle.views.following import FollowProblemShape, problem_shape
from cronicle.views.shapes import CommitShape, HookEventShape

if TYPE_CHECKING:
    from grammar.diagnostics import Diagnostics


@frozen(kw_only=True, slots=False)
class ToldDeployFailure:
    """What the hook `on_deploy_failed` reads."""

    hook: HookEventShape
    project: str
    environment: str
    remote: str
    branch: str
    problem: FollowProblemShape
    diagnostics: tuple[DiagnosticShape, ...]
    """Of an invalid project what is wrong in its files."""
    revision: str | None
    """The commit that the branch names; null while that is not known."""
    commit: CommitShape | None
    """Who made it, and its subject."""
    deployed_revision: str
    """What stays deployed; of a branch that was rewritten what is deployed now."""
    deployment: int


def told_of_branch(
    files: Path,
    record: FollowedRecord,
    problem: FollowProblem,
    deployment: DeploymentRecord,
    diagnostics: Diagnostics,
) -> ToldDeployFailure:
    """What a hook reads of a problem."""
    return ToldDeployFailure(
        hook=HookEventShape(event="on_deploy_failed", task=None, key=None, attempt=None),
        project=record.project,
        environment=record.environment,
        remote=record.remote,
        branch=record.branch,
        problem=problem_shape(problem),
        diagnostics=tuple(map(DiagnosticShape.of, diagnostics)),
        revision=problem.revision,
        commit=_commit(files, record.project, problem.revision),
        deployed_revision=deployment.revision,
        deployment=deployment.number,
    )


def _commit(files: Path, project: str, revision: str | None) -> CommitShape | None:
    from cronicle.git.mirror import Mirror

    if revision is None:
        return None
    try:
        info = Mirror.open_or_create(mirror_path(files, project)).commit_info(revision)
    except CronicleError:  # the mirror is damaged; the hook is told the rest
        return None
    return CommitShape(
        author_name=info.author_name,
        author_email=info.author_email,
        committed_at=info.committed_at,
        subject=info.subject,
    )
