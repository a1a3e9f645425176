"""Whether the files of a working directory are valid, remembered for as long as nothing that was read has changed.

Reading a thousand tasks takes a second; to see that they are the very files that were found valid before, a few
milliseconds. Rules:

1. What is remembered is what loading asked of the tree, with hashes of the answers: files by their content, the
   listing, modes, and what could not be read. If the tree gives the same answers today, loading does the same.
2. A memory is of one project folder, environment, set of values, and of one program: its files, the Python that
   executes it, and the libraries that read. A project about which there is anything to tell is not remembered.
3. It lies in the user's cache folder (`$XDG_CACHE_HOME/cronicle`, else `~/.cache/cronicle`, by the XDG Base Directory
   Specification) and may be removed at any time. Where it cannot be written, nothing is remembered.
4. Its name is a hash of values, too, that may be sensitive: it is keyed, so that nobody can try likely ones.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from attrs import frozen

from cronicle import __version__
from cronicle.errors import CronicleError
from cronicle.git.working import WorkingTree
from cronicle.operations.folder_cache import FolderCache
from cronicle.operations.locate import no_project
from cronicle.values import Value

if TYPE_CHECKING:
    from cronicle.operations.sources import Sources
    from grammar.diagnostics import Diagnostics

MOST_MEMORIES: Final = 100
"""Projects and environments that are remembered; the one that was found valid longest ago goes first."""

_VALUES: Final = "CRONICLE_VAR_"

_LIBRARIES: Final = ("python-hcl2", "lark", "regex", "croniter", "tzdata")

_T = TypeVar("_T")

Answers = Mapping[str, str]
"""By question (`read daily.hcl`) the hash of the answer."""


@frozen(kw_only=True, eq=False, repr=False)
class Validation(Value):
    """What is said of a project's files."""

    files: int
    workflows: int
    is_valid: bool
    diagnostics: Diagnostics


def validate_working_directory(sources: Sources) -> Validation:
    """Everything that is wrong in the files of a project as they lie in the working directory.

    Raises:
        CronicleError: There is no project here.
    """
    where = sources.where
    if where.folder is None:
        raise no_project()
    tree = WorkingTree(where.folder, where.repository or where.folder)
    cache = _cache(sources)
    key = _key(sources, where.folder, _salt(cache))
    remembered = _recall(cache, key, tree)
    if remembered is not None:
        return remembered
    from cronicle.operations.propose import load_working_directory  # slow to import

    listening = ListeningTree(tree)
    loaded = load_working_directory(sources, listening)
    found = Validation(
        files=len(loaded.paths),
        workflows=len(loaded.project.workflows) if loaded.project is not None else 0,
        is_valid=loaded.project is not None,
        diagnostics=loaded.diagnostics,
    )
    if cache is not None and found.is_valid and not found.diagnostics:
        memory = {"files": found.files, "workflows": found.workflows, "answers": listening.answers}
        cache.put(key, json.dumps(memory).encode())
        cache.keep_newest(MOST_MEMORIES)
    return found


def _cache(sources: Sources) -> FolderCache | None:
    """Where validations are remembered; None for a user without a home."""
    base = sources.environ.get("XDG_CACHE_HOME", "")
    if not base.startswith("/"):  # a relative one is to be passed over, says the specification
        home = sources.environ.get("HOME", "")
        if not home.startswith("/"):
            return None
        base = f"{home}/.cache"
    return FolderCache(Path(base) / "cronicle" / "valid")


def _salt(cache: FolderCache | None) -> str:
    """What names are keyed with; made the first time, and another if it is no longer there."""
    if cache is None:
        return ""
    beside = FolderCache(cache.folder.parent)
    kept = beside.get("salt")
    if kept is None:
        kept = secrets.token_bytes(32)
        beside.put("salt", kept)
    return kept.hex()


def _key(sources: Sources, folder: Path, salt: str) -> str:
    """The name of what is remembered: all that the answers of the tree leave open."""
    values = sorted(each for each in sources.environ.items() if each[0].startswith(_VALUES))
    return _hash((salt, str(folder), sources.environment, sources.var, sources.var_files, values, _program()))


def _program() -> tuple[object, ...]:
    """What tells this program from any other: its release, its files, Python and the libraries that read."""
    from importlib import metadata

    packages = Path(__file__).parents[2]
    files = [
        (str(path), status.st_size, status.st_mtime_ns)
        for package in ("cronicle", "grammar", "dag")
        for path in sorted((packages / package).rglob("*.py"))
        for status in (path.stat(),)
    ]
    libraries = []
    for library in _LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            libraries.append((library, metadata.version(library)))
    return (__version__, sys.version, files, libraries)


def _recall(cache: FolderCache | None, key: str, tree: WorkingTree) -> Validation | None:
    """What is remembered, if the tree is still what it was."""
    stored = cache.get(key) if cache is not None else None
    if stored is None:
        return None
    with suppress(ValueError, KeyError, TypeError, AttributeError):  # damaged: as if there were none
        memory = json.loads(stored)
        found = Validation(
            files=memory["files"], workflows=memory["workflows"], is_valid=True, diagnostics=()
        )
        if ListeningTree(tree).gives(memory["answers"]):
            return found
    return None


class ListeningTree:
    """A tree that keeps what was asked of it, and hashes of what it answered."""

    def __init__(self, tree: WorkingTree) -> None:
        self._tree = tree
        self.answers: dict[str, str] = {}

    def read(self, path: str) -> bytes:
        return self._keep(f"read {path}", lambda: self._tree.read(path))

    def blob_id(self, path: str) -> str:
        return self._keep(f"blob_id {path}", lambda: self._tree.blob_id(path))

    def mode(self, path: str) -> int:
        return self._keep(f"mode {path}", lambda: self._tree.mode(path))

    def paths(self) -> tuple[str, ...]:
        return self._keep("paths", self._tree.paths)

    def _keep(self, question: str, ask: Callable[[], _T]) -> _T:
        try:
            answer = ask()
        except (OSError, CronicleError) as error:
            self.answers[question] = _hash(error)
            raise
        if question not in self.answers:
            self.answers[question] = _hash(answer)
        return answer

    def gives(self, answers: Answers) -> bool:
        """True if it answers each of these questions as it was answered then."""
        asks: dict[str, Callable[[str], object]] = {
            "read": self.read,
            "blob_id": self.blob_id,
            "mode": self.mode,
            "paths": lambda _: self.paths(),
        }
        for question, answer in answers.items():
            name, _, path = question.partition(" ")
            with suppress(OSError, CronicleError):
                asks[name](path)
            if self.answers.get(question) != answer:
                return False
        return True


def _hash(answer: object) -> str:
    if isinstance(answer, Exception):
        answer = (type(answer).__name__, str(answer))
    content = answer if isinstance(answer, bytes) else repr(answer).encode("utf-8", "backslashreplace")
    return hashlib.sha256(content).hexdigest()
