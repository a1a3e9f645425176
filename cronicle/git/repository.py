"""A user's own repository: found, understood, and asked.

Rules:

1. Nothing of the repository is ever executed: libgit2 knows neither hooks nor fsmonitor nor external filters,
   and no remote is talked to.
2. Nothing of it is changed, but where a function says so (`init_repository`, `commit_files`, `exclude`).
3. A repository of another owner is refused, as git does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import attrs
import pygit2
from pygit2.enums import FileStatus, ObjectType

from cronicle.git.errors import (
    BadRepository,
    EmptyRepository,
    ForeignOwner,
    GitError,
    NotARepository,
    ShallowClone,
    UnknownRevision,
)
from cronicle.git.history import History, reason

_REVISION: Final = re.compile(r"(?![-:])[^\s\x00-\x1f\x7f:?*\[\\^~]+(?:\^\{(?:commit)?\}|[~^][0-9]{0,9})*")
"""A name or id, then steps back in history. What searches messages (`:/text`, `^{/text}`), asks the reflog
(`@{1}`, which a clone does not have) or names files (`HEAD:x`) is no revision, or another one tomorrow."""

_NEVER_CLEAN: Final = (
    FileStatus.INDEX_NEW
    | FileStatus.INDEX_MODIFIED
    | FileStatus.INDEX_DELETED
    | FileStatus.INDEX_RENAMED
    | FileStatus.INDEX_TYPECHANGE
    | FileStatus.WT_MODIFIED
    | FileStatus.WT_DELETED
    | FileStatus.WT_TYPECHANGE
    | FileStatus.WT_RENAMED
    | FileStatus.WT_UNREADABLE
    | FileStatus.CONFLICTED
)


@attrs.frozen
class Identity:
    """Who commits."""

    name: str
    email: str


@attrs.frozen
class Changes:
    """How a working directory differs from `HEAD`; paths relative to the folder asked for, sorted."""

    tracked: tuple[str, ...]
    """Files that git knows and that were changed, staged, deleted or added."""
    untracked: tuple[str, ...]
    """Files that git does not know and that are not ignored."""

    def __bool__(self) -> bool:
        return bool(self.tracked or self.untracked)


def open_repository(path: Path) -> Repository:
    """The repository that the folder (or file) `path` lies in.

    Raises:
        NotARepository: There is none, or it has no working directory.
        ForeignOwner: It belongs to somebody else.
        BadRepository: It cannot be opened.
    """
    found = _discover(path)
    git = _open(found, path)
    if not git.workdir:
        raise NotARepository.bare(Path(found))
    return Repository(git)


def open_clone(path: Path) -> Repository:
    """As `open_repository`, and also a bare one, which has its own folder in place of a working directory.

    Raises:
        NotARepository: There is none.
        ForeignOwner: It belongs to somebody else.
        BadRepository: It cannot be opened.
    """
    return Repository(_open(_discover(path), path))


def open_other(path: Path) -> History:
    """The repository in the folder `path`, bare or with a working directory, to copy from.

    Raises:
        NotARepository: There is none in that very folder.
        ForeignOwner: It belongs to somebody else.
        BadRepository: It cannot be opened.
    """
    if not any((path / inner / "HEAD").is_file() for inner in (".git", "")) and not (path / ".git").is_file():
        raise NotARepository.other(path)
    return History(_open(os.fspath(path), path), path)


def init_repository(path: Path) -> Repository:
    """Makes an empty repository in the folder `path`, without hooks or templates.

    Raises:
        GitError: It cannot be written.
    """
    try:
        branch = _text(pygit2.Config.get_global_config(), "init.defaultbranch")
    except (pygit2.GitError, KeyError, ValueError, OSError):
        branch = ""
    if not pygit2.reference_is_valid_name(f"refs/heads/{branch}"):
        branch = "main"
    try:
        pygit2.init_repository(os.fspath(path), initial_head=branch)
    except (pygit2.GitError, ValueError, OSError) as error:
        raise GitError(
            f"no git repository could be made in {path}: {reason(error)}",
            "Check who owns the folder, and its free space.",
        ) from error
    return open_repository(path)


class Repository(History):
    """An opened repository with a working directory (but see `open_clone`)."""

    def __init__(self, git: pygit2.Repository) -> None:
        super().__init__(git, Path(git.workdir or git.path))

    @property
    def workdir(self) -> Path:
        """The root of the working directory that was opened, links in its path resolved."""
        return self.where

    @property
    def main_workdir(self) -> Path:
        """The root of the main worktree; of a linked one of a bare repository, its own."""
        common = self.common_folder
        if common == Path(self.git.path):
            return self.workdir
        main = _open(str(common), common)
        return Path(main.workdir) if main.workdir else self.workdir

    def prefix(self, folder: Path) -> str:
        """Where the folder lies in the repository: a normalised path, empty for its root.

        Raises:
            NotARepository: It lies elsewhere.
        """
        try:
            relative = Path(os.path.realpath(folder)).relative_to(os.path.realpath(self.workdir))
        except ValueError:
            raise NotARepository.at(folder) from None
        return "" if relative == Path() else relative.as_posix()

    def head(self) -> str:
        """The id of the commit that is checked out.

        Raises:
            EmptyRepository: There is none yet.
        """
        return self.resolve("HEAD")

    def resolve(self, text: str) -> str:
        """The full id of the commit that `text` names.

        Takes a branch, also of a remote (`origin/main`), a tag (an annotated one counts as its commit), an id
        or a prefix of at least four digits of one, `HEAD`, and each with `~N` or `^N`.

        Raises:
            EmptyRepository: The repository has no commit.
            ShallowClone: It lies beyond the cut of a shallow clone.
            UnknownRevision: It names nothing, several things, or something else than a commit.
        """
        if self.git.head_is_unborn and (
            re.match(r"(?:HEAD|@)(?:[~^]|\Z)", text) or not self.git.listall_references()
        ):
            raise EmptyRepository.at(self.where)
        if not _REVISION.fullmatch(text) or "@{" in text or ".." in text:
            raise UnknownRevision.named(text, self.where, "is not the name of a revision")
        try:
            return str(self.git.revparse_single(text).peel(ObjectType.COMMIT).id)
        except pygit2.AmbiguousError:
            raise UnknownRevision.named(text, self.where, "names several things, or is too short,") from None
        except pygit2.InvalidSpecError as error:
            if "peel" in str(error):
                raise UnknownRevision.named(text, self.where, "is not a commit") from None
            raise UnknownRevision.named(text, self.where) from None
        except (pygit2.GitError, KeyError, ValueError, OSError):
            if self.git.is_shallow and re.search(r"[~^]|\A[0-9a-fA-F]{40}\Z", text):
                raise ShallowClone.at(self.where, f"the revision {text!r}") from None
            raise UnknownRevision.named(text, self.where) from None

    def project_changes(
        self, prefix: str = "", is_project_file: Callable[[str], bool] = lambda _path: True
    ) -> Changes:
        """What below the folder `prefix` is not as in `HEAD`, staged or not.

        Args:
            prefix: A normalised path; empty for the whole repository.
            is_project_file: Says of a path relative to `prefix` whether it matters.
        """
        start = f"{prefix}/" if prefix else ""
        tracked: list[str] = []
        untracked: list[str] = []
        for path, status in self.status().items():
            inner = path[len(start) :]
            if not path.startswith(start) or not is_project_file(inner):
                continue
            if status & _NEVER_CLEAN:
                tracked.append(inner)
            elif status & FileStatus.WT_NEW:
                untracked.append(inner)
        return Changes(tuple(sorted(tracked)), tuple(sorted(untracked)))

    def status(self) -> dict[str, int]:
        """Git's status (`pygit2.enums.FileStatus`) of each path that is not clean, ignored ones left out."""
        with self.reading():
            return self.git.status(untracked_files="all", ignored=False)

    def identity(self, environ: Mapping[str, str], username: str, hostname: str) -> Identity:
        """Who commits: `GIT_COMMITTER_*`, else git's configuration, else `USER@hostname`. Never raises."""
        try:
            config = self.git.config
        except (pygit2.GitError, ValueError, OSError):
            config = None
        return identity(config, environ, username, hostname)

    def commit_files(self, paths: Iterable[str], message: str, identity: Identity, when: datetime) -> str:
        """Commits files of the working directory to the current branch, as `git add` and `git commit` do.

        Made for the first commit of a new project. No hook is executed.

        Args:
            paths: From the root of the repository.
            message: The message of the commit.
            identity: Author and committer.
            when: The moment of the commit.

        Returns:
            The id of the commit.

        Raises:
            GitError: A file is missing, or the repository cannot be written.
        """
        who = signature(identity, when)
        try:
            index = self.git.index
            index.read()
            for path in paths:
                index.add(path)
            index.write()
            parents = [] if self.git.head_is_unborn else [self.git.head.target]
            return str(self.git.create_commit("HEAD", who, who, message, index.write_tree(), parents))
        except (pygit2.GitError, KeyError, ValueError, OSError) as error:
            raise GitError(
                f"nothing could be committed in {self.where}: {reason(error)}",
                "Commit the files with git: git add, then git commit.",
            ) from error

    def exclude(self, pattern: str) -> None:
        """Makes git ignore what matches `pattern`, in this clone and all its worktrees (`.git/info/exclude`).

        Does nothing where the line is there already.

        Raises:
            GitError: The file cannot be written.
        """
        file = self.common_folder / "info" / "exclude"
        try:
            text = file.read_text(encoding="utf-8", errors="surrogateescape") if file.exists() else ""
            if pattern in text.splitlines():
                return
            file.parent.mkdir(exist_ok=True)
            line = f"{pattern}\n" if not text or text.endswith("\n") else f"\n{pattern}\n"
            with file.open("a", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(line)
        except OSError as error:
            raise GitError(
                f"{file} cannot be written: {error.strerror}",
                f"Add the line {pattern} to it, or to .gitignore.",
            ) from error


def identity(
    config: pygit2.Config | None, environ: Mapping[str, str], username: str, hostname: str
) -> Identity:
    """Who commits: `GIT_COMMITTER_*`, else `config`, else `USER@hostname`. Never raises, never empty."""
    name = environ.get("GIT_COMMITTER_NAME", "") or _configured(config, "committer.name", "user.name")
    email = environ.get("GIT_COMMITTER_EMAIL", "") or _configured(config, "committer.email", "user.email")
    user = _cleaned(username) or "unknown"
    return Identity(_cleaned(name) or user, _cleaned(email) or f"{user}@{_cleaned(hostname) or 'localhost'}")


def signature(identity: Identity, when: datetime) -> pygit2.Signature:
    """Git's form of who and when; `when` is aware, and its offset is kept."""
    offset = when.utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset is not None else 0
    return pygit2.Signature(identity.name, identity.email, int(when.timestamp()), minutes, "utf-8")


def _discover(path: Path) -> str:
    """The `.git` folder of the repository that `path` lies in."""
    try:
        found = pygit2.discover_repository(os.fspath(path))
    except (pygit2.GitError, KeyError, ValueError, OSError):
        found = None
    if not found:
        raise NotARepository.at(path)
    return found


def _open(gitdir: str, path: Path) -> pygit2.Repository:
    try:
        return pygit2.Repository(gitdir)
    except (pygit2.GitError, KeyError, ValueError, OSError) as error:
        text = reason(error)
        if "not owned by" in text:
            named = re.search(r"repository path '(.*)' is not owned by", text)
            raise ForeignOwner.of(Path(named[1]) if named else path) from None
        raise BadRepository.at(path, text) from error


def _configured(config: pygit2.Config | None, *keys: str) -> str:
    return next((text for key in keys if config is not None and (text := _text(config, key))), "")


def _text(config: pygit2.Config, key: str) -> str:
    try:
        return str(config[key]) if key in config else ""
    except (pygit2.GitError, KeyError, ValueError, OSError):
        return ""


def _cleaned(text: str) -> str:
    """`text` as git takes it into a commit: no line break, no angle bracket, no crud at its ends."""
    return re.sub(r"[\x00-\x1f<>]", "", text).encode("utf-8", "replace").decode().strip(" .,:;\"'\\")
