"""Where things are: the project's folder, the store, the files folder, the settings.

Rules (docs/reference/settings.md): the store is `--store`, else `CRONICLE_STORE`, else the settings file's `store`,
else `.cronicle/` in the project's folder of the main worktree, so that all worktrees of a repository share it. The
files folder of a SQLite store is the store's folder; that of a PostgreSQL store is `--files`, else `CRONICLE_FILES`,
else the settings file's `files`, else that same `.cronicle/`. The settings file is `CRONICLE_SETTINGS`, else
`cronicle/settings.toml` in the user's configuration folder, else in `/etc`.

A password in an argument stands in the list of processes for every user to read, so it is refused there; the variable
and the settings file may hold one.

Nothing here needs a git library, so that commands which only read history start fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from cronicle.errors import CronicleError, UsageError
from cronicle.names import is_label
from cronicle.store.url import has_password, is_url, shown_url
from cronicle.values import Value

MARK = "cronicle.hcl"
STORE_FOLDER = ".cronicle"

SETTINGS = {
    "store": 'store = "/srv/cronicle"',
    "files": 'files = "/srv/cronicle"',
    "pass_environment": 'pass_environment = ["HTTP_PROXY"]',
    "labels": 'labels = ["gpu", "zone:b"]',
    "require_signed": "require_signed = true",
    "allowed_signers": 'allowed_signers = "/etc/cronicle/allowed_signers"',
}
"""What the settings file may say, and how it is written."""

FILES_MARK = "belongs-to.json"
"""The file in a files folder that says which store it belongs to (`cronicle.operations.files_folder`)."""


@frozen(eq=False, repr=False)
class Settings(Value):
    """What the settings file says."""

    path: Path | None = None
    store: str | None = None
    files: str | None = None
    pass_environment: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    require_signed: bool = False
    """True if this machine deploys signed commits only, whatever a project says."""
    allowed_signers: str | None = None
    """The file that lists who may sign, an absolute path; its word counts before that of any revision."""


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
    files: Path | None
    """The files folder; None where neither an option nor a project says."""
    files_are_default: bool
    """True if that is `.cronicle/` of the project."""
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
    resolved = common.resolve() if common is not None else None  # git writes `../..` there
    return resolved.parent if resolved is not None and resolved.name == ".git" else repository


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
    names = content.get("pass_environment", [])
    unknown = sorted(content.keys() - SETTINGS.keys())
    if unknown:
        raise CronicleError(
            f"{path}: there is no setting {unknown[0]!r}", f"Settings are: {', '.join(SETTINGS)}."
        )
    for name in ("store", "files", "allowed_signers"):
        if not isinstance(content.get(name), str | None):
            raise CronicleError(f"{path}: `{name}` must be a text", f"Write it as: {SETTINGS[name]}")
    signers, require_signed = content.get("allowed_signers"), content.get("require_signed", False)
    if signers is not None and not signers.startswith("/"):
        raise CronicleError(
            f"{path}: `allowed_signers` must be an absolute path",
            f"Write it as: {SETTINGS['allowed_signers']}",
        )
    if not isinstance(require_signed, bool):
        raise CronicleError(
            f"{path}: `require_signed` must be true or false", f"Write it as: {SETTINGS['require_signed']}"
        )
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise CronicleError(
            f"{path}: `pass_environment` must be a list of names",
            'Write it as: pass_environment = ["HTTP_PROXY"]',
        )
    labels = content.get("labels", [])
    if not isinstance(labels, list) or not all(
        isinstance(label, str) and is_label(label) for label in labels
    ):
        raise CronicleError(
            f"{path}: `labels` must be a list of labels, each of letters, digits and _ . : / = + @ -",
            'Write it as: labels = ["gpu", "zone:b"]',
        )
    return Settings(
        path,
        content.get("store"),
        content.get("files"),
        tuple(names),
        tuple(labels),
        require_signed=require_signed,
        allowed_signers=signers,
    )


def look_around(
    cwd: Path, environ: Mapping[str, str], store: str | None = None, files: str | None = None
) -> Surroundings:
    """Where a command that was started in `cwd` runs; `store` and `files` are its options of these names.

    Raises:
        UsageError: The options do not fit together, or hold a password.
        CronicleError: The settings file cannot be read.
    """
    if store is not None:
        refuse_password("--store", store)
    settings = read_settings(environ)
    repository = find_repository(cwd)
    folder = find_project_folder(cwd, repository)
    prefix = ""
    if folder is not None and repository is not None and folder != repository:
        prefix = folder.relative_to(repository).as_posix()
    default = None
    if folder is not None:
        base = main_worktree(repository) / prefix if repository is not None else folder
        default = base / STORE_FOLDER
    named = store or environ.get("CRONICLE_STORE") or settings.store
    chosen = named or (None if default is None else str(default))
    if chosen is not None and "://" not in chosen:
        chosen = str((cwd / chosen).absolute())
    place, is_default = default, True
    if chosen is not None and is_url(chosen):
        if named_files := files or environ.get("CRONICLE_FILES") or settings.files:
            place, is_default = (cwd / named_files).absolute(), False
    elif chosen is not None:
        if files is not None:
            raise UsageError(
                f"--files {files} goes with a PostgreSQL store, and the store is the folder {shown_url(chosen)}",
                "The files of a SQLite store lie in its folder: leave --files out.",
            )
        place, is_default = Path(chosen), named is None
    return Surroundings(folder, repository, prefix, chosen, place, is_default, settings)


def refuse_password(name: str, location: str) -> None:
    """See to it that an argument holds no password.

    Raises:
        UsageError: It does.
    """
    if has_password(location):
        raise UsageError(
            f"the password in {name} {shown_url(location)} stands in the list of processes, "
            "where every user of this machine can read it",
            "Leave it out of the command, and give it in CRONICLE_STORE, in `store` of the settings file, in "
            "PGPASSWORD, or in ~/.pgpass.",
        )


def no_project() -> CronicleError:
    """Why a command that needs a project cannot go on."""
    return CronicleError(
        "this folder is in no project: neither it nor a folder above it has a cronicle.hcl",
        "Make a project here with: cronicle init",
    )
