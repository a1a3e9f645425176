"""A plan in a file: written by `plan --out`, and applied later, exactly as it was, if nothing has moved meanwhile.

Rules:

1. The file holds what a person has agreed to: the commit, the values of variables, what sources were pinned to, the
   deployment that it was compared with, and the plan itself. It is for its owner only (0600).
2. Values of sensitive variables are not in it. They are given again when it is applied, and have to be the same: the
   file has hashes of them that are keyed with the store's salt. Where there was no store yet nothing can tell.
3. It is applied only if the deployment in force is the one it was compared with, what it calls the revision names
   that commit still, the sources' refs name the commits that it pins, and comparing anew finds the same changes.
4. A file of another program, of a newer format, or one that is damaged, is said to be so; nothing is read into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from attrs import frozen

from cronicle import __version__
from cronicle.errors import CronicleError
from cronicle.folders import put_file
from cronicle.git.errors import GitError
from cronicle.operations.plan import PlannedDeployment
from cronicle.operations.propose import Fixed, Proposal, open_project, propose
from cronicle.operations.sources import Sources
from cronicle.runs.sensitive import is_marked, sealed_values
from cronicle.store.records import Actor, DeploymentRecord, SourcePin

Json = Any

FORMAT: Final = 1
"""The version of the format; a reader knows those up to its own."""

LARGEST: Final = 64 << 20
"""Bytes of a file that are read: a plan of ten thousand tasks has some millions."""

COMPARED: Final = {
    "changes": "workflows",
    "prepares": "preparations",
    "variables": "variables",
    "settings": "settings",
    "sources": "sources",
}
"""Of what a plan says what does not go by the clock, nor by the runs there are; and what messages call it."""

_KEYED: Final = frozenset(
    {"old_fingerprint", "new_fingerprint", "old_deep_fingerprint", "new_deep_fingerprint"}
)
"""Made with the store's salt where something is sensitive; without a store with a new one each time."""


@frozen(kw_only=True)
class SavedPlan:
    """What a file with a plan holds."""

    cronicle_plan: int
    """The version of the format."""
    program: str
    """The release that wrote it."""
    made_at: datetime
    made_by: Actor
    store: str | None
    """The id of the store; None if there was none."""
    project: str
    root_commit: str
    folder: str
    """The project's folder in the repository."""
    environment: str
    asked: str
    """How the revision was named: `HEAD`."""
    revision: str
    deployment: int | None
    """The number of the deployment that was in force; None if there was none."""
    values: Mapping[str, Json]
    """Of the variables that are not sensitive, in the stored form."""
    sensitive: Mapping[str, Json]
    """Of the others what stands for their values: hashes, or null where there was no store."""
    pins: tuple[SourcePin, ...]
    plan: Mapping[str, Json]
    """As `plan --json` says it."""


def saved_plan(
    sources: Sources, planned: PlannedDeployment, asked: str, document: Mapping[str, Json]
) -> SavedPlan:
    """What is to be written of a plan.

    Args:
        sources: Where it was made.
        planned: The plan, of a commit.
        asked: How its revision was named.
        document: What `plan --json` says of it.
    """
    proposal = planned.proposal
    assert proposal.revision is not None
    values = proposal.project.values
    return SavedPlan(
        cronicle_plan=FORMAT,
        program=__version__,
        made_at=sources.now(),
        made_by=sources.actor,
        store=sources.store.get_store_id() if sources.store else None,
        project=proposal.project.name,
        root_commit=proposal.root_commit(),
        folder=proposal.folder,
        environment=planned.environment,
        asked=asked,
        revision=proposal.revision,
        deployment=planned.deployment.number if planned.deployment else None,
        values={name: value for name, value in values.items() if not is_marked(value)},
        sensitive=_sealed(sources, values),
        pins=tuple(held.pin for held in proposal.held.values()),
        plan=document,
    )


def _sealed(sources: Sources, values: Mapping[str, Json]) -> dict[str, Json]:
    marked = {name: value for name, value in values.items() if is_marked(value)}
    if sources.store is None:
        return dict.fromkeys(marked)
    return sealed_values(marked, sources.store.get_salt())


def write_plan(path: Path, saved: SavedPlan) -> None:
    """Write a plan to a file, in place of what was there.

    Raises:
        CronicleError: The file cannot be written.
    """
    content = msgspec.json.format(msgspec.json.encode(saved), indent=2) + b"\n"
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        put_file(path, content, replace=True)
    except OSError as error:
        raise CronicleError(
            f"the plan cannot be written to {path}: {error.strerror}",
            "Name a file in a folder that exists and that you may write: cronicle plan --out FILE",
        ) from error


def read_plan(path: Path) -> SavedPlan:
    """The plan in a file.

    Raises:
        CronicleError: It cannot be read, is no plan, is damaged, or is of a newer program.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise CronicleError(
            f"the plan {path} cannot be read: {error.strerror}",
            "Name the file that was written by: cronicle plan --out FILE",
        ) from error
    try:
        if len(content) > LARGEST:
            raise ValueError(f"it has more than {LARGEST >> 20} MB")
        loose = msgspec.json.decode(content)
        version = loose.get("cronicle_plan") if isinstance(loose, dict) else None
        if not isinstance(version, int):
            raise TypeError("it does not say that it is one")
        if version > FORMAT:
            raise CronicleError(
                f"the plan {path} was made by a newer program ({loose.get('program')}), and this one "
                f"({__version__}) does not know its format {version}",
                "Upgrade cronicle on this machine, or make the plan with this program: cronicle plan --out FILE",
            )
        return msgspec.convert(loose, SavedPlan)
    except (ValueError, TypeError, msgspec.MsgspecError, RecursionError) as error:
        raise CronicleError(
            f"{path} is no plan, or a damaged one: {error}", "Make it anew: cronicle plan --out FILE"
        ) from error


def propose_saved(sources: Sources, saved: SavedPlan) -> Proposal:
    """The project as a saved plan has it, compiled from its commit.

    Raises:
        InvalidProjectError: Its files have errors: a value for a sensitive variable may be missing.
        CronicleError: It is of another project, or its commit is not there any more.
    """
    repository, _ = open_project(sources.where)
    root_commit = repository.root_commit(repository.head())
    if (saved.root_commit, saved.folder) != (root_commit, sources.where.prefix):
        raise CronicleError(
            f"the plan is of the project {saved.project}, whose repository began with {saved.root_commit[:7]}"
            f"{f' (its folder {saved.folder})' if saved.folder else ''}, and not of the one in this folder",
            "Change into a clone of that project, and repeat the command.",
        )
    return propose(sources, revision=saved.revision, fixed=Fixed(values=saved.values, pins=saved.pins))


def check_unmoved(sources: Sources, saved: SavedPlan, planned: PlannedDeployment, document: Json) -> None:
    """See to it that what a saved plan was made of is as it was.

    Args:
        sources: Where it is to be applied.
        saved: The plan.
        planned: The same proposal, compared with what is deployed now.
        document: What `plan --json` says of that.

    Raises:
        CronicleError: It is not; the message says what has moved.
    """
    moved = list(_moved(sources, saved, planned))
    if not moved and saved.deployment == _number(planned.deployment):
        moved += _differing(saved, document)
    if moved:
        raise CronicleError(
            f"the plan of {saved.made_by.user}@{saved.made_by.host} for {saved.project}/{saved.environment} does "
            f"not hold any more: {'; '.join(moved)}",
            "Nothing was deployed. Make a new plan and look at it: cronicle plan --out FILE",
        )


def _moved(sources: Sources, saved: SavedPlan, planned: PlannedDeployment) -> Iterator[str]:
    if saved.store is not None and sources.store is not None and saved.store != sources.store.get_store_id():
        yield "it was made for another store"
    now = planned.deployment
    if saved.deployment != _number(now):
        was = "nothing was" if saved.deployment is None else f"deployment {saved.deployment} was"
        yield f"{was} deployed then, and {_told(now)} now"
    yield from _moved_revision(planned.proposal, saved)
    before = {pin.name: pin for pin in saved.pins}
    for name, held in planned.proposal.held.items():
        old = before.pop(name, None)
        if old is not None and old.revision != held.pin.revision:
            ref = old.ref or "HEAD"
            yield f"{ref} of source.{name} was {old.revision[:7]}, and is {held.pin.revision[:7]}"
    if sources.store is not None:
        values = planned.proposal.project.values
        for name, seal in _sealed(sources, values).items():
            if (sealed := saved.sensitive.get(name)) is not None and sealed != seal:
                yield f"the variable {name}, which is sensitive, has another value than the plan was made with"


def _moved_revision(proposal: Proposal, saved: SavedPlan) -> Iterator[str]:
    try:
        revision = proposal.repository.resolve(saved.asked)
    except GitError:
        yield f"{saved.asked} was {saved.revision[:7]}, and names no commit now"
        return
    if revision != saved.revision:
        yield f"{saved.asked} was {saved.revision[:7]}, and is {revision[:7]}"


def _differing(saved: SavedPlan, document: Json) -> Iterator[str]:
    """What comparing anew finds to be otherwise: another release may see more, or the file was edited."""
    left_out = _KEYED if saved.store is None else frozenset[str]()
    told = [
        name
        for key, name in COMPARED.items()
        if _without(saved.plan.get(key), left_out) != _without(_as_stored(document.get(key)), left_out)
    ]
    if told:
        by = f" (it was made by cronicle {saved.program}, this is {__version__})"
        yield (
            f"compared anew, it would change other {', '.join(told)} than it says"
            f"{by if saved.program != __version__ else ''}"
        )


def _without(value: Json, names: frozenset[str]) -> Json:
    """JSON without the members of these names, wherever they are."""
    if isinstance(value, dict):
        return {name: _without(inner, names) for name, inner in value.items() if name not in names}
    return [_without(inner, names) for inner in value] if isinstance(value, list) else value


def _as_stored(part: Json) -> Json:
    return msgspec.json.decode(msgspec.json.encode(part))


def _number(deployment: DeploymentRecord | None) -> int | None:
    return deployment.number if deployment else None


def _told(deployment: DeploymentRecord | None) -> str:
    if deployment is None:
        return "nothing is"
    return f"deployment {deployment.number} ({deployment.revision[:7]}, by {deployment.actor.user}) is"
