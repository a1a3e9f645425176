"""Following a branch of another repository: what it names now is fetched, and deployed if it may be.

Rules:

1. It is fetched into the project's mirror. Of the clone nothing is touched but the ref that shows the deployment, and
   the objects that this needs.
2. A commit is deployed as `apply` would deploy it: with the same values, checks and pins, if what the plan was
   compared with is still in force.
3. What somebody did by hand holds until the branch moves: a commit that they have deployed is not deployed again, and
   one that they have taken back neither.
4. A branch whose history was rewritten is deployed if that is valid; the plan and the deployment say so.

All of it blocks, and is executed in a thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from cronicle.config.files import project_files
from cronicle.errors import CronicleError
from cronicle.execute.places import mirror_path, source_mirror_path
from cronicle.git.errors import GitError
from cronicle.git.repository import open_clone
from cronicle.git.source_mirror import NoSuchRefError, Origin, SourceMirror
from cronicle.git.upstream import Upstream, find_upstream
from cronicle.operations.absent import check_content
from cronicle.operations.deploy import MovedOnError, deploy
from cronicle.operations.followed import Before, Outcome, OutOfReachError, Tip, Wrong
from cronicle.operations.hold_sources import origin_of
from cronicle.operations.labels import LabelsOfServing, named
from cronicle.operations.plan import PlannedDeployment, plan_deployment
from cronicle.operations.propose import InvalidProjectError, Proposal, propose_fetched
from cronicle.operations.shown import push_deployments, remote_for
from cronicle.operations.sources import Sources
from cronicle.store.following import FollowTrouble
from cronicle.store.interface import StoreError
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeploymentRecord

if TYPE_CHECKING:
    from grammar.diagnostics import Diagnostics

MOST_ERRORS = 5
"""Mistakes of the files that are told in a line."""

LOOKED_BACK = 50
"""Deployments among which is looked for those of a commit."""


@frozen(kw_only=True)
class Following:
    """What is followed, and for whom."""

    upstream: Upstream
    sources: Sources
    """Where the clone and the project are, the values of variables, and who deploys; without a store."""
    key_file: str | None = None
    """The private key for ssh."""

    @property
    def name(self) -> str:
        """`origin/main`."""
        return f"{self.upstream.remote}/{self.upstream.branch}"


def fetch_tip(following: Following, project: str | None) -> Tip:
    """Fetch what the branch names now.

    Args:
        following: Which branch.
        project: The name of the project; None if the store does not know it yet.

    Raises:
        OutOfReachError: That cannot be found out now, or there is no such branch.
    """
    sources = following.sources
    try:
        repository = open_clone(_clone(sources))
        upstream = find_upstream(repository, following.name)
        origin = origin_of(upstream.url, following.key_file, sources.environ, folder=repository.where)
        return _fetched(following, origin, project)
    except NoSuchRefError as error:
        raise OutOfReachError(
            FollowTrouble.DELETED,
            f"{following.upstream.remote} has no branch {following.upstream.branch!r} (any more)",
            f"Push it again, or follow another: cronicle serve --follow {following.upstream.remote}/BRANCH",
        ) from error
    except CronicleError as error:
        raise OutOfReachError(FollowTrouble.UNREACHABLE, error.message, error.remedy) from error


def _fetched(following: Following, origin: Origin, project: str | None) -> Tip:
    files = following.sources.files
    path = source_mirror_path(files, origin.location.text) if project is None else mirror_path(files, project)
    mirror = SourceMirror.open_or_create(path)
    return Tip(revision=mirror.resolve(origin, f"refs/heads/{following.upstream.branch}"), mirror=path)


def _clone(sources: Sources) -> Path:
    assert sources.where.repository is not None
    return sources.where.repository


def deploy_tip(following: Following, sources: Sources, tip: Tip, before: Before) -> Outcome:
    """Deploy a commit, if it is to be deployed and may be.

    Args:
        following: Which branch it is of.
        sources: Those of `following`, with the store, and the name of the project if the store knows it.
        tip: The commit.
        before: What was seen last.

    Raises:
        StoreError: The store cannot be read or written now.
    """
    mirror = SourceMirror.open_or_create(tip.mirror)
    known = _known(sources)
    outcome = Outcome(
        project=known[0] if known else "",
        environment=known[1] if known else sources.environment or "",
        rewritten=_rewritten(following, mirror, tip, before),
    )
    deployment = sources.opened.find_deployment(*known) if known else None
    if deployment is not None and (kept := _kept(sources.opened, deployment, tip, before)):
        return evolve(outcome, kept=kept)
    try:
        _must_be_of_project(sources, following, mirror, tip)
        _must_have_files(following, mirror, tip)
        proposal = propose_fetched(sources, open_clone(_clone(sources)), mirror, tip.revision)
        return _deployed(following, sources, proposal, outcome)
    except StoreError:
        raise
    except MovedOnError:
        return evolve(outcome, is_overtaken=True)
    except InvalidProjectError as error:
        wrong = Wrong(
            kind=FollowTrouble.INVALID, text=told_in_a_line(error.diagnostics), diagnostics=error.diagnostics
        )
        return evolve(outcome, wrong=wrong)
    except CronicleError as error:
        wrong = Wrong(kind=FollowTrouble.REFUSED, text=error.message, remedy=error.remedy)
        return evolve(outcome, wrong=wrong)


def _known(sources: Sources) -> tuple[str, str] | None:
    """The project, which has a name in the store once it was deployed, and the environment that is meant."""
    record = sources.opened.find_project(sources.project) if sources.project else None
    return None if record is None else (record.name, sources.environment or record.default_environment)


def _rewritten(following: Following, mirror: SourceMirror, tip: Tip, before: Before) -> str | None:
    """That the commit which was seen last is not in the branch's history any more."""
    if before.seen in (None, tip.revision):
        return None
    assert before.seen is not None
    try:
        if mirror.is_ancestor(before.seen, tip.revision):
            return None
    except GitError:  # the mirror was lost, and what was seen is nowhere any more
        return None
    return (
        f"the history of {following.name} was rewritten: {before.seen[:7]}, which it named before, is not in that of "
        f"{tip.revision[:7]}"
    )


def _kept(store: StoreReader, deployment: DeploymentRecord, tip: Tip, before: Before) -> str | None:
    """Why a commit is left alone, since somebody has decided on it by hand; None if nobody has."""
    if deployment.revision == tip.revision and not deployment.ended:
        return f"it is deployed already, as deployment {deployment.number}"
    project, environment = deployment.project, deployment.environment
    if not store.has_been_deployed(project, environment, tip.revision):
        return None
    if before.since is not None:
        recent = store.list_deployments(project, environment, limit=LOOKED_BACK)
        later = [one for one in recent if one.created_at > before.since]
    elif deployment.rolled_back_to is not None:
        later = list(store.list_deployments_since(project, environment, deployment.rolled_back_to))
    else:
        later = []
    if not any(one.revision == tip.revision for one in later):
        return None
    return (
        f"{deployment.actor.user} has taken it back with deployment {deployment.number}, which holds until the "
        "branch moves"
    )


def _must_be_of_project(sources: Sources, following: Following, mirror: SourceMirror, tip: Tip) -> None:
    """See to it that the commit is of the repository that the project is known by.

    Raises:
        CronicleError: It is not.
    """
    record = sources.opened.find_project(sources.project) if sources.project else None
    if record is not None and mirror.root_commit(tip.revision) != record.root_commit:
        raise CronicleError(
            f"the history of {following.name} begins with another commit than that of {record.name}",
            "It is another repository, or was rewritten from its first commit on, and so another project for the "
            "store. Follow it under another name, or in another store.",
        )


def _must_have_files(following: Following, mirror: SourceMirror, tip: Tip) -> None:
    """See to it that the commit has files of the project: without any it would remove all workflows.

    Raises:
        CronicleError: It has not.
    """
    prefix = following.sources.where.prefix
    if not any(True for _ in project_files(mirror.tree(tip.revision, prefix))):
        where = f"no folder {prefix!r} with files of the project" if prefix else "no .hcl file of the project"
        raise CronicleError(
            f"{tip.revision[:7]} has {where} (any more)",
            "To stop the project, end the following, and remove its workflows from its files.",
        )


def _deployed(following: Following, sources: Sources, proposal: Proposal, outcome: Outcome) -> Outcome:
    project = proposal.project
    if outcome.project and project.name != outcome.project:
        raise CronicleError(
            f"its project is called {project.name!r}, and {outcome.project!r} follows {following.name}",
            "A project that is renamed is another one for the store: deploy it once by hand, and follow anew: "
            "cronicle apply",
        )
    warnings = (*check_content(proposal), *_warnings(proposal))
    planned = plan_deployment(sources, sources.opened, proposal)
    if outcome.rewritten:
        planned = evolve(planned, plan=evolve(planned.plan, notes=(outcome.rewritten,)))
    made = deploy(sources, planned, sources.actor)
    problem = _push_problem(sources, proposal, made.deployment)
    if made.ref_problem is not None:
        problem = (made.ref_problem.message,)
    return evolve(
        outcome,
        project=project.name,
        environment=planned.environment,
        made=made.deployment,
        warnings=(*warnings, *planned.problems, *_lacking_labels(sources, planned), *problem),
    )


def _push_problem(sources: Sources, proposal: Proposal, made: DeploymentRecord) -> tuple[str, ...]:
    """Push what git shows of the deployments, if the project wants that; why it could not be."""
    git = (made.settings or {}).get("git") or {}
    if not git.get("push"):
        return ()
    problem: CronicleError | None
    try:
        remote = remote_for(sources, proposal.repository, git["remote"], made)
        problem = push_deployments(sources, proposal.repository, made, remote).problem
    except CronicleError as error:
        problem = error
    return () if problem is None else (f"its deployment could not be pushed: {problem.message}",)


def _warnings(proposal: Proposal) -> Iterator[str]:
    """What the files warn of, and what of the sources could not be asked."""
    if proposal.diagnostics:
        yield told_in_a_line(proposal.diagnostics)
    for name, held in proposal.held.items():
        if held.problem is not None:
            yield f"source.{name} cannot be asked, and stays at {held.pin.revision[:7]}: {held.problem}"


def _lacking_labels(sources: Sources, planned: PlannedDeployment) -> Iterator[str]:
    """Of which workflows runs would wait, since nobody serves who has the labels that they need."""
    labels = LabelsOfServing(sources.opened)
    for name, spec in planned.proposal.specs.items():
        lacking = labels.lacking(planned.proposal.project.name, planned.environment, spec.runs_on)
        if lacking is not None:
            yield f"runs of {name} will wait, since no process that serves has {named(lacking.runs_on)}"


def told_in_a_line(diagnostics: Diagnostics) -> str:
    """The first mistakes in files, with their places."""
    errors = [one for one in diagnostics if one.severity.value == "error"] or list(diagnostics)
    told = []
    for one in errors[:MOST_ERRORS]:
        place = f"{one.subject.file.name}:{one.subject.line}: " if one.subject else ""
        told.append(f"{place}{one.summary}")
    more = f"; and {len(errors) - MOST_ERRORS} more" if len(errors) > MOST_ERRORS else ""
    return "; ".join(told) + more


def look_for_upstream(sources: Sources, text: str, key_file: str | None) -> Upstream:
    """The branch that `text` names (`origin/main`), in the clone's configuration; the remote is not asked.

    Raises:
        UsageError: There is no such remote.
        CronicleError: The clone cannot be read, or the remote has an address that is not accepted.
    """
    repository = open_clone(_clone(sources))
    upstream = find_upstream(repository, text)
    origin_of(upstream.url, key_file, sources.environ, folder=repository.where)
    return upstream
