"""A candidate for deployment: what the files of a revision, or of the working directory, say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen

from cronicle.config.compile import compile_workflow
from cronicle.config.deployed import schedules_to_json
from cronicle.config.inputs import InputFinder
from cronicle.config.load import load_project
from cronicle.config.project import Project
from cronicle.config.tree import Tree
from cronicle.config.variables import GivenValues
from cronicle.errors import CronicleError, UsageError
from cronicle.git.errors import NotARepository
from cronicle.git.mirror import Mirror
from cronicle.git.repository import Repository, open_repository
from cronicle.git.working import WorkingTree
from cronicle.operations.locate import Surroundings
from cronicle.operations.tree_cache import FolderCache
from cronicle.runs.spec import RunSpec, spec_hash, spec_to_bytes
from cronicle.store.records import DeployedWorkflow

if TYPE_CHECKING:
    from grammar.diagnostics import Diagnostics


class InvalidProjectError(CronicleError):
    """The files of the project have errors; `diagnostics` says which."""

    def __init__(self, diagnostics: Diagnostics, files: int) -> None:
        super().__init__("the project's files have errors")
        self.diagnostics = diagnostics
        self.files = files


@frozen(kw_only=True)
class Asker:
    """Who asks, as far as git wants to know."""

    environ: Mapping[str, str] = field(repr=False)
    user: str
    host: str


@frozen(kw_only=True)
class Proposal:
    """A project as a revision has it, compiled."""

    repository: Repository
    folder: str
    """The project's folder inside the repository."""
    revision: str | None
    """None for the working directory, of which no commit was written."""
    dirty: bool
    project: Project
    specs: Mapping[str, RunSpec]
    schedules: Mapping[str, object]
    diagnostics: Diagnostics
    """Warnings."""
    tree: Tree
    changes: tuple[str, ...] = ()
    """Project files that differ from the revision, in the working directory."""

    def spec_bytes(self, workflow: str) -> bytes:
        """The canonical form of a workflow's spec."""
        return spec_to_bytes(self.specs[workflow])

    def deployed_workflow(self, name: str) -> DeployedWorkflow:
        """What a deployment of this would say of a workflow."""
        return DeployedWorkflow(
            name=name,
            spec_hash=spec_hash(self.spec_bytes(name)),
            schedules=self.schedules[name],
            description=self.project.workflows[name].description,
        )


def open_project(where: Surroundings) -> tuple[Repository, Path]:
    """The repository and the project's folder in it.

    Raises:
        GitError: There is no repository, or it cannot be used.
        CronicleError: There is no project here.
    """
    if where.repository is None:
        raise NotARepository.at(where.folder or Path.cwd())
    repository = open_repository(where.repository)
    if where.folder is None:
        raise CronicleError(
            "this folder is in no project: neither it nor a folder above it has a cronicle.hcl",
            "Make a project here with: cronicle init",
        )
    return repository, where.folder


def given_values(
    var: Iterable[str], var_files: Iterable[str], environ: Mapping[str, str], cwd: Path
) -> tuple[GivenValues, ...]:
    """The values of variables that a command and its environment give, the strongest first.

    Raises:
        UsageError: A `--var` is not NAME=VALUE, or a file cannot be read.
    """
    from grammar.source import SourceFile

    texts: dict[str, str] = {}
    for text in var:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--var {text}: a variable is given as NAME=VALUE")
        texts[name] = value
    files = []
    for path in reversed(list(var_files)):
        try:
            content = (cwd / path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--var-file {path} cannot be read: {error}") from error
        files.append(GivenValues(origin=path, file=SourceFile(path, content)))
    prefix = "CRONICLE_VAR_"
    named = {name.removeprefix(prefix): value for name, value in environ.items() if name.startswith(prefix)}
    from_environment = GivenValues(
        origin="the environment (CRONICLE_VAR_…)", texts=named, ignore_unknown=True
    )
    return (GivenValues(origin="--var", texts=texts), *files, from_environment)


def propose(
    where: Surroundings,
    *,
    revision: str | None = None,
    working_tree: bool = False,
    environment: str | None,
    given: Sequence[GivenValues],
    cache: Path | None,
) -> Proposal:
    """Load and compile the project as a revision (default `HEAD`) or the working directory has it.

    Raises:
        InvalidProjectError: Its files have errors.
        CronicleError: There is no such project, repository or revision.
    """
    repository, folder = open_project(where)
    commit = None if working_tree else repository.resolve(revision or "HEAD")
    tree: Tree = WorkingTree(folder) if commit is None else repository.tree(commit, where.prefix)
    return _compiled(where, repository, tree, commit, environment, given, cache)


def propose_dirty(
    where: Surroundings,
    *,
    environment: str | None,
    given: Sequence[GivenValues],
    mirror_of: Mapping[str, Path] | None,
    mirrors: Path,
    asker: Asker,
    now: datetime,
    cache: Path | None,
) -> Proposal:
    """The working directory as a commit of its own, in the mirror, so that even a dirty run has a revision.

    Raises:
        InvalidProjectError: Its files have errors.
        CronicleError: There is no such project or repository.
    """
    from cronicle.engine.attempts import mirror_path

    first = propose(where, working_tree=True, environment=environment, given=given, cache=cache)
    mirror = Mirror.open_or_create(mirror_path(mirrors, first.project.name))
    identity = first.repository.identity(asker.environ, asker.user, asker.host)
    commit = mirror.commit_working_tree(first.repository, where.prefix, identity, now)
    tree = mirror.tree(commit, where.prefix)
    return _compiled(where, first.repository, tree, commit, environment, given, cache, dirty=True)


def _compiled(
    where: Surroundings,
    repository: Repository,
    tree: Tree,
    commit: str | None,
    environment: str | None,
    given: Sequence[GivenValues],
    cache: Path | None,
    *,
    dirty: bool = False,
) -> Proposal:
    assert where.folder is not None
    loaded = load_project(
        tree,
        folder_name=where.folder.name,
        environment=environment,
        given=given,
        cache=FolderCache(cache) if cache else None,
    )
    if loaded.project is None:
        raise InvalidProjectError(loaded.diagnostics, len(loaded.paths))
    project = loaded.project
    finder = InputFinder(tree)
    return Proposal(
        repository=repository,
        folder=where.prefix,
        revision=commit,
        dirty=dirty,
        project=project,
        specs={
            name: compile_workflow(project, workflow, tree, folder=where.prefix, finder=finder)
            for name, workflow in project.workflows.items()
        },
        schedules={
            name: schedules_to_json(workflow.schedules) for name, workflow in project.workflows.items()
        },
        diagnostics=loaded.diagnostics,
        tree=tree,
    )
