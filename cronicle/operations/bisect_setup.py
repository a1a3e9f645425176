"""From what is asked of `bisect` to a search that can begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from cronicle.errors import CronicleError
from cronicle.execute.places import mirror_path
from cronicle.git.mirror import Mirror
from cronicle.git.repository import Repository
from cronicle.operations.addresses import Addresses
from cronicle.operations.binding import bind_project, check_name
from cronicle.operations.bisect import Bisection, Question
from cronicle.operations.bisect_commits import Commits, Compiled, Unfit, chosen_values
from cronicle.operations.bisect_ends import check_state, end_named, like_of, range_between
from cronicle.operations.deployed import Target, find_target
from cronicle.operations.experiments import Isolation, check_rerun, check_secrets, when_of
from cronicle.operations.params import given_param
from cronicle.operations.propose import open_project, propose
from cronicle.operations.sources import Sources
from cronicle.operations.times import series_of, time_of_run
from cronicle.runs.spec import spec_from_bytes
from cronicle.store.records import RunRecord


@frozen(kw_only=True)
class Asked:
    """What is asked for, as it was typed."""

    workflow: str
    good: str
    bad: str
    time: str | None
    series: str | None
    judge: str | None
    isolation: Isolation
    param: tuple[str, ...]
    var: tuple[str, ...]
    no_reuse: bool
    anew: bool


@frozen(kw_only=True)
class SetUp:
    """A search that can begin."""

    bisection: Bisection
    bad: Compiled
    mirror: Mirror
    to_confirm: tuple[str, ...]
    """Tasks that are executed only if somebody agrees to that."""


def target_of(sources: Sources, asked: Asked) -> Target:
    """The project and environment of the search; one that the store does not know is bound to it.

    Raises:
        CronicleError: There is no such project.
    """
    try:
        return find_target(sources.opened, sources.where, sources.environment, sources.project)
    except CronicleError:
        if sources.project is not None or sources.where.folder is None:
            raise
    proposal = propose(sources, revision=asked.bad, deployed_values=True)
    check_name(sources, sources.opened, proposal)
    return Target(bind_project(sources, proposal), proposal.project.environment)


def set_up(sources: Sources, target: Target, addresses: Addresses, asked: Asked) -> SetUp:
    """The search that is asked for.

    Raises:
        CronicleError: An end is none, nothing lies between them, or the workflow cannot be run at the bad one.
        UsageError: An option does not fit.
    """
    repository, _ = open_project(sources.where)
    mirror = Mirror.open_or_create(mirror_path(sources.files, target.project.name))
    good = end_named("--good", asked.good, addresses, repository, mirror, asked.workflow)
    bad = end_named("--bad", asked.bad, addresses, repository, mirror, asked.workflow)
    check_state(good, "--good", asked.judge)
    check_state(bad, "--bad", asked.judge)
    between = range_between(mirror, good, bad)
    like = like_of(good, bad)
    commits = _commits(sources, target, repository, mirror, asked, like)
    ends = commits.at(bad.revision)
    if isinstance(ends, Unfit):
        raise CronicleError(
            f"{asked.workflow} cannot be run at the bad end {bad.revision[:7]}: {ends.why}",
            f"Name a commit at which it can, or look at the files of that one: git show {bad.revision[:12]}",
        ) from ends.error
    commits = _with_params(commits, ends, asked)
    compiled = commits.at(bad.revision)
    assert isinstance(compiled, Compiled)
    every = tuple(task.name for task in compiled.spec.tasks)
    check_secrets(compiled.spec, every, asked.isolation)
    series, when = _time(sources, asked, compiled, like)
    question = Question(
        target=target,
        workflow=asked.workflow,
        series=series,
        when=when,
        isolation=asked.isolation,
        judge=asked.judge,
    )
    bisection = Bisection.begin(sources.opened, question, between, commits, commits.own, anew=asked.anew)
    return SetUp(
        bisection=bisection,
        bad=compiled,
        mirror=mirror,
        to_confirm=check_rerun(compiled.spec, every, f" at {bad.revision[:7]}"),
    )


def _commits(
    sources: Sources,
    target: Target,
    repository: Repository,
    mirror: Mirror,
    asked: Asked,
    like: RunRecord | None,
) -> Commits:
    store = sources.opened
    number = like.deployment if like is not None else None
    deployment = store.find_deployment(target.project.name, target.environment, number)
    plain = evolve(sources, environment=target.environment, project=target.project.name)
    return Commits(
        sources=evolve(plain, var=asked.var),
        repository=repository,
        mirror=mirror,
        workflow=asked.workflow,
        values=chosen_values(plain, repository, mirror, deployment),
        like=like,
        own=None if like is None else spec_from_bytes(store.get_spec(like.spec_hash)),
        params={},
        is_exact=asked.no_reuse,
    )


def _with_params(commits: Commits, compiled: Compiled, asked: Asked) -> Commits:
    """With the parameters that were given, read as the workflow declares them at the bad end."""
    if not asked.param:
        return commits
    spec = compiled.spec
    given = dict(given_param(spec.workflow, spec.params, text) for text in asked.param)
    return evolve(commits, params=given, known={})


def _time(
    sources: Sources, asked: Asked, compiled: Compiled, like: RunRecord | None
) -> tuple[str | None, Mapping[str, Any]]:
    """The series and the logical time that every run is for."""
    if like is not None and asked.time is None:
        return like.series, when_of(like)
    deployed = compiled.proposal.deployed_workflow(asked.workflow)
    series = asked.series or (like.series if like is not None else None)
    schedules = series_of(deployed, series)
    when = time_of_run(
        asked.workflow,
        schedules,
        compiled.spec.timezone,
        asked=asked.time,
        off_schedule=False,
        now=sources.now(),
    )
    return series, {name: value for name, value in when.items() if name != "lateness"}
