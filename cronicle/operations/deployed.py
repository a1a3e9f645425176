"""What is deployed: the project, its deployment in an environment, and one workflow of it."""

from __future__ import annotations

from attrs import frozen

from cronicle.errors import CronicleError
from cronicle.operations.locate import Surroundings
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeployedWorkflow, DeploymentRecord, ProjectRecord
from cronicle.values import Value


@frozen(eq=False, repr=False)
class Target(Value):
    """The project and environment that a command is about."""

    project: ProjectRecord
    environment: str


def find_target(store: StoreReader, where: Surroundings, environment: str | None) -> Target:
    """The project of the folder that the command runs in, else the only one of the store.

    Raises:
        CronicleError: There is no such project in the store yet, or there are several to choose from.
    """
    project = store.find_project_at(str(where.folder)) if where.folder else None
    if project is None and where.folder is not None and where.repository is not None:
        project = _of_repository(store, where)
    if project is None:
        known = store.list_projects()
        if where.folder is None and len(known) == 1:
            project = known[0]
        elif where.folder is None and known:
            names = ", ".join(sorted(record.name for record in known))
            raise CronicleError(
                f"the store has several projects ({names}), and this folder belongs to none of them",
                "Run the command in the folder of the project that is meant.",
            )
    if project is None:
        raise CronicleError("nothing of this project has been deployed yet", "Deploy it with: cronicle apply")
    return Target(project, environment or project.default_environment)


def _of_repository(store: StoreReader, where: Surroundings) -> ProjectRecord | None:
    """Another clone of a known repository is the same project."""
    from cronicle.git.errors import GitError
    from cronicle.git.repository import open_repository

    assert where.repository is not None
    try:
        repository = open_repository(where.repository)
        return store.find_project_of(repository.root_commit(repository.head()), where.prefix)
    except GitError:
        return None


def get_deployment(store: StoreReader, target: Target) -> DeploymentRecord:
    """The deployment in force.

    Raises:
        CronicleError: Nothing was deployed to that environment.
    """
    deployment = store.find_deployment(target.project.name, target.environment)
    if deployment is None:
        option = (
            f" -e {target.environment}" if target.environment != target.project.default_environment else ""
        )
        raise CronicleError(
            f"nothing has been deployed to {target.project.name}/{target.environment} yet",
            f"Deploy it with: cronicle apply{option}",
        )
    return deployment


def get_workflow(deployment: DeploymentRecord, name: str) -> DeployedWorkflow:
    """A workflow of a deployment.

    Raises:
        CronicleError: It has none of that name.
    """
    if (workflow := deployment.find_workflow(name)) is not None:
        return workflow
    from grammar.suggest import nearest

    known = [one.name for one in deployment.workflows]
    guess = nearest(name, known)
    raise CronicleError(
        f"no workflow {name!r} is deployed to {deployment.project}/{deployment.environment}",
        f"Did you mean {guess}?" if guess else f"Deployed are: {', '.join(known) or 'none'}.",
    )


def deployments_in_force(
    store: StoreReader, project: str | None, environment: str | None
) -> tuple[DeploymentRecord, ...]:
    """What is deployed: of a project or of all, in that environment or in each project's default one."""
    found = (
        store.find_deployment(one.name, environment or one.default_environment)
        for one in store.list_projects()
        if project in (None, one.name)
    )
    return tuple(deployment for deployment in found if deployment is not None)
