"""What a revision names but does not hold: submodules, and files that Git LFS keeps elsewhere.

Every task sees exactly the files of the revision's tree. A submodule is an empty folder there, and of an LFS file
only the pointer is there. That is worth a warning, and an error where a task is known to need the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from cronicle.errors import CronicleError
from cronicle.git.tree import GitTree
from cronicle.git.working import WorkingTree
from cronicle.operations.propose import Proposal

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
"""How a pointer begins (Git LFS specification, "The Pointer")."""
LARGEST_POINTER = 1024
"""Bytes; the specification's own bound."""


class AbsentContentError(CronicleError):
    """A task needs a file of which the repository holds only a pointer."""


def check_content(proposal: Proposal) -> tuple[str, ...]:
    """Warnings about what the tree of a proposal does not hold.

    Raises:
        AbsentContentError: A task needs it.
    """
    for task, path, source in sorted(_inputs(proposal)):
        if _is_pointer(proposal.held[source].tree if source else proposal.tree, path):
            of = f"source.{source}" if source else "the repository"
            raise AbsentContentError(
                f"task {task} needs {path}, of which {of} holds only a Git LFS pointer",
                "Tasks see the files as they are in git. Commit the file itself, or fetch it in the task.",
            )
    of_sources = (
        f"the submodule {path} of source.{name} is an empty folder for tasks"
        for name, held in proposal.held.items()
        for path in held.tree.submodules()
    )
    own = (f"the submodule {path} is an empty folder for tasks" for path in _submodules(proposal))
    return (*own, *of_sources)


def _inputs(proposal: Proposal) -> Iterator[tuple[str, str, str]]:
    """Each input of a task: its task, its path, and the source that it lies in, if it does."""
    for workflow, spec in proposal.specs.items():
        for task in spec.tasks:
            for path in task.inputs:
                yield f"{workflow}.{task.name}", path, task.source.name if task.source else ""


def _is_pointer(tree: GitTree | WorkingTree, path: str) -> bool:
    try:
        return tree.size(path) <= LARGEST_POINTER and tree.read(path).startswith(LFS_POINTER)
    except OSError:
        return False


def _submodules(proposal: Proposal) -> tuple[str, ...]:
    if proposal.revision is None:
        return ()
    return proposal.history.tree(proposal.revision, proposal.folder).submodules()
