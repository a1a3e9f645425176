"""What the sources of a project are pinned to: found out for a plan, kept by a deployment, had again for a run.

Rules:

1. A plan asks the repositories what their refs name now; `apply` pins what its plan saw, and nothing else.
2. A run that is not of the deployment (`--revision`, `--dirty`) takes the deployment's pin of a source that is
   declared in the same way, so that it can be compared; others are asked.
3. One that cannot be reached stays what the deployment pinned it to, which is said; without that it is an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from attrs import frozen

from cronicle.config.locations import PATH, Location, location_of
from cronicle.config.project import Pinned, Source
from cronicle.errors import CronicleError
from cronicle.execute.places import source_mirror_path
from cronicle.git.errors import NotARepository
from cronicle.git.source_mirror import Origin, SourceMirror
from cronicle.git.transport import UnreachableError
from cronicle.git.tree import GitTree
from cronicle.operations.sources import Sources
from cronicle.plan.changes import Action, Plan, SourceChange
from cronicle.runs.spec import SourceSpec
from cronicle.store.records import SourcePin


@frozen(kw_only=True)
class HeldSource:
    """A source whose commit is at hand."""

    pin: SourcePin
    mirror: SourceMirror
    """Where the commit is."""
    tree: GitTree
    """The files of its `subdir`."""
    problem: str | None = None
    """Why the repository could not be asked, so that this is what it was pinned to before."""

    @property
    def pinned(self) -> Pinned:
        """As the files of a project are read with it."""
        return Pinned(git=self.pin.git, revision=self.pin.revision, tree=self.tree)


def hold_sources(
    sources: Sources, declared: Mapping[str, Source], pins: Iterable[SourcePin], *, is_asked: bool
) -> dict[str, HeldSource]:
    """See to it that a commit of each source is at hand.

    Args:
        sources: Where the project is, and the files folder; without a store nothing is left behind.
        declared: The sources.
        pins: What the deployment in force has pinned.
        is_asked: True to ask what their refs name now; False to take what is pinned, where that is the same source.

    Raises:
        CronicleError: One of them cannot be had.
    """
    before = {pin.name: pin for pin in pins}
    return {
        name: _held(sources, source, before.get(name), is_asked=is_asked) for name, source in declared.items()
    }


def keep_sources(sources: Sources, held: Mapping[str, HeldSource]) -> None:
    """Pin what a proposal saw in the mirrors of the store's files folder, which may lack it where there was no store.

    Raises:
        GitError: A mirror cannot be written.
    """
    for one in held.values():
        mirror = SourceMirror.open_or_create(source_mirror_path(sources.files, one.pin.git))
        mirror.pin(one.mirror, one.pin.revision)


def restore_source(files: Path, source: SourceSpec, revision: str, environ: Mapping[str, str]) -> None:
    """See to it that a commit which a run needs is in the mirror of its source: that may have been lost.

    Raises:
        CronicleError: The repository cannot be reached, or has it no more.
    """
    mirror = SourceMirror.open_or_create(source_mirror_path(files, source.git))
    mirror.restore(origin_of(source.git, source.key_file, environ), revision)


def source_changes(
    held: Mapping[str, HeldSource], pins: Iterable[SourcePin], plan: Plan
) -> Iterator[SourceChange]:
    """What a plan changes in the sources; those first that it proposes."""
    before = {pin.name: pin for pin in pins}
    for name, one in held.items():
        old = before.pop(name, None)
        same = old == one.pin
        distance = one.mirror.distance(old.revision, one.pin.revision) if old and not same else None
        yield SourceChange(
            name=name,
            action=Action.CREATE if old is None else Action.NO_OP if same else Action.UPDATE,
            git=one.pin.git,
            ref=one.pin.ref,
            old_revision=old.revision if old else None,
            new_revision=one.pin.revision,
            subject=one.mirror.commit_info(one.pin.revision).subject,
            added=distance.added if distance else None,
            removed=distance.removed if distance else None,
            problem=one.problem,
            tasks=tuple(changed_by(name, plan)),
        )
    for old in before.values():
        yield SourceChange(
            name=old.name, action=Action.DELETE, git=old.git, ref=old.ref, old_revision=old.revision
        )


def changed_by(source: str, plan: Plan) -> Iterator[str]:
    """The tasks that use a source and do something else than before, as `workflow.task`."""
    for workflow in plan.changes:
        for task in workflow.tasks:
            if task.source == source and task.action is Action.UPDATE and task.does_differ:
                yield f"{workflow.name}.{task.name}"


def origin_of(
    git: str, key_file: str | None, environ: Mapping[str, str], folder: Path | None = None
) -> Origin:
    """Where a source comes from.

    Args:
        git: An address, or a path.
        key_file: As it is written.
        environ: Says what `~` is.
        folder: What a path is seen from that is not absolute: that of the project.
    """
    location = location_of(git) if not os.path.isabs(git) else Location(PATH, git)
    if location.kind == PATH:
        path = os.path.join(folder or "", at_home(location.text, environ))
        location = Location(PATH, os.path.normpath(path))
    return Origin(location, None if key_file is None else Path(at_home(key_file, environ)))


def at_home(path: str, environ: Mapping[str, str]) -> str:
    """A path with what `~` stands for.

    Raises:
        CronicleError: That is not known.
    """
    if path != "~" and not path.startswith("~/"):
        return path
    home = environ.get("HOME")
    if not home:
        raise CronicleError(f"{path}: the variable HOME is not set", "Write the path in full.")
    return home + path[1:]


def _held(sources: Sources, source: Source, before: SourcePin | None, *, is_asked: bool) -> HeldSource:
    origin = origin_of(source.git, source.key_file, sources.environ, sources.where.folder)
    git = origin.location.text
    known = before is not None and (before.git, before.ref) == (git, source.ref)
    mirror = SourceMirror.open_or_create(_mirror_path(sources, git))
    problem = None
    try:
        if before is not None and known and not is_asked:
            revision = before.revision
            mirror.restore(origin, revision)
        else:
            revision = mirror.resolve(origin, source.ref)
    except CronicleError as error:
        is_out_of_reach = isinstance(error, UnreachableError | NotARepository)
        if not (is_out_of_reach and before is not None and known and mirror.has(before.revision)):
            raise type(error)(f"source.{source.name}: {error.message}", error.remedy) from error
        revision, problem = before.revision, error.message
    return HeldSource(
        pin=SourcePin(name=source.name, git=git, ref=source.ref, revision=revision),
        mirror=mirror,
        tree=mirror.tree(revision, source.subdir),
        problem=problem,
    )


def _mirror_path(sources: Sources, git: str) -> Path:
    """The mirror of a source; where there is no store yet, one that lasts as long as this process."""
    return source_mirror_path(sources.files if sources.store is not None else _passing_folder(), git)


@cache
def _passing_folder() -> Path:
    import atexit
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="cronicle-plan-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
