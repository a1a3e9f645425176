"""A new project: files of an example in a folder, in a git repository, committed where that is new.

Rules:

1. No file is ever overwritten: where one of that name is there, nothing at all is written.
2. Where something fails half-way, what was written goes again.
3. Inside a repository only files are added; committing them is left to its owner. A folder in none gets a
   repository, and its first commit, so that `plan` works at once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from attrs import frozen

import cronicle
from cronicle.errors import CronicleError
from cronicle.git.repository import Repository, init_repository, open_repository
from cronicle.names import is_name
from cronicle.operations.locate import MARK, find_repository

DEFAULT_EXAMPLE: Final = "hello"
"""What `init` takes where no example is asked for. It gets the name of its folder."""

_IGNORED: Final = re.compile(r"(?:\.|__pycache__\Z)")


@frozen(kw_only=True)
class NewProject:
    """What was made."""

    folder: Path
    repository: Path
    """The root of the repository's working directory."""
    files: tuple[str, ...]
    """The files that were written, relative to `folder`."""
    revision: str | None
    """The first commit of a new repository; None in one that was there."""


@frozen(kw_only=True)
class Committer:
    """Who and when, for a first commit."""

    environ: Mapping[str, str]
    user: str
    host: str
    now: datetime


def examples_folder() -> Path:
    """Where the examples are: in an installed package inside of it, in a checkout beside it."""
    package = Path(cronicle.__file__).parent
    installed = package / "examples"
    return installed if installed.is_dir() else package.parent / "examples"


def example_names(examples: Path) -> tuple[str, ...]:
    """The names of all examples, sorted."""
    return tuple(sorted(mark.parent.name for mark in examples.glob(f"*/{MARK}")))


def files_to_begin_with(folder: Path, example: str | None) -> dict[str, bytes]:
    """The files of an example; without one those of a small workflow, in a project that is called like its folder.

    Raises:
        CronicleError: There is no such example.
    """
    files = _files_of_example(DEFAULT_EXAMPLE if example is None else example)
    if example is None:
        text = (
            files[MARK].decode().replace(f'project "{DEFAULT_EXAMPLE}"', f'project "{project_name(folder)}"')
        )
        files[MARK] = text.encode()
    return files


def make_project(folder: Path, files: Mapping[str, bytes], committer: Committer) -> NewProject:
    """Make a project in `folder`, which is made if need be.

    Args:
        folder: An absolute path.
        files: Its files, by their paths relative to the folder.
        committer: Who makes it, when.

    Raises:
        CronicleError: A file is there already, or something cannot be written.
    """
    _refuse_taken(folder, files)
    home = find_repository(_nearest_folder(folder))
    known = open_repository(home) if home is not None else None
    _write(folder, files)
    repository = known or init_repository(folder)
    paths = tuple(sorted(files))
    return NewProject(
        folder=folder,
        repository=repository.workdir,
        files=paths,
        revision=None if known else _first_commit(repository, paths, committer),
    )


def _files_of_example(name: str) -> dict[str, bytes]:
    examples = examples_folder()
    names = example_names(examples)
    if name not in names:
        raise CronicleError(f"there is no example {name!r}", f"The examples are: {', '.join(names)}.")
    start = examples / name
    return {path.relative_to(start).as_posix(): path.read_bytes() for path in _files_below(start)}


def _files_below(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if _IGNORED.match(path.name):
            continue
        if path.is_dir():
            yield from _files_below(path)
        else:
            yield path


def project_name(folder: Path) -> str:
    """The folder's name, as far as a project may be called so."""
    if is_name(folder.name):
        return folder.name
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", folder.name).strip("-")
    return name if is_name(name) else f"project-{name}".rstrip("-")


def _refuse_taken(folder: Path, files: Mapping[str, bytes]) -> None:
    taken = sorted({path for name in files if (path := _what_is_in_the_way(folder, name)) is not None})
    if taken:
        count = f"and {len(taken) - 1} more of its names" if len(taken) > 1 else ""
        raise CronicleError(
            " ".join(f"{taken[0]} is there already {count}".split()) + "; nothing was written",
            "Name another folder: cronicle init FOLDER",
        )


def _what_is_in_the_way(folder: Path, name: str) -> str | None:
    """What keeps the file `name` from being made: itself, or a folder on the way that is something else."""
    target = folder / name
    if os.path.lexists(target):
        return str(target)
    below = [folder / parent for parent in Path(name).parents[:-1]]
    for place in below:
        if os.path.lexists(place) and (place.is_symlink() or not place.is_dir()):
            return str(place)
    return None


def _nearest_folder(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files, or none."""
    made: list[Path] = []
    try:
        for name, content in files.items():
            path = folder / name
            _make_folders(path.parent, made)
            with path.open("xb") as file:
                made.append(path)
                file.write(content)
                if content.startswith(b"#!"):  # packages do not always keep the modes of what they hold
                    _make_executable(file.fileno())
    except OSError as error:
        for path in reversed(made):
            path.rmdir() if path.is_dir() else path.unlink()
        raise CronicleError(
            f"{error.filename or folder} cannot be written: {error.strerror}; nothing was made",
            "Check the folder's owner and its free space, or name another one: cronicle init FOLDER",
        ) from error


def _make_folders(folder: Path, made: list[Path]) -> None:
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir()
        made.append(place)


def _make_executable(descriptor: int) -> None:
    """Executable for everybody who may read it."""
    mode = os.fstat(descriptor).st_mode & 0o777
    os.fchmod(descriptor, mode | (mode & 0o444) >> 2)


def _first_commit(repository: Repository, paths: tuple[str, ...], committer: Committer) -> str:
    identity = repository.identity(committer.environ, committer.user, committer.host)
    return repository.commit_files(paths, "Begin with Cronicle", identity, committer.now)
