"""Deployments as the user's repository shows them: commits on a ref of each environment, which may be pushed.

Rules:

1. The store's row is the truth. What the ref lacks of it is written with the next deployment, or on request: those
   that others have made, or a scheduler, or all that are at hand if the ref is gone.
2. A commit says who, when and what: the text of the plan, cut to a bound, and trailers. Values of variables stand in
   it by a hash only, but for those that a plan shows; sensitive ones by a keyed hash.
3. Where several clones push, each takes over what another has pushed, if it is of the same store. Of another store it
   is left as it is, and nothing is pushed over it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Final

import msgspec
from attrs import frozen

from cronicle.errors import CronicleError
from cronicle.execute.places import mirror_path
from cronicle.git.errors import GitError
from cronicle.git.mirror import Mirror
from cronicle.git.refs import deployment_ref, read_deployment_ref, read_trailers, write_deployment_ref
from cronicle.git.remotes import NamedRemote, NotPushedError, fetch_ref, find_remote, move_ref, push_ref
from cronicle.git.repository import Identity, Repository
from cronicle.git.transport import NOT_IN_OURS
from cronicle.operations.hold_sources import at_home
from cronicle.operations.sources import Sources
from cronicle.plan.changes import plan_from_json
from cronicle.plan.summary import summary_lines
from cronicle.runs.sensitive import sealed_values
from cronicle.store.records import Actor, DeploymentRecord

NUMBER: Final = "Cronicle-Deployment"
VALUES: Final = "Cronicle-Values"

MOST_LINES, LONGEST_LINE = 200, 400
"""Of the text of a plan in a commit's message."""
MOST_WRITTEN_AGAIN: Final = 100
"""Deployments that are written when a ref is gone."""

_COLOUR: Final = re.compile(r"\033\[[0-9;]*m")


@frozen(kw_only=True)
class Pushed:
    """What came of pushing the deployments of an environment."""

    remote: str
    environment: str
    problem: CronicleError | None = None
    """Why they are not there; None: they are."""


def show_in_git(
    sources: Sources, repository: Repository, made: DeploymentRecord, text: str | None = None
) -> None:
    """Write a deployment's commit on its ref, after those that the ref lacks.

    A revision that the clone lacks is copied there from the mirror.

    Args:
        sources: The store, and who asks.
        repository: The user's.
        made: The deployment.
        text: What it changed, for people; None: as short as can be.

    Raises:
        GitError: It cannot be written.
    """
    Mirror.open_or_create(mirror_path(sources.files, made.project)).lend(repository, made.revision)
    before = read_deployment_ref(repository, made.project, made.environment)
    for one in _lacking(sources, repository, made, before):
        is_new = one.number == made.number
        try:
            body = summary_of(one) if text is None or not is_new else text
            before = _write(sources, repository, one, before, cut(body))
        except GitError:
            if is_new:
                raise


def _lacking(
    sources: Sources, repository: Repository, made: DeploymentRecord, tip: str | None
) -> Iterator[DeploymentRecord]:
    """The deployments up to this one that a ref does not show, oldest first."""
    known = made.number - 1
    if tip is None:
        known = max(0, made.number - MOST_WRITTEN_AGAIN)
    elif (shown := _shown(sources, repository, made, tip)) is not None:
        known = shown.number
    since = sources.opened.list_deployments_since(made.project, made.environment, known)
    yield from (one for one in since if one.number <= made.number)


def _shown(
    sources: Sources, repository: Repository, of: DeploymentRecord, commit: str
) -> DeploymentRecord | None:
    """The deployment of this store that a commit shows; None if it is of another."""
    trailers = read_trailers(repository, commit)
    number = trailers.get(NUMBER, "")
    if not number.isdecimal():
        return None
    found = sources.opened.find_deployment(of.project, of.environment, int(number))
    if found is None or trailers.get(VALUES) != values_hash(found, sources.opened.get_salt()):
        return None
    parents = repository.commit_info(commit).parents
    return found if parents and parents[-1] == found.revision else None


def _write(
    sources: Sources,
    repository: Repository,
    made: DeploymentRecord,
    before: str | None,
    body: str,
) -> str:
    return write_deployment_ref(
        repository,
        made.project,
        made.environment,
        made.revision,
        before,
        _identity(sources, repository, made.actor),
        made.created_at,
        title_of(made) + (f"\n\n{body}" if body else ""),
        _trailers(sources, made),
    )


def _identity(sources: Sources, repository: Repository, actor: Actor) -> Identity:
    """Who committed: whoever deployed, as git knows them if that is who asks now."""
    mine = repository.identity(sources.environ, sources.user, sources.host)
    if (actor.user, actor.host) == (sources.user, sources.host):
        return mine
    return Identity(actor.user, f"{actor.user}@{actor.host}")


def title_of(made: DeploymentRecord) -> str:
    """The subject of a deployment's commit."""
    where = f"{made.project}/{made.environment}"
    if made.ended:
        return f"End: {where}"
    what = "Deploy"
    if made.rolled_back_to:
        what = f"Roll back to deployment {made.rolled_back_to}"
    elif made.promoted_from:
        what = f"Promote from {made.promoted_from.environment}"
    return f"{what}: {where} at {made.revision[:12]}"


def _trailers(sources: Sources, made: DeploymentRecord) -> dict[str, str]:
    pins = " ".join(f"{pin.name}={pin.revision}" for pin in made.pins)
    promoted, expires = made.promoted_from, made.expires_at
    trailers = {
        NUMBER: str(made.number),
        VALUES: values_hash(made, sources.opened.get_salt()),
        "Cronicle-Sources": pins,
        "Cronicle-Promoted-From": f"{promoted.environment} {promoted.number}" if promoted else "",
        "Cronicle-Signer": made.signer or "",
        "Cronicle-Expires": f"{expires.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if expires else "",
    }
    return {name: value for name, value in trailers.items() if value}


def summary_of(made: DeploymentRecord) -> str:
    """What a deployment changed, as short as can be."""
    if made.plan is None:
        return ""
    try:
        plan = plan_from_json(msgspec.json.decode(made.plan))
        return "\n".join((*plan.notes, *summary_lines(plan)))
    except msgspec.DecodeError:  # of a release that had another
        return ""


def cut(text: str) -> str:
    """A text as the body of a commit's message: without colours, and not longer than a bound."""
    lines = [line.rstrip() for line in _COLOUR.sub("", text).strip("\n").splitlines()]
    kept = [
        line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…" for line in lines[:MOST_LINES]
    ]
    if len(lines) > MOST_LINES:
        kept.append(f"… {len(lines) - MOST_LINES:,} further lines")
    return "\n".join(kept)


def values_hash(deployment: DeploymentRecord, salt: str) -> str:
    """A hash of the values of all variables; the values themselves never stand in git.

    Those that are sensitive go into it by a hash that is keyed with the store's salt, so that they cannot be guessed.
    """
    values = sealed_values(deployment.values, salt)
    return hashlib.sha256(msgspec.json.encode(values, order="sorted")).hexdigest()


# Pushing


def remote_for(
    sources: Sources, repository: Repository, text: str, deployment: DeploymentRecord | None
) -> NamedRemote:
    """The remote that a text names, with the key that the project has for the one that it names itself.

    Raises:
        GitError: It names nothing, or what is not accepted.
    """
    settings = ((deployment.settings if deployment else None) or {}).get("git") or {}
    key_file = settings.get("key_file") if settings.get("remote") == text else None
    key = None if key_file is None else Path(at_home(key_file, sources.environ))
    return find_remote(repository, text, sources.cwd, key)


def take_over(
    sources: Sources, repository: Repository, deployment: DeploymentRecord, remote: NamedRemote
) -> None:
    """Take over what the other repository shows of the deployments of an environment, if it is of this store.

    Raises:
        GitError: It cannot be asked.
    """
    ref = deployment_ref(deployment.project, deployment.environment)
    theirs = fetch_ref(repository, remote, ref)
    mine = read_deployment_ref(repository, deployment.project, deployment.environment)
    if theirs is None or theirs == mine or (mine is not None and repository.is_ancestor(theirs, mine)):
        return
    follows = mine is None or repository.is_ancestor(mine, theirs)
    if follows or _shown(sources, repository, deployment, theirs) is not None:
        move_ref(repository, ref, theirs)


def push_deployments(
    sources: Sources,
    repository: Repository,
    deployment: DeploymentRecord,
    remote: NamedRemote,
) -> Pushed:
    """Push what git shows of the deployments of an environment, which is brought up to date before.

    Args:
        sources: The store, and who asks.
        repository: The user's.
        deployment: The one in force.
        remote: Where it is pushed to.
    """
    where = f"{deployment.project}/{deployment.environment}"
    ref = deployment_ref(deployment.project, deployment.environment)
    problem: CronicleError | None = None
    try:
        take_over(sources, repository, deployment, remote)
        show_in_git(sources, repository, deployment)
        push_ref(repository, remote, ref)
    except NotPushedError as error:
        problem = error
        if error.message.endswith(NOT_IN_OURS):
            problem = NotPushedError(
                f"{remote.name} shows deployments of {where} that were not made in this store: somebody deploys "
                "from elsewhere",
                f"Look at them: git fetch {remote.name} {ref} && git log FETCH_HEAD. If they are past, remove them "
                f"there: git push {remote.name} :{ref}",
            )
    except CronicleError as error:
        problem = error
    if problem is None:
        sources.opened.add_audit(
            sources.actor,
            sources.now(),
            "push",
            f"deployment {deployment.number}",
            project=deployment.project,
            environment=deployment.environment,
            detail=f"to {remote.name}",
        )
    return Pushed(remote=remote.name, environment=deployment.environment, problem=problem)
