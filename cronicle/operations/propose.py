"""A candidate for deployment: what the files of a revision, or of the working directory, say."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, field, frozen

from cronicle import __version__
from cronicle.config.compile import compile_own_hooks, compile_workflow
from cronicle.config.deployed import schedules_to_json
from cronicle.config.inputs import InputFinder
from cronicle.config.load import Loaded, load_project
from cronicle.config.project import Project
from cronicle.config.variables import GivenValues
from cronicle.errors import CronicleError, UsageError
from cronicle.execute.places import mirror_path
from cronicle.git.errors import NotARepository, UnknownRevision
from cronicle.git.history import History
from cronicle.git.mirror import Mirror
from cronicle.git.repository import Repository, open_repository
from cronicle.git.tree import GitTree
from cronicle.git.working import WorkingTree
from cronicle.operations.folder_cache import FolderCache
from cronicle.operations.hold_sources import HeldSource, hold_sources
from cronicle.operations.locate import Surroundings, no_project
from cronicle.operations.sources import Sources
from cronicle.runs.spec import RunSpec, spec_hash, spec_to_bytes
from cronicle.store.records import DeployedWorkflow, ProjectRecord, SourcePin

if TYPE_CHECKING:
    from cronicle.config.tree import Tree
    from grammar.diagnostics import Diagnostics

Json = Any

FULL_ID: Final = 40


class InvalidProjectError(CronicleError):
    """The files of the project have errors; `diagnostics` says which."""

    def __init__(self, diagnostics: Diagnostics, files: int) -> None:
        super().__init__("the project's files have errors")
        self.diagnostics = diagnostics
        self.files = files


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
    schedules: Mapping[str, list[dict[str, Any]]]
    diagnostics: Diagnostics
    """Warnings."""
    files: tuple[str, ...]
    """The HCL files that were read."""
    tree: GitTree | WorkingTree
    held: Mapping[str, HeldSource] = field(factory=dict)
    """What its sources are pinned to, by name."""
    finder: InputFinder
    """What has found the inputs of its tasks in `tree`."""
    own_hooks: RunSpec | None = None
    """The hooks of the project as a whole, as a spec without tasks; None if it has none."""
    mirror: Mirror | None = None
    """Where its commit is, if that is not the repository."""

    @property
    def history(self) -> History:
        """Where its commit is."""
        return self.mirror or self.repository

    def root_commit(self) -> str:
        """The first commit of its history, by which a project is known.

        Raises:
            GitError: It cannot be read.
        """
        if self.mirror is None or self.revision is None:
            return self.repository.root_commit(self.repository.head())
        return self.mirror.root_commit(self.revision)

    @property
    def moved(self) -> tuple[tuple[str, str], ...]:
        """The renames that it declares, from and to, as a deployment keeps them."""
        return tuple(moved.pair for moved in self.project.moved)

    def spec_bytes(self, workflow: str) -> bytes:
        """The canonical form of a workflow's spec."""
        return spec_to_bytes(self.specs[workflow])

    def place_of(self, workflow: str) -> str:
        """Where a workflow is declared: `workflows.hcl:14`."""
        span = self.project.workflows[workflow].span
        return f"{span.file.name}:{span.line}"

    def deployed_workflow(self, name: str) -> DeployedWorkflow:
        """What a deployment of this would say of a workflow."""
        return DeployedWorkflow(
            name=name,
            spec_hash=spec_hash(self.spec_bytes(name)),
            schedules=self.schedules[name],
            description=self.project.workflows[name].description,
            owner=self.project.workflows[name].owner,
            tags=self.project.workflows[name].tags,
            policy=self.specs[name].policy,
        )


@frozen(kw_only=True)
class Fixed:
    """What is settled before a project is loaded."""

    values: Mapping[str, Any] = field(factory=dict)
    """Values of variables in the stored form, stronger than all that are given otherwise."""
    ignore_unknown: bool = False
    """True if values are passed over that are given for variables which are not declared."""
    pins: tuple[SourcePin, ...] | None = None
    """What sources were pinned to, for what cannot be asked now; None: what the deployment has pinned."""


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
        raise no_project()
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
            raise UsageError(f"--var {text}: a variable is given as NAME=VALUE", f"Write: --var {name}=VALUE")
        texts[name] = value
    files = []
    for path in reversed(list(var_files)):
        try:
            content = (cwd / path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"--var-file {path} cannot be read: {error}", 'Name a file of lines like: station = "seattle"'
            ) from error
        files.append(GivenValues(origin=path, file=SourceFile(path, content)))
    prefix = "CRONICLE_VAR_"
    named = {name.removeprefix(prefix): value for name, value in environ.items() if name.startswith(prefix)}
    from_environment = GivenValues(
        origin="the environment (CRONICLE_VAR_…)", texts=named, ignore_unknown=True
    )
    return (GivenValues(origin="--var", texts=texts), *files, from_environment)


def propose(
    sources: Sources,
    *,
    revision: str | None = None,
    working_tree: bool = False,
    deployed_values: bool = False,
    pins: Iterable[SourcePin] | None = None,
    fixed: Fixed | None = None,
    salt: str | None = None,
) -> Proposal:
    """Load and compile the project as a revision (default `HEAD`) or the working directory has it.

    Args:
        sources: Where, and with which values of variables.
        revision: What names the commit.
        working_tree: Read the working directory, and write no commit.
        deployed_values: Variables have the values of the deployment in force, unless `--var` says otherwise.
        pins: What its sources are pinned to, where they are the same; None: their refs are asked, or those of the
            deployment in force hold with its values.
        fixed: What is settled already.
        salt: For fingerprints that hold something sensitive (default: that of the store).

    Raises:
        InvalidProjectError: Its files have errors.
        CronicleError: There is no such project, repository or revision.
    """
    repository, folder = open_project(sources.where)
    prefix = sources.where.prefix
    if working_tree:
        tree: GitTree | WorkingTree = WorkingTree(folder, repository.workdir)
        return _compiled(sources, repository, tree, None, deployed_values=deployed_values, salt=salt)
    commit, mirror = _resolve(sources, repository, "HEAD" if revision is None else revision)
    tree = (mirror or repository).tree(commit, prefix)
    return _compiled(
        sources,
        repository,
        tree,
        commit,
        deployed_values=deployed_values,
        mirror=mirror,
        pins=pins,
        fixed=fixed,
        salt=salt,
    )


def propose_fetched(sources: Sources, repository: Repository, mirror: Mirror, commit: str) -> Proposal:
    """Load and compile the project as a commit has it that was fetched into a mirror, and is in no clone.

    Args:
        sources: Where, and with which values of variables.
        repository: The clone that shows deployments.
        mirror: Where the commit is.
        commit: Its full id.

    Raises:
        InvalidProjectError: Its files have errors.
        CronicleError: It cannot be read, or a source cannot be had.
    """
    tree = mirror.tree(commit, sources.where.prefix)
    return _compiled(sources, repository, tree, commit, deployed_values=False, mirror=mirror)


def propose_past(
    sources: Sources,
    repository: Repository,
    mirror: Mirror,
    commit: str,
    values: Mapping[str, Json] | None,
) -> Proposal:
    """The same of a commit that is in the mirror, wherever it was or still is in a clone.

    Args:
        sources: Where the project is, and what `--var` says.
        repository: The clone in which the project is.
        mirror: Has the commit.
        commit: Its full id.
        values: The values of variables that `--var` says nothing of; others have those of the commit. None: those of
            the deployment in force.

    Raises:
        InvalidProjectError: Its files have errors.
        CronicleError: There is no such commit, or a source of it cannot be had.
    """
    tree = mirror.tree(commit, sources.where.prefix)
    return _compiled(sources, repository, tree, commit, deployed_values=True, values=values)


def load_working_directory(sources: Sources, tree: Tree | None = None) -> Loaded:
    """The project as it lies in the working directory, with what is wrong in it; needs neither git nor a store.

    Args:
        sources: Where it is, and what values there are.
        tree: Its files, where somebody looks on.

    Raises:
        CronicleError: There is no project here.
    """
    where = sources.where
    if where.folder is None:
        raise no_project()
    return load_project(
        tree or WorkingTree(where.folder, where.repository or where.folder),
        folder_name=where.folder.name,
        environment=sources.environment,
        version=__version__,
        given=given_values(sources.var, sources.var_files, sources.environ, sources.cwd),
    )


def as_commit(sources: Sources, proposal: Proposal) -> Proposal:
    """A proposal of the working directory as a commit of its own, in the mirror: even a dirty run has a revision.

    Raises:
        InvalidProjectError: Its files have errors.
        CronicleError: The working directory or the mirror cannot be read or written.
    """
    mirror = Mirror.open_or_create(mirror_path(sources.files, proposal.project.name))
    identity = proposal.repository.identity(sources.environ, sources.user, sources.host)
    commit = mirror.commit_working_tree(proposal.repository, sources.where.prefix, identity, sources.now())
    tree = mirror.tree(commit, sources.where.prefix)
    return _compiled(
        sources,
        proposal.repository,
        tree,
        commit,
        deployed_values=True,
        dirty=True,
        held=proposal.held,
        mirror=mirror,
    )


def _resolve(sources: Sources, repository: Repository, text: str) -> tuple[str, Mirror | None]:
    """The commit that `text` names; by its full id also one that the clone has lost, with the mirror that has it."""
    try:
        return repository.resolve(text), None
    except UnknownRevision:
        bound = _binding(sources, repository, None, None) if len(text) == FULL_ID else None
        path = None if bound is None else mirror_path(sources.files, bound.name)
        if path is not None and path.exists():
            mirror = Mirror.open_or_create(path)
            if mirror.has(text):
                return text, mirror
        raise


def _compiled(
    sources: Sources,
    repository: Repository,
    tree: GitTree | WorkingTree,
    commit: str | None,
    *,
    deployed_values: bool,
    dirty: bool = False,
    held: Mapping[str, HeldSource] | None = None,
    mirror: Mirror | None = None,
    pins: Iterable[SourcePin] | None = None,
    values: Mapping[str, Json] | None = None,
    fixed: Fixed | None = None,
    salt: str | None = None,
) -> Proposal:
    where = sources.where
    assert where.folder is not None
    bound = _binding(sources, repository, mirror, commit)
    deployment = None
    if bound is not None and sources.store is not None:
        deployment = sources.store.find_deployment(
            bound.name, sources.environment or bound.default_environment
        )
        if deployment is not None and deployment.ended:
            deployment = None
    given = list(given_values(sources.var, sources.var_files, sources.environ, sources.cwd))
    if values is None and deployed_values and deployment is not None:
        values = deployment.values
    if values is not None:
        given = [given[0], GivenValues(origin="the deployment", stored=values, ignore_unknown=True)]
    if fixed is not None:
        given = [GivenValues(origin="the plan", stored=fixed.values), *given] if fixed.values else given
        given = [evolve(one, ignore_unknown=True) for one in given] if fixed.ignore_unknown else given
    load = partial(
        _loaded,
        tree,
        folder_name=bound.name if bound else where.folder.name,
        environment=sources.environment,
        version=__version__,
        given=given,
        cache=FolderCache(sources.tree_cache) if sources.store else None,
    )
    loaded, project = load()
    if held is None:
        is_asked = pins is None and not deployed_values
        if pins is None:
            pins = deployment.pins if deployment is not None else ()
            pins = pins if fixed is None or fixed.pins is None else fixed.pins
        held = hold_sources(sources, project.sources, pins, is_asked=is_asked)
    if held:
        loaded, project = load(pins={name: one.pinned for name, one in held.items()})
    finder = InputFinder(tree)
    if salt is None:
        salt = sources.store.get_salt() if sources.store is not None else secrets.token_hex(32)
    return Proposal(
        repository=repository,
        folder=where.prefix,
        revision=commit,
        dirty=dirty,
        project=project,
        specs={
            name: compile_workflow(project, workflow, tree, folder=where.prefix, finder=finder, salt=salt)
            for name, workflow in project.workflows.items()
        },
        schedules={
            name: schedules_to_json(workflow.schedules) for name, workflow in project.workflows.items()
        },
        diagnostics=loaded.diagnostics,
        files=loaded.paths,
        tree=tree,
        held=held,
        own_hooks=compile_own_hooks(project, tree, folder=where.prefix, salt=salt),
        mirror=mirror,
        finder=finder,
    )


def _loaded(tree: GitTree | WorkingTree, **options: Any) -> tuple[Loaded, Project]:
    loaded = load_project(tree, **options)
    if loaded.project is None:
        raise InvalidProjectError(loaded.diagnostics, len(loaded.paths))
    return loaded, loaded.project


def _binding(
    sources: Sources, repository: Repository, mirror: Mirror | None, commit: str | None
) -> ProjectRecord | None:
    """The project that the repository of a commit and the folder are bound to in the store."""
    if sources.store is None:
        return None
    known = sources.store.find_project_at(str(sources.where.folder))
    if mirror is None or commit is None:
        root = repository.root_commit(repository.head())
    else:
        root = mirror.root_commit(commit)
    if known is not None and (known.root_commit, known.folder) == (root, sources.where.prefix):
        return known
    return sources.store.find_project_of(root, sources.where.prefix)


def working_changes(repository: Repository, prefix: str) -> tuple[str, ...]:
    """Project files in the working directory that are not as in `HEAD`, and untracked `.hcl` among them."""
    changes = repository.project_changes(prefix)
    return (*changes.tracked, *(path for path in changes.untracked if path.endswith(".hcl")))
