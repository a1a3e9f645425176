"""A mirror: a bare repository of our own with the commits in use, of a project or a source, and all that they need.

Rules:

1. Copied, never shared: no hard links, no alternates (CVE-2022-39253), so that the user's clone may move, be
   collected, or go away.
2. What is in use is pinned by `refs/cronicle/keep/<commit>`; a ref is written after what it stands for.
3. An object is in the mirror only if all that it refers to is, too: a pack holds all that a commit needs and
   the mirror lacks, and appears whole; loose objects are written children first. So copying stops at whatever
   is there already, and costs what is new.
4. One writer at a time, by a file lock that ends with its process; lock files of libgit2 that are found while
   holding it were left by a dead one.
5. Synced to disk before `pin` returns, as a store may speak of the commit from then on.

From a path nothing is fetched through git's transports: `url.*.insteadOf` of somebody's configuration could turn it
into a host. No remote, hook or filter takes part. What comes from a host is in `cronicle.git.source_mirror`.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final, Self

import pygit2
from pygit2.enums import FileMode, FileStatus, FilterMode, ObjectType

from cronicle.folders import make_private_folder
from cronicle.git.errors import BadRepository, GitError, ShallowClone
from cronicle.git.history import History, reason
from cronicle.git.repository import Identity, Repository, signature
from cronicle.git.tree import FOLDER, SUBMODULE, parse_tree

KEEP: Final = "refs/cronicle/keep/"
_LOCK: Final = "cronicle.lock"


class Mirror(History):
    """An opened mirror. Use it in one thread at a time; other processes may use the same folder."""

    def __init__(self, git: pygit2.Repository, where: Path) -> None:
        super().__init__(git, where)
        self._known_cut = self.shallow_cut()
        # The one switch that libgit2 has for rule 5, beside a setting that makes git warn whoever reads here.
        pygit2.settings.enable_fsync_gitdir(True)

    @classmethod
    def open_or_create(cls, path: Path) -> Self:
        """The mirror in the folder `path`, made if it is not there (mode 0700).

        Raises:
            GitError: It cannot be made.
            BadRepository: It is damaged.
        """
        try:
            make_private_folder(path)
            if not path.joinpath(KEEP).is_dir():  # whoever fetches into it may hold the lock for minutes
                with _locked(path):
                    if not path.joinpath("config").exists():
                        _create(path)
        except (pygit2.GitError, KeyError, ValueError, OSError) as error:
            raise GitError(
                f"no mirror could be made in {path}: {reason(error)}",
                "Check the folder's owner and its free space.",
            ) from error
        try:
            return cls(pygit2.Repository(os.fspath(path)), path)
        except (pygit2.GitError, KeyError, ValueError, OSError) as error:
            raise BadRepository.at(path, reason(error)) from error

    def has(self, revision: str) -> bool:
        """True if the commit is here and pinned."""
        name = f"{KEEP}{revision}"
        with self.reading():
            return (
                pygit2.reference_is_valid_name(name)
                and name in self.git.references
                and revision in self.git.odb
            )

    def pinned(self) -> tuple[str, ...]:
        """All pinned commits, sorted."""
        with self.reading():
            names = self.git.listall_references()
        return tuple(sorted(name.removeprefix(KEEP) for name in names if name.startswith(KEEP)))

    def pin(self, repository: History, revision: str) -> None:
        """Copies a commit with its whole history from a clone, and keeps it for ever.

        Costs next to nothing where it is here already.

        Raises:
            UnknownRevision: The clone has no such commit.
            BadRepository: The clone lacks objects of it.
            GitError: The mirror cannot be written.
        """
        if not self.has(revision):
            commit = repository.commit(revision)
            with self._writing():
                self._copy(repository, commit.id)
                self._keep(revision)
        if self.shallow_cut() != self._known_cut:  # libgit2 reads where history ends only when it opens
            self.git = pygit2.Repository(os.fspath(self.where))
            self._known_cut = self.shallow_cut()

    def lend(self, repository: Repository, revision: str) -> None:
        """Copies a commit with all that it needs into a clone that lacks it, so that a ref there can name it.

        Of the clone nothing but its objects is touched.

        Raises:
            UnknownRevision: The mirror has no such commit.
            ShallowClone: The mirror does not have all of its history.
            GitError: The clone cannot be written.
        """
        with repository.reading():
            if revision in repository.git.odb:
                return
        commit = self.commit(revision)
        objects = repository.common_folder / "objects"
        try:
            with _locked(self.where):  # one lender at a time
                missing, cut = _missing_objects(self, repository.git.odb, [commit.id])
                if cut:
                    raise ShallowClone.at(self.where, f"the history of {revision}")
                objects.joinpath("pack").mkdir(exist_ok=True)
                _write_pack(self.git, missing, objects / "pack")
        except (pygit2.GitError, KeyError, ValueError, OSError) as error:
            raise GitError(
                f"commit {revision[:7]} could not be copied into {repository.where}: {reason(error)}",
                "Check who owns the clone, and its free space.",
            ) from error

    def commit_working_tree(
        self, repository: Repository, prefix: str, identity: Identity, now: datetime
    ) -> str:
        """Writes the working directory as a commit on top of `HEAD`, into the mirror only, and pins it.

        The commit holds the files that git tracks, of the whole repository, as they are on disk, and of those
        that it does not track and does not ignore the ones below `prefix`. Each is stored as `git add` would
        (line ends, by the built-in filters), so that an unchanged file keeps its id.

        Args:
            repository: Whose working directory.
            prefix: The project's folder in it, a normalised path.
            identity: Author and committer.
            now: The moment of the commit.

        Returns:
            The id of the commit; of `HEAD` itself where nothing differs.

        Raises:
            EmptyRepository: There is no commit to stand on.
            GitError: A file cannot be read, or the mirror cannot be written.
        """
        head = repository.head()
        self.pin(repository, head)
        with self._writing():
            base = self.git[head].peel(ObjectType.COMMIT)
            index = pygit2.Index()
            index.read_tree(base.tree)
            self._take_changes(index, repository, prefix)
            tree = index.write_tree(self.git)
            if tree == base.tree_id:
                return head
            who = signature(identity, now)
            message = f"Working directory on top of {head[:12]}\n"
            revision = str(self.git.create_commit(None, who, who, message, tree, [base.id]))
            self._keep(revision)
        return revision

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Holds the mirror's lock, and turns failures into `GitError`."""
        try:
            with _locked(self.where):
                yield
        except (pygit2.GitError, KeyError, ValueError, OSError) as error:
            raise GitError(
                f"the mirror {self.where} cannot be written: {reason(error)}",
                "Check the folder's owner and its free space; what was copied so far does no harm.",
            ) from error

    def _copy(self, repository: History, commit: pygit2.Oid) -> None:
        """Adds the commit and all it needs that is not here, as one pack. The lock is held."""
        cut = self.shallow_cut()
        mended = {mine for mine in cut - repository.shallow_cut() if mine in repository.git.odb}
        starts = [commit]
        for mine in mended:  # cut off when it came from a shallow clone; this clone knows its parents
            starts.extend(repository.commit(mine).parent_ids)
        missing, new_cut = _missing_objects(repository, self.git.odb, starts)
        if missing:
            _write_pack(repository.git, missing, self.where / "objects" / "pack")
        if mended or new_cut:
            self._write_shallow(sorted((cut - mended) | new_cut))

    def _write_shallow(self, cut: list[str]) -> None:
        """Remembers where the history of shallow clones ends, as git does."""
        new = self.where / "shallow.new"
        new.write_text("".join(f"{commit}\n" for commit in cut), encoding="ascii")
        _sync(new)
        new.replace(self.where / "shallow")
        _sync(self.where)

    def _keep(self, revision: str) -> None:
        """Pins a commit that is here. The lock is held."""
        name = f"{KEEP}{revision}"
        file = self.where / name
        file.with_name(f"{revision}.lock").unlink(missing_ok=True)
        if name not in self.git.references:
            self.git.create_reference(name, revision, force=True)
            _sync(file)
            _sync(file.parent)

    def _take_changes(self, index: pygit2.Index, repository: Repository, prefix: str) -> None:
        """Brings what differs on disk into the index, blobs into the mirror."""
        start = f"{prefix}/" if prefix else ""
        untracked = FileStatus.WT_NEW
        changed = [
            path
            for path, status in sorted(repository.status().items())
            if status != untracked or (path.startswith(start) and not path.endswith("/"))
        ]
        found = {path: _stat(repository.workdir / path) for path in changed}
        for path in changed:
            if path in index and index[path].mode != SUBMODULE:
                index.remove(path)
        for path, info in found.items():
            if info is None or not (stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode)):
                continue
            content, mode = _as_git_stores(repository, path, info)
            index.add(pygit2.IndexEntry(path, self.git.create_blob(content), mode))


def _create(path: Path) -> None:
    """Makes the repository, the folder for pins last: what has that is whole."""
    pygit2.init_repository(os.fspath(path), bare=True, mode=0o700, initial_head="none")
    config = pygit2.Config(os.fspath(path / "config"))
    config["core.logAllRefUpdates"] = False
    config["gc.auto"] = 0
    _sync(path.parent)
    for folder, _, files in os.walk(path):
        for name in files:
            _sync(Path(folder, name))
        _sync(Path(folder))
    path.joinpath(KEEP).mkdir(parents=True, exist_ok=True)
    for made in (path / KEEP, *(path / KEEP).parents[:2]):
        _sync(made)


def _missing_objects(
    repository: History, present: pygit2.Odb, starts: list[pygit2.Oid]
) -> tuple[list[pygit2.Oid], set[str]]:
    """What the commits `starts` need and `present` lacks, and the commits at which a shallow clone is cut."""
    wanted: dict[pygit2.Oid, None] = {}
    shallow = repository.shallow_cut()
    cut: set[str] = set()
    commits = list(starts)
    while commits:
        oid = commits.pop()
        if oid in wanted or oid in present:
            continue
        wanted[oid] = None
        commit = repository.commit(str(oid))
        if str(oid) in shallow:
            cut.add(str(oid))
        else:
            commits.extend(commit.parent_ids)
        _add_tree(repository, present, commit.tree_id, wanted)
    return list(wanted), cut


def _add_tree(
    repository: History, present: pygit2.Odb, root: pygit2.Oid, wanted: dict[pygit2.Oid, None]
) -> None:
    """Adds what a tree needs to `wanted`, each object once however often trees hold it."""
    trees = [root]
    while trees:
        oid = trees.pop()
        if oid in wanted or oid in present:
            continue
        wanted[oid] = None
        with repository.reading():
            entries = parse_tree(repository.read_object(str(oid)))
        for entry in entries:
            if entry.mode == SUBMODULE:
                continue
            inner = pygit2.Oid(hex=entry.id)
            if entry.mode == FOLDER:
                trees.append(inner)
            elif inner not in wanted and inner not in present:
                if inner not in repository.git.odb:
                    raise BadRepository.at(repository.where, f"object {entry.id} ({entry.name}) is missing")
                wanted[inner] = None


def _write_pack(source: pygit2.Repository, objects: list[pygit2.Oid], folder: Path) -> None:
    """Copies objects into a pack in `folder`; it is complete and synced when its index appears."""
    staging = folder.parent / "cronicle-staging"
    with suppress(FileNotFoundError):
        for left in list(staging.iterdir()):
            left.unlink()
    staging.mkdir(mode=0o700, exist_ok=True)
    builder = pygit2.PackBuilder(source)
    for oid in objects:
        builder.add(oid)
    builder.write(os.fspath(staging))
    files = sorted(staging.iterdir(), key=lambda file: file.suffix == ".idx")
    for file in files:
        _sync(file)
    for file in files:
        file.replace(folder / file.name)
    _sync(folder)


def _as_git_stores(repository: Repository, path: str, info: os.stat_result) -> tuple[bytes, FileMode]:
    """Content and mode of a file on disk as `git add` would store them."""
    file = repository.workdir / path
    if stat.S_ISLNK(info.st_mode):
        return os.fsencode(os.readlink(file)), FileMode.LINK
    content = file.read_bytes()
    filters = repository.git.load_filter_list(path, FilterMode.TO_ODB)
    if filters is not None:
        content = filters.apply_to_buffer(content)
    return content, FileMode.BLOB_EXECUTABLE if info.st_mode & stat.S_IXUSR else FileMode.BLOB


def _stat(file: Path) -> os.stat_result | None:
    try:
        return file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the lock of a mirror, waiting for it."""
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
