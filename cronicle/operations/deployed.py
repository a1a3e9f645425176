"""What is deployed: the project, its deployment in an environment, and one workflow of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

from cronicle.errors import CronicleError
from cronicle.operations.locate import Surroundings, shared_git_folder
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeployedWorkflow, DeploymentRecord, ProjectRecord
from cronicle.values import Value


@frozen(eq=False, repr=False)
class Target(Value):
    """The project and environment that a command is about."""

    project: ProjectRecord
    environment: str


def find_target(
    store: StoreReader, where: Surroundings, environment: str | None, name: str | None = None
) -> Target:
    """The project of that name, else of the folder that the command runs in, else the only one of the store.

    Raises:
        CronicleError: There is no such project in the store yet, or there are several to choose from.
    """
    project = _named(store, name) if name is not None else find_project_here(store, where)
    if project is None and where.folder is None:
        known = store.list_projects()
        if len(known) > 1:
            raise CronicleError(
                f"the store has several projects ({_names(known)}), and this folder belongs to none of them",
                "Say which one is meant, with --project NAME, or run the command in its folder.",
            )
        project = known[0] if known else None
    if project is None:
        raise CronicleError("nothing of this project has been deployed yet", "Deploy it with: cronicle apply")
    return Target(project, environment or project.default_environment)


def _named(store: StoreReader, name: str) -> ProjectRecord:
    project = store.find_project(name)
    if project is None:
        raise CronicleError(
            f"the store has no project {name!r}", f"It has: {_names(store.list_projects()) or 'none'}."
        )
    return project


def _names(projects: Iterable[ProjectRecord]) -> str:
    return ", ".join(sorted(project.name for project in projects))


def find_project_here(store: StoreReader, where: Surroundings) -> ProjectRecord | None:
    """The project of a folder: that which its repository is known for, wherever that lies.

    A path alone does not tell: on another machine, or a year later, another repository may lie there. A repository
    that shows deployments of the project is the right one; only others have to be asked for their first commit.
    """
    if where.folder is None:
        return None
    there = store.find_project_at(str(where.folder))
    if where.repository is None:
        return there
    if there is not None and there.folder == where.prefix and _shows(where.repository, there.name):
        return there
    from cronicle.git.errors import GitError
    from cronicle.git.repository import open_repository

    try:
        repository = open_repository(where.repository)
        root_commit = repository.root_commit(repository.head())
    except GitError:
        return there
    if there is not None and (there.root_commit, there.folder) == (root_commit, where.prefix):
        return there
    return store.find_project_of(root_commit, where.prefix)


def _shows(repository: Path, project: str) -> bool:
    """True if a repository has refs of deployments of a project; found without the git library, to start fast."""
    git_folder = shared_git_folder(repository)
    prefix = f"refs/cronicle/deployments/{project}/"
    if git_folder is None:
        return False
    if (git_folder / prefix).is_dir():
        return True
    try:
        return f" {prefix}" in (git_folder / "packed-refs").read_text("utf-8", "replace")
    except OSError:
        return False


def in_force(deployment: DeploymentRecord | None) -> DeploymentRecord | None:
    """The last deployment of an environment, if it has one and has not ended."""
    return None if deployment is None or deployment.ended else deployment


def get_deployment(store: StoreReader, target: Target) -> DeploymentRecord:
    """The deployment in force.

    Raises:
        CronicleError: Nothing was deployed to that environment, or it has ended.
    """
    deployment = store.find_deployment(target.project.name, target.environment)
    if deployment is None or deployment.ended:
        option = (
            f" -e {target.environment}" if target.environment != target.project.default_environment else ""
        )
        where = f"{target.project.name}/{target.environment}"
        if deployment is None:
            raise CronicleError(
                f"nothing has been deployed to {where} yet", f"Deploy it with: cronicle apply{option}"
            )
        raise CronicleError(
            f"nothing is deployed to {where}: {deployment.actor.user} ended it on "
            f"{deployment.created_at:%Y-%m-%d %H:%M} UTC",
            f"Begin anew with: cronicle apply{option}   or go back to what it had: cronicle rollback{option}",
        )
    return deployment


def get_last_deployment(store: StoreReader, target: Target) -> DeploymentRecord:
    """The last deployment of an environment, also if it has ended it.

    Raises:
        CronicleError: Nothing was deployed to that environment.
    """
    last = store.find_deployment(target.project.name, target.environment)
    return get_deployment(store, target) if last is None else last


def get_workflow(deployment: DeploymentRecord, name: str) -> DeployedWorkflow:
    """A workflow of a deployment.

    Raises:
        CronicleError: It has none of that name, or several: of one with `for_each` an instance must be named.
    """
    if (workflow := deployment.find_workflow(name)) is not None:
        return workflow
    raise _not_one(deployment, name)


def get_workflows(deployment: DeploymentRecord, name: str) -> tuple[DeployedWorkflow, ...]:
    """A workflow of a deployment, or all instances of one with `for_each`.

    Raises:
        CronicleError: It has none of that name.
    """
    from cronicle.operations.named_workflows import names_meant

    meant = frozenset(names_meant(name, (one.name for one in deployment.workflows)))
    if not meant:
        raise _not_one(deployment, name)
    return tuple(one for one in deployment.workflows if one.name in meant)


def _not_one(deployment: DeploymentRecord, name: str) -> CronicleError:
    from cronicle.operations.named_workflows import not_one

    unknown = f"no workflow {name!r} is deployed to {deployment.project}/{deployment.environment}"
    known = [one.name for one in deployment.workflows]
    return CronicleError(*not_one(name, known, unknown, "Deployed are"))


def deployments_in_force(
    store: StoreReader, project: str | None, environment: str | None
) -> tuple[DeploymentRecord, ...]:
    """What is deployed: of a project or of all, in that environment or in each project's default one."""
    return tuple(one for one in last_deployments(store, project, environment) if not one.ended)


def last_deployments(
    store: StoreReader, project: str | None, environment: str | None
) -> tuple[DeploymentRecord, ...]:
    """The same, and of an environment that has ended the deployment that ended it."""
    found = (
        store.find_deployment(one.name, environment or one.default_environment)
        for one in store.list_projects()
        if project in (None, one.name)
    )
    return tuple(deployment for deployment in found if deployment is not None)
