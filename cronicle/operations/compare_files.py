"""The files that two runs used, and their commits, compared: from the mirrors, line by line.

Of all that differs between two revisions only that is looked at which the runs used: the inputs of their tasks and
preparations, from the project and from sources, and the HCL files, but for those that declare nothing but other
workflows. What is sensitive is hidden in what is shown of a file, as far as it is known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

from cronicle.config.files import vars_file
from cronicle.config.inputs import path_text
from cronicle.errors import CronicleError
from cronicle.execute.masking import masked_text
from cronicle.execute.places import mirror_path, source_mirror_path
from cronicle.git.mirror import Mirror
from cronicle.git.text_diff import TextDiff, text_diff
from cronicle.names import split_instance
from cronicle.operations.compare_runs import Comparison
from cronicle.plan.changes import Action
from cronicle.plan.text_differences import CommitFacts, FileDifference, RevisionDifference
from cronicle.runs.spec import RunSpec
from cronicle.store.records import RunRecord
from cronicle.values import Value

if TYPE_CHECKING:
    from cronicle.git.history import History

MOST_LINES = 2_000
"""Of the patch of one file."""

FileId = tuple[str | None, str, str]
"""Source (None is the project), role and path."""


@frozen(kw_only=True, eq=False, repr=False)
class Using(Value):
    """A run, as far as files are used by it."""

    run: RunRecord
    spec: RunSpec
    tasks: frozenset[str] | None = None
    """Those whose files are compared; None: all."""


def sides_using(compared: Comparison) -> tuple[Using, Using]:
    """The two runs of a comparison as users of files."""
    places = compared.places
    sides = zip((places.old, places.new), (compared.old, compared.new), strict=True)
    old, new = (
        Using(
            run=place.run,
            spec=side.spec,
            tasks=None if places.only is None else frozenset({side.own_name(places.only[0])}),
        )
        for place, side in sides
    )
    return old, new


def revision_difference(files: Path, old: RunRecord, new: RunRecord) -> RevisionDifference:
    """How the revisions of two runs stand to each other."""
    mirrors = {run.project: _mirror(mirror_path(files, run.project)) for run in (old, new)}
    mirror = mirrors[new.project] if old.project == new.project else None
    distance = None
    if mirror is not None:
        try:
            distance = mirror.distance(old.revision, new.revision)
        except CronicleError:  # a damaged mirror: the rest is told all the same
            distance = None
    return RevisionDifference(
        old=_commit(mirrors[old.project], old.revision),
        new=_commit(mirrors[new.project], new.revision),
        added=distance.added if distance else None,
        removed=distance.removed if distance else None,
    )


def _commit(mirror: History | None, revision: str) -> CommitFacts:
    try:
        info = mirror.commit_info(revision) if mirror is not None else None
    except CronicleError:
        info = None
    return CommitFacts(
        revision=revision,
        author_name=info.author_name if info else None,
        author_email=info.author_email if info else None,
        committed_at=info.committed_at if info else None,
        subject=info.subject if info else None,
    )


def _mirror(path: Path) -> Mirror | None:
    if not path.exists():
        return None
    try:
        return Mirror.open_or_create(path)
    except CronicleError:
        return None


def used_files(
    files: Path, old: Using, new: Using, masks: Collection[bytes], *, patch: bool
) -> tuple[FileDifference, ...]:
    """The files that differ among those that two runs used, by path; definitions first.

    Args:
        files: The files folder, where the mirrors are.
        old: The first run.
        new: The second.
        masks: What must not be shown.
        patch: Whether to give the unified diff of each.
    """
    reader = _Reader(files, old, new)
    before, after = _used(old), _used(new)
    found = [*_definitions(reader, old, new)]
    for at in sorted({*before, *after}, key=lambda at: (at[2], at[1], at[0] or "")):
        ours, theirs = before.get(at), after.get(at)
        if ours is not None and theirs is not None and ours.described == theirs.described:
            continue
        found.append(_Pair(at, ours, theirs))
    return tuple(_difference(reader, pair, masks, patch=patch) for pair in found)


@frozen(kw_only=True)
class _Used:
    """A file of one side."""

    described: str
    """`mode:blob id`."""
    users: list[str] = field(factory=list)


@frozen
class _Pair:
    """A file that differs."""

    at: FileId
    old: _Used | None
    new: _Used | None


def _used(side: Using) -> dict[FileId, _Used]:
    found: dict[FileId, _Used] = {}
    prepares: dict[str, None] = {}
    for task in side.spec.tasks:
        if side.tasks is not None and task.name not in side.tasks:
            continue
        source = task.source.name if task.source else None
        for path, described in task.inputs.items():
            found.setdefault((source, "input", path), _Used(described=described)).users.append(task.name)
        prepares |= dict.fromkeys(task.prepares)
    for name in prepares:
        for path, described in side.spec.prepares[name].inputs.items():
            found.setdefault((None, "prepare", path), _Used(described=described)).users.append(name)
    return found


# Definitions


def _definitions(reader: _Reader, old: Using, new: Using) -> Iterator[_Pair]:
    """The HCL files that differ and may define something of the runs."""
    mirror = reader.project
    if mirror is None or old.run.revision == new.run.revision:
        return
    folders = (old.spec.folder, new.spec.folder)
    try:
        trees = [mirror.tree(side.run.revision, side.spec.folder) for side in (old, new)]
        if folders[0] == folders[1]:
            paths = mirror.changed_paths(old.run.revision, new.run.revision, folders[0])
        else:
            paths = tuple(sorted({path for tree in trees for path in tree.paths()}))
        values = {vars_file(side.run.environment) for side in (old, new)}
        names = {split_instance(side.run.workflow)[0] for side in (old, new)}
        for path in paths:
            if not path.endswith(".hcl") or path.endswith(".lock.hcl") or _is_hidden(path):
                continue
            if path.endswith(".vars.hcl") and path not in values:
                continue
            sides = [
                _Used(described=f"{tree.mode(path):o}:{tree.blob_id(path)}") if tree.exists(path) else None
                for tree in trees
            ]
            texts = [tree.read(path) for tree, side in zip(trees, sides, strict=True) if side is not None]
            if all(_is_of_others(path, text, names) for text in texts):
                continue
            yield _Pair((None, "definition", path_text(path)), *sides)
    except (CronicleError, OSError):  # gone, or damaged: the revisions say so
        return


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _is_of_others(path: str, content: bytes, workflows: Collection[str]) -> bool:
    """True for a file that declares nothing but workflows of other names."""
    from grammar.parse import parse
    from grammar.source import SourceFile
    from grammar.syntax import Block

    try:
        body, _ = parse(SourceFile(path, content.decode("utf-8")))
    except UnicodeDecodeError:
        return False
    return bool(body.items) and all(
        isinstance(item, Block) and item.type == "workflow" and not {*item.labels[:1]} & {*workflows}
        for item in body.items
    )


# Content


class _Reader:
    """Reads the files of both sides, each from its mirror."""

    def __init__(self, files: Path, old: Using, new: Using) -> None:
        self._files = files
        self._sides = (old, new)
        self._mirrors: dict[Path, Mirror | None] = {}

    @property
    def project(self) -> Mirror | None:
        """The mirror of the project; None if the runs are of different ones, or it is gone."""
        paths = {mirror_path(self._files, side.run.project) for side in self._sides}
        return self._at(paths.pop()) if len(paths) == 1 else None

    def read(self, side: int, source: str | None, used: _Used | None) -> bytes | None:
        """The bytes of a file; None if they are not at hand any more; nothing of one that is not used."""
        if used is None:
            return b""
        using = self._sides[side]
        path = mirror_path(self._files, using.run.project)
        if source is not None:
            path = source_mirror_path(self._files, using.spec.sources[source].git)
        mirror = self._at(path)
        try:
            return mirror.read_object(used.described.partition(":")[2]) if mirror is not None else None
        except CronicleError:
            return None

    def _at(self, path: Path) -> Mirror | None:
        if path not in self._mirrors:
            self._mirrors[path] = _mirror(path)
        return self._mirrors[path]


def _difference(reader: _Reader, pair: _Pair, masks: Collection[bytes], *, patch: bool) -> FileDifference:
    source, role, path = pair.at
    contents = [reader.read(side, source, used) for side, used in enumerate((pair.old, pair.new))]
    if contents[0] is None or contents[1] is None:
        found = TextDiff(problem="gone")
    else:
        found = text_diff(contents[0], contents[1])
    action = Action.UPDATE
    if pair.old is None or pair.new is None:
        action = Action.CREATE if pair.old is None else Action.DELETE
    difference = FileDifference(
        path=path,
        source=source,
        role=role,
        used_by=tuple((pair.new or pair.old or _Used(described="")).users),
        action=action,
        added=None if found.problem else found.added,
        removed=None if found.problem else found.removed,
        old_mode=_mode(pair.old),
        new_mode=_mode(pair.new),
        problem=found.problem,
    )
    if not patch or found.problem:
        return difference
    text, cut = patch_text(found, masks)
    return evolve(difference, patch=text, cut=cut)


def _mode(used: _Used | None) -> str | None:
    return used.described.partition(":")[0] if used is not None else None


def patch_text(found: TextDiff, masks: Collection[bytes]) -> tuple[str, int]:
    """The hunks of a unified diff, with what must not be seen hidden, and how many lines of it were left out."""
    lines: list[str] = []
    for hunk in found.hunks:
        lines.append(hunk.header)
        lines += [f"{mark}{masked_text(masks, text) if masks else text}" for mark, text in hunk.lines]
    cut = max(0, len(lines) - MOST_LINES)
    return "".join(f"{line}\n" for line in lines[:MOST_LINES]), cut
