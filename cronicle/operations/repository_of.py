"""The user's repository of a project, where a command is given in it, or where it was last deployed from."""

from __future__ import annotations

from pathlib import Path

from cronicle.git.errors import GitError
from cronicle.git.repository import Repository, open_repository
from cronicle.operations.locate import Surroundings
from cronicle.store.records import ProjectRecord


def repository_of(where: Surroundings | None, project: ProjectRecord) -> Repository | None:
    """The clone of a project on this machine; None if there is none, or another repository lies there."""
    here = where.repository if where is not None else None
    for path in (here, Path(project.path)):
        if path is None or not path.exists():
            continue
        try:
            repository = open_repository(path)
            if repository.root_commit(repository.head()) == project.root_commit:
                return repository
        except GitError:
            continue
    return None
