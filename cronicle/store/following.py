"""The rows of the store that tell which remote branches environments follow."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from attrs import evolve, field, frozen

from cronicle.values import Value


class FollowTrouble(StrEnum):
    """What may keep a branch that is followed from being deployed, or is worth an alarm."""

    UNREACHABLE = "unreachable"
    """The other repository cannot be asked now."""
    DELETED = "deleted"
    """It has no such branch."""
    REWRITTEN = "rewritten"
    """The branch no longer has the commit that was seen last in its history."""
    INVALID = "invalid"
    """The files of the project have errors, or are gone."""
    REFUSED = "refused"
    """It may not be deployed here: it is another project, is not signed, or something that it needs cannot be had."""


@frozen(kw_only=True, eq=False, repr=False)
class FollowProblem(Value):
    """Something that is wrong with a branch that is followed."""

    kind: FollowTrouble
    text: str
    """What is wrong, in sentences."""
    revision: str | None = None
    """The commit with which it is wrong; None: it is the other repository."""
    remedy: str = ""
    since: datetime
    told: bool = False
    """True once everybody who is to be told of it has been."""

    @property
    def is_of_remote(self) -> bool:
        """True if nothing is known of the branch while it lasts."""
        return self.kind in (FollowTrouble.UNREACHABLE, FollowTrouble.DELETED)

    def is_as(self, other: FollowProblem) -> bool:
        """True if that is no other problem; however it is put that a repository is out of reach, it is one."""
        if (self.kind, self.revision) != (other.kind, other.revision):
            return False
        return self.is_of_remote or self.text == other.text


@frozen(kw_only=True, eq=False, repr=False)
class FollowedRecord(Value):
    """The remote branch that an environment follows, as it was when somebody looked last."""

    project: str
    environment: str
    remote: str
    branch: str
    seen: str | None = None
    """The commit that it named last."""
    since: datetime
    """When that was seen first."""
    problems: tuple[FollowProblem, ...] = field(default=())
    """What is wrong now: with the remote first, then with the commit."""

    @property
    def name(self) -> str:
        """`origin/main`."""
        return f"{self.remote}/{self.branch}"

    @property
    def untold(self) -> tuple[FollowProblem, ...]:
        """The problems that somebody is still to be told of."""
        return tuple(one for one in self.problems if not one.told)

    @property
    def of_commit(self) -> tuple[FollowProblem, ...]:
        """The problems with the commit that was seen last."""
        return tuple(one for one in self.problems if not one.is_of_remote)

    def out_of_reach(self, problem: FollowProblem) -> FollowedRecord:
        """The same with a problem of the remote.

        What is wrong with the commit stays so, and while nobody can be asked also that the branch is gone.
        """
        known = [one for one in self.problems if one.kind is FollowTrouble.DELETED]
        gone = known if problem.kind is FollowTrouble.UNREACHABLE else []
        return evolve(self, problems=(self._known(problem), *gone, *self.of_commit))

    def reached(self, revision: str, problems: Iterable[FollowProblem], now: datetime) -> FollowedRecord:
        """The same once the branch was found to name a commit with which these are the problems."""
        since = self.since if revision == self.seen else now
        return evolve(self, seen=revision, since=since, problems=tuple(map(self._known, problems)))

    def after_telling(self) -> FollowedRecord:
        """The same once everybody was told; that history was rewritten is over with that."""
        told = (evolve(one, told=True) for one in self.problems)
        return evolve(self, problems=tuple(one for one in told if one.kind is not FollowTrouble.REWRITTEN))

    def _known(self, problem: FollowProblem) -> FollowProblem:
        """The problem as it is known already, if it is."""
        return next((one for one in self.problems if one.is_as(problem)), problem)
