"""The binding of a project's name to its repository, and its mirror."""

from __future__ import annotations

from cronicle.errors import CronicleError
from cronicle.execute.places import mirror_path
from cronicle.git.mirror import Mirror
from cronicle.operations.propose import Proposal
from cronicle.operations.sources import Sources
from cronicle.store.reading import StoreReader
from cronicle.store.records import ProjectRecord


class ProjectTakenError(CronicleError):
    """Another repository holds the project's name in this store."""


def check_name(sources: Sources, store: StoreReader, proposal: Proposal) -> None:
    """See to it that the name of the project is free, or its own.

    Raises:
        ProjectTakenError: Another repository, or another folder of this one, holds the name.
    """
    known = store.find_project(proposal.project.name)
    if known is not None:
        _must_be_of(known, sources, proposal.root_commit(), proposal.folder)


def _must_be_of(known: ProjectRecord, sources: Sources, root_commit: str, folder: str) -> None:
    if (known.root_commit, known.folder) != (root_commit, folder):
        raise ProjectTakenError(
            f"the name {known.name!r} is taken in this store: by the project in {known.path}, "
            f"while this one is in {sources.where.folder}",
            'Give this project another name, in its cronicle.hcl: project "OTHER" { }\n'
            "or use another store: --store PATH",
        )


def bind_project(sources: Sources, proposal: Proposal) -> ProjectRecord:
    """Bind the project to its repository, or confirm it, and pin the revision in the project's mirror.

    Raises:
        ProjectTakenError: Another repository, or another folder of this one, holds the name.
    """
    assert proposal.revision is not None
    where = sources.where
    root_commit = proposal.root_commit()
    bound = sources.opened.bind_project(
        ProjectRecord(
            name=proposal.project.name,
            root_commit=root_commit,
            folder=proposal.folder,
            path=str(where.folder),
            default_environment=proposal.project.default_environment,
            created_at=sources.now(),
        ),
        sources.actor,
    )
    _must_be_of(bound, sources, root_commit, proposal.folder)
    if not proposal.dirty:
        mirror = Mirror.open_or_create(mirror_path(sources.files, bound.name))
        mirror.pin(proposal.history, proposal.revision)
    return bound
