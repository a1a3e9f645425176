"""What environments follow: lines for people, and shapes for JSON."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from attrs import frozen

from cronicle.operations.followed import trouble_text
from cronicle.store.following import FollowedRecord, FollowProblem
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeploymentRecord
from cronicle.views.naming import Naming
from cronicle.views.words import about, relative, short


@frozen(kw_only=True, slots=False)
class FollowProblemShape:
    """What is wrong with a branch that is followed."""

    kind: str
    """`unreachable`, `deleted`, `rewritten`, `invalid` or `refused`."""
    text: str
    remedy: str | None
    revision: str | None
    """The commit with which it is wrong; null if it is the other repository."""
    since: datetime


@frozen(kw_only=True, slots=False)
class FollowShape:
    """The remote branch that an environment follows."""

    project: str
    environment: str
    remote: str
    branch: str
    seen: str | None
    """The commit that it named last."""
    seen_since: datetime
    deployed_revision: str | None
    deployment: int | None
    problems: tuple[FollowProblemShape, ...]


def followed_in(
    store: StoreReader, project: str | None, environment: str | None
) -> tuple[FollowedRecord, ...]:
    """What is followed in a project and environment (None: in any)."""
    return tuple(
        one
        for one in store.list_followed()
        if project in (None, one.project) and environment in (None, one.environment)
    )


def follow_lines(
    store: StoreReader, followed: Iterable[FollowedRecord], naming: Naming, now: datetime
) -> list[str]:
    """A line for each branch that is followed: how far it is deployed, or what is wrong."""
    return [_line(store, one, naming, now) for one in followed]


def _line(store: StoreReader, one: FollowedRecord, naming: Naming, now: datetime) -> str:
    deployment = _in_force(store, one)
    name = naming.place(one.project, one.environment)
    begin = f"{name} follows {one.name}" if name else f"follows {one.name}"
    return f"{begin}: {state_text(one, deployment, now)}"


def state_text(one: FollowedRecord, deployment: DeploymentRecord | None, now: datetime) -> str:
    """How a branch that is followed is doing."""
    if one.problems:
        return "; ".join(_problem_text(problem, deployment, now) for problem in one.problems)
    if one.seen is None:
        return "nothing was seen of it yet"
    if deployment is None or deployment.revision != one.seen:
        held = "nothing" if deployment is None else f"{short(deployment.revision)}, by hand,"
        return f"at {short(one.seen)}; {held} is deployed until the branch moves"
    return f"at {short(one.seen)}, deployed {relative(deployment.created_at, now)}"


def _problem_text(problem: FollowProblem, deployment: DeploymentRecord | None, now: datetime) -> str:
    stays = f"; {short(deployment.revision)} stays deployed" if deployment is not None else ""
    return f"{trouble_text(problem)} (since {about((now - problem.since).total_seconds())}){stays}"


def follow_documents(store: StoreReader, followed: Iterable[FollowedRecord]) -> list[Any]:
    """What is followed as JSON."""
    import msgspec

    return [msgspec.to_builtins(_shape(store, one)) for one in followed]


def _in_force(store: StoreReader, one: FollowedRecord) -> DeploymentRecord | None:
    last = store.find_deployment(one.project, one.environment)
    return None if last is None or last.ended else last


def _shape(store: StoreReader, one: FollowedRecord) -> FollowShape:
    deployment = _in_force(store, one)
    return FollowShape(
        project=one.project,
        environment=one.environment,
        remote=one.remote,
        branch=one.branch,
        seen=one.seen,
        seen_since=one.since,
        deployed_revision=deployment.revision if deployment else None,
        deployment=deployment.number if deployment else None,
        problems=tuple(map(problem_shape, one.problems)),
    )


def problem_shape(problem: FollowProblem) -> FollowProblemShape:
    """A problem as JSON shows it."""
    return FollowProblemShape(
        kind=problem.kind.value,
        text=problem.text,
        remedy=problem.remedy or None,
        revision=problem.revision,
        since=problem.since,
    )
