"""The subjects of commits, from wherever they can be read: the mirror of the project, else the repository."""

from __future__ import annotations

from pathlib import Path

from cronicle.execute.places import mirror_path
from cronicle.operations.locate import Surroundings
from cronicle.store.records import ProjectRecord


class Subjects:
    """Looks up commits for people to recognise; says nothing where there is nothing to read."""

    def __init__(self, where: Surroundings) -> None:
        self._where = where
        self._known: dict[tuple[str, str], str | None] = {}

    def of(self, project: ProjectRecord | None, revision: str) -> str | None:
        """The first line of a commit's message; None if the commit is not to be found."""
        if project is None:
            return None
        key = (project.name, revision)
        if key not in self._known:
            self._known[key] = self._find(project, revision)
        return self._known[key]

    def _find(self, project: ProjectRecord, revision: str) -> str | None:
        from cronicle.git.errors import GitError
        from cronicle.git.mirror import Mirror
        from cronicle.git.repository import open_repository

        files = self._where.files
        mirror = None if files is None else mirror_path(files, project.name)
        try:
            if mirror is not None and mirror.exists():
                return Mirror.open_or_create(mirror).commit_info(revision).subject
        except GitError:
            pass  # damaged, or without this commit: the repository may have it
        try:
            return open_repository(self._where.repository or Path(project.path)).commit_info(revision).subject
        except GitError:
            return None
