"""How the revision that is proposed lies to the one that is deployed: further, back, or somewhere else."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from cronicle.execute.places import mirror_path
from cronicle.git.mirror import Mirror
from cronicle.operations.propose import Proposal
from cronicle.operations.sources import Sources


class Way(StrEnum):
    """Where a plan leads in history."""

    SAME = "same"
    FURTHER = "further"
    """What is deployed is in the history of what is proposed."""
    BACK = "back"
    """What is proposed is in the history of what is deployed."""
    APART = "apart"
    """Neither: history was rewritten (a forced push), or it is another branch."""


@frozen(kw_only=True)
class Course:
    """From one revision to another, counted in commits."""

    way: Way
    added: int | None = None
    """Commits that only the proposed one has in its history; None if they cannot be counted."""
    removed: int | None = None
    """Commits that only the deployed one has."""


def course_of(sources: Sources, proposal: Proposal, deployed: str) -> Course | None:
    """The course of a plan; None for a working directory, and where history is not known so far back.

    A commit that this clone does not have is not in the history of any that it has. It may have been rewritten, or
    not been fetched yet; the mirror of the project still has it.
    """
    proposed = proposal.revision
    if proposed is None:
        return None
    if proposed == deployed:
        return Course(way=Way.SAME, added=0, removed=0)
    if (distance := proposal.history.distance(deployed, proposed)) is not None:
        way = Way.FURTHER if not distance.removed else Way.APART if distance.added else Way.BACK
        return Course(way=way, added=distance.added, removed=distance.removed)
    if proposal.history.shallow_cut():
        return None
    path = mirror_path(sources.files, proposal.project.name)
    mirror = Mirror.open_or_create(path) if path.exists() else None
    back = None if mirror is None else mirror.distance(deployed, proposed)
    if back is not None and not back.added:
        return Course(way=Way.BACK, added=0, removed=back.removed)
    return Course(way=Way.APART)
