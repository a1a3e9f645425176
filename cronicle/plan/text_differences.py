"""What differs between the revisions, the files and the logs of two runs, as values."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from cronicle.plan.changes import Action


@frozen(kw_only=True, slots=False)
class CommitFacts:
    """A commit, as people recognise it."""

    revision: str
    author_name: str | None
    """Null, as all below, if the mirror has it no more."""
    author_email: str | None
    committed_at: datetime | None
    subject: str | None


@frozen(kw_only=True, slots=False)
class RevisionDifference:
    """How two revisions stand to each other."""

    old: CommitFacts
    new: CommitFacts
    added: int | None
    """Commits in the history of the second that the first has not; null if one is not in the mirror."""
    removed: int | None
    """The same the other way round: not 0 where the second is older, on another branch, or history was rewritten."""


@frozen(kw_only=True, slots=False)
class FileDifference:
    """A file that a run used, and that the other one used otherwise, or did not use."""

    path: str
    """In the folder of the project, or of the source."""
    source: str | None
    """The source that it is from; null: the project itself."""
    role: str
    """`input` of tasks, `prepare` of preparations, or `definition`: an HCL file, or the values of an environment."""
    used_by: tuple[str, ...]
    """The tasks, or preparations; none of a definition."""
    action: Action
    added: int | None
    """Lines; null where they were not counted."""
    removed: int | None
    old_mode: str | None
    """Git's mode, in octal; null where it is no such file."""
    new_mode: str | None
    problem: str | None = None
    """Why it was not compared line by line: `binary`, `too large`, `gone`."""
    patch: str | None = None
    """With `--patch`: the unified diff, without its first two lines, that name the files."""
    cut: int = 0
    """Lines of the patch that were left out, since it is too long."""


@frozen(kw_only=True, slots=False)
class LogDifference:
    """The logs of the last attempts of a task in two runs, where they differ."""

    task: str
    key: str | None
    added: int | None
    removed: int | None
    problem: str | None = None
    """Why they were not compared line by line: `binary`, `too large`, or that one is not kept: `gone`."""
    patch: str | None = None
    """The unified diff, without its first two lines, that name the files."""
    cut: int = 0
