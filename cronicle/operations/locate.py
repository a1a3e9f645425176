"""Where things are: the project's folder, the store, the files folder, the settings.

Rules (docs/reference/settings.md): the store is `--store`, else `CRONICLE_STORE`, else the settings file's `store`,
else `.cronicle/` in the project's folder of the main worktree, so that all worktrees of a repository share it. With
SQLite the files folder is the store's folder. The settings file is `CRONICLE_SETTINGS`, else
`cronicle/settings.toml` in the user's configuration folder, else in `/etc`.

Nothing here needs a git library, so that commands which only read history start fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from cronicle.errors import CronicleError
from cronicle.values import Value

MARK = "cronicle.hcl"
STORE_FOLDER = ".cronicle"


@frozen(eq=False, repr=False)
class Settings(Value):
    """What the settings file says."""

    path: Path | None = None
    store: str | None = None
    pass_environment: tuple[str, ...] = ()


@frozen(eq=False, repr=False)
class Surroundings(Value):
    """Where a command runs."""

    folder: Path | None
    """The project's folder; None outside any project."""
    repository: Path | None
    """The working directory of the repository that it lies in."""
    prefix: str
    """The project's folder inside the repository, `/` between its parts; empty for the root."""
    store: str | None
    """Path or URL of the store; None where neither an option nor a project says."""
    store_is_default: bool
    """True if it is `.cronicle/` of the project."""
    settings: Settings = field(factory=Settings)


def find_repository(folder: Path) -> Path | None:
    """The nearest folder upwards that holds a `.git`; None if there is none."""
    for candidate in (folder, *folder.parents):
        if (candidate / ".git").exists():
            return candidate
    return None


def find_project_folder(start: Path, repository: Path | None) -> Path | None:
    """The nearest folder upwards with a `cronicle.hcl`, not above the repository; else `start` if it has HCL."""
    for candidate in (start, *start.parents):
        if (candidate / MARK).is_file():
            return candidate
        if candidate == repository or repository is None:
            break
    if any(path.suffix == ".hcl" and not path.name.startswith(".") for path in start.iterdir()):
        return start
    return None


def main_worktree(repository: Path) -> Path:
    """The main working directory of the repository of which this may be a linked one (gitrepository-layout)."""
    if (repository / ".git").is_dir():
        return repository
    common = shared_git_folder(repository)
    return common.resolve().parent if common is not None and common.name == ".git" else repository


def shared_git_folder(repository: Path) -> Path | None:
    """Where git keeps the objects and refs that all working directories of a repository share; None if unknown."""
    mark = repository / ".git"
    if mark.is_dir():
        return mark
    try:
        git_folder = Path(mark.read_text().removeprefix("gitdir:").strip())
        git_folder = git_folder if git_folder.is_absolute() else repository / git_folder
        return git_folder / (git_folder / "commondir").read_text().strip()
    except OSError:  # a submodule, or something else that stands for itself
        return None


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings file, or none.

    Raises:
        CronicleError: It cannot be read, or says something that is not a setting.
    """
    named = environ.get("CRONICLE_SETTINGS")
    user = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    candidates = (
        [Path(named)] if named else [user / "cronicle/settings.toml", Path("/etc/cronicle/settings.toml")]
    )
    path = next((candidate for candidate in candidates if named or candidate.is_file()), None)
    if path is None:
        return Settings()
    import tomllib  # most machines have no such file, and every command looks for one

    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CronicleError(
            f"the settings in {path} cannot be read: {error}", "Mend the file or remove it."
        ) from error
    return _settings(path, content)


def _settings(path: Path, content: Mapping[str, Any]) -> Settings:
    store, names = content.get("store"), content.get("pass_environment", [])
    unknown = sorted(content.keys() - {"store", "pass_environment"})
    if unknown:
        raise CronicleError(
            f"{path}: there is no setting {unknown[0]!r}", "Settings are: store, pass_environment."
        )
    if not isinstance(store, str | None):
        raise CronicleError(f"{path}: `store` must be a text", 'Write it as: store = "/srv/cronicle"')
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise CronicleError(
            f"{path}: `pass_environment` must be a list of names",
            'Write it as: pass_environment = ["HTTP_PROXY"]',
        )
    return Settings(path, store, tuple(names))


def look_around(cwd: Path, environ: Mapping[str, str], store: str | None = None) -> Surroundings:
    """Where a command that was started in `cwd` runs; `store` is its `--store`."""
    settings = read_settings(environ)
    repository = find_repository(cwd)
    folder = find_project_folder(cwd, repository)
    prefix = ""
    if folder is not None and repository is not None and folder != repository:
        prefix = folder.relative_to(repository).as_posix()
    chosen = store or environ.get("CRONICLE_STORE") or settings.store
    is_default = chosen is None
    if chosen is None and folder is not None:
        base = main_worktree(repository) / prefix if repository is not None else folder
        chosen = str(base / STORE_FOLDER)
    if chosen is not None and "://" not in chosen:
        chosen = str((cwd / chosen).absolute())
    return Surroundings(folder, repository, prefix, chosen, is_default, settings)
