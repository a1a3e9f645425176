"""A workflow as each commit of a history has it: compiled when it is asked for, from the mirror."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define, evolve, field, frozen

from cronicle.errors import CronicleError
from cronicle.git.mirror import Mirror
from cronicle.git.repository import Repository
from cronicle.operations.experiments import params_like
from cronicle.operations.hold_sources import keep_sources
from cronicle.operations.propose import InvalidProjectError, Proposal, propose_past
from cronicle.operations.sources import Sources
from cronicle.plan.bisection import behaviour
from cronicle.runs.spec import RunSpec
from cronicle.store.records import DeploymentRecord, RunRecord
from cronicle.values import Value

Json = Any


@frozen(kw_only=True, eq=False, repr=False)
class Compiled(Value):
    """The workflow at a commit."""

    revision: str
    spec: RunSpec
    spec_hash: str
    params: Mapping[str, Json]
    behaviour: str
    """Equal for commits at which its run ends alike."""
    proposal: Proposal


@frozen(kw_only=True, eq=False, repr=False)
class Unfit(Value):
    """A commit at which the workflow cannot be run."""

    revision: str
    why: str
    error: CronicleError


@define(kw_only=True, eq=False, repr=False)
class Commits:
    """The workflow at commits; each is compiled once."""

    sources: Sources
    repository: Repository
    mirror: Mirror
    workflow: str
    values: Mapping[str, Json] | None
    """Of variables, where `--var` says nothing; None: those of the deployment in force."""
    like: RunRecord | None
    """The run whose parameters are chosen again, where it chose any."""
    own: RunSpec | None
    """The spec of that."""
    params: Mapping[str, Json]
    """Those that were given."""
    is_exact: bool = False
    """True if only commits with the same files are alike (`--no-reuse`)."""
    _known: dict[str, Compiled | Unfit] = field(factory=dict)

    def at(self, revision: str) -> Compiled | Unfit:
        """The workflow at a commit, or why it cannot be run there."""
        found = self._known.get(revision)
        if found is None:
            found = self._known[revision] = self._compiled(revision)
        return found

    def keep(self, compiled: Compiled) -> None:
        """See to it that a run of a commit has all it needs: its spec, its files, the commits of its sources."""
        self.sources.opened.put_spec(compiled.proposal.spec_bytes(self.workflow))
        self.mirror.pin(self.mirror, compiled.revision)
        keep_sources(self.sources, compiled.proposal.held)

    def alike(self, revision: str, spec: RunSpec, params: Mapping[str, Json]) -> str:
        """What is equal for commits at which the workflow ends alike."""
        if self.is_exact:
            return str(self.mirror.commit(revision).tree_id)
        return behaviour(spec, params)

    def _compiled(self, revision: str) -> Compiled | Unfit:
        try:
            proposal = propose_past(self.sources, self.repository, self.mirror, revision, self.values)
            if self.workflow not in proposal.specs:
                why = f"there is no workflow {self.workflow}"
                return Unfit(revision=revision, why=why, error=CronicleError(f"{why} at {revision[:7]}"))
            spec = proposal.specs[self.workflow]
            params = params_like(spec, self.like, self.own, self.params)
        except InvalidProjectError as error:
            first = next((each for each in error.diagnostics if each.is_error), None)
            why = f"its files have errors: {first.summary}" if first else "its files have errors"
            return Unfit(revision=revision, why=why, error=error)
        except CronicleError as error:
            return Unfit(revision=revision, why=error.message, error=error)
        return Compiled(
            revision=revision,
            spec=spec,
            spec_hash=proposal.deployed_workflow(self.workflow).spec_hash,
            params=params,
            behaviour=self.alike(revision, spec, params),
            proposal=proposal,
        )


def chosen_values(
    sources: Sources, repository: Repository, mirror: Mirror, deployment: DeploymentRecord | None
) -> Mapping[str, Json] | None:
    """The values that somebody has given to variables when they were deployed; None without a deployment.

    A variable that had the value which its revision itself gives it (its default, or `ENVIRONMENT.vars.hcl`) has at
    each commit what that gives: a changed default is a change like any other.
    """
    if deployment is None or deployment.ended:
        return None
    there = evolve(sources, var=(), var_files=())
    try:
        proposal = propose_past(there, repository, mirror, deployment.revision, deployment.values)
    except CronicleError:  # of an older release, or not in the mirror: then all of them stay
        return deployment.values
    variables = proposal.project.variables
    return {
        name: value
        for name, value in deployment.values.items()
        if name not in variables or value is None or variables[name].own_value != value
    }
