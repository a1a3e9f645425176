"""What a revision names but does not hold: submodules, and files that Git LFS keeps elsewhere.

Every task sees exactly the files of the revision's tree. A submodule is an empty folder there, and of an LFS file
only the pointer is there. That is worth a warning, and an error where a task is known to need the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cronicle.config.inputs import words_of
from cronicle.config.paths import normalise
from cronicle.config.project import Task
from cronicle.errors import CronicleError
from cronicle.git.tree import GitTree
from cronicle.git.working import WorkingTree
from cronicle.operations.propose import Proposal
from cronicle.runs.spec import TaskSpec

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
"""How a pointer begins (Git LFS specification, "The Pointer")."""
LARGEST_POINTER = 1024
"""Bytes; the specification's own bound."""

_ATTRIBUTES: Final = ".gitattributes"
_LFS: Final = b"filter=lfs"
LARGEST_ATTRIBUTES: Final = 1 << 20
"""Bytes of a file of attributes that is looked at."""


class AbsentContentError(CronicleError):
    """A task needs a file of which the repository holds only a pointer, or that is in another repository."""


def check_content(proposal: Proposal) -> tuple[str, ...]:
    """Warnings about what the tree of a proposal does not hold.

    Raises:
        AbsentContentError: A task needs it.
    """
    for (path, source), task in sorted(_inputs(proposal).items()):
        if _is_pointer(_tree(proposal, source), path):
            raise AbsentContentError(
                f"task {task} needs {path}, of which {_named(source)} holds only a Git LFS pointer",
                "Tasks see the files as they are in git. Commit the file itself, or fetch it in the task.",
            )
    submodules = {"": _submodules(proposal)}
    submodules |= {name: held.tree.submodules() for name, held in proposal.held.items()}
    if any(submodules.values()):
        _check_submodules(proposal, submodules)
    of_sources = (
        f"the submodule {path} of source.{name} is an empty folder for tasks"
        for name in proposal.held
        for path in submodules[name]
    )
    own = (f"the submodule {path} is an empty folder for tasks" for path in submodules[""])
    return (*own, *of_sources, *_lfs_warnings(proposal))


def _tree(proposal: Proposal, source: str) -> GitTree | WorkingTree:
    return proposal.held[source].tree if source else proposal.tree


def _named(source: str) -> str:
    return f"source.{source}" if source else "the repository"


def _inputs(proposal: Proposal) -> dict[tuple[str, str], str]:
    """Each input, by its path and the source that it lies in, if it does: a task that needs it, the first by name."""
    found: dict[tuple[str, str], str] = {}
    for workflow, spec in proposal.specs.items():
        for task in spec.tasks:
            name, source = f"{workflow}.{task.name}", task.source.name if task.source else ""
            for path in task.inputs:
                key = path, source
                found[key] = min(found.get(key, name), name)
    return found


def _is_pointer(tree: GitTree | WorkingTree, path: str) -> bool:
    try:
        return tree.size(path) <= LARGEST_POINTER and tree.read(path).startswith(LFS_POINTER)
    except OSError:
        return False


def _submodules(proposal: Proposal) -> tuple[str, ...]:
    return proposal.tree.submodules() if isinstance(proposal.tree, GitTree) else ()


def _check_submodules(proposal: Proposal, submodules: dict[str, tuple[str, ...]]) -> None:
    """See to it that no task names something in a submodule.

    Raises:
        AbsentContentError: One does.
    """
    for workflow, spec in proposal.specs.items():
        declared = proposal.project.workflows[workflow].tasks
        for task in spec.tasks:
            source = task.source.name if task.source else ""
            for path in _paths(task, declared.get(task.name)):
                inside = next((one for one in submodules[source] if f"{path}/".startswith(f"{one}/")), None)
                if inside is not None:
                    raise AbsentContentError(
                        f"task {workflow}.{task.name} needs {path}, which lies in the submodule {inside} of "
                        f"{_named(source)}: for tasks that is an empty folder",
                        "Have that repository as a source: source "
                        '"NAME" { git = "…" }, with source = source.NAME in the task; or fetch it in the task.',
                    )


def _paths(task: TaskSpec, declared: Task | None) -> Iterator[str]:
    """The paths that a task names: in what it executes, as its inputs, and where it works."""
    command, script = task.command or {}, task.script or {}
    words = [one for one in command.get("known") or () if isinstance(one, str)]
    if isinstance(text := script.get("known"), str):
        words += words_of(text)
    seen_from = task.workdir or ""
    yield from filter(None, (normalise(word, seen_from) for word in words))
    if seen_from:
        yield seen_from
    for glob in (declared.inputs if declared is not None else None) or ():
        literal = glob.split("*", 1)[0].split("?", 1)[0].split("[", 1)[0]
        if path := normalise(literal):
            yield path


def _lfs_warnings(proposal: Proposal) -> Iterator[str]:
    """That files are left to Git LFS, so that tasks find pointers in their place."""
    if proposal.revision is None:
        return
    for source in ("", *proposal.held):
        tree = _tree(proposal, source)
        for path in tree.paths():
            if path.rpartition("/")[2] != _ATTRIBUTES:
                continue
            try:
                is_left = tree.size(path) <= LARGEST_ATTRIBUTES and _LFS in tree.read(path)
            except OSError:
                continue
            if is_left:
                yield (
                    f"{path} of {_named(source)} leaves files to Git LFS: tasks find pointers in their place"
                )
