"""What comes of looking at a branch that is followed; plain values, which need neither git nor HCL."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from cronicle.errors import CronicleError
from cronicle.store.following import FollowProblem, FollowTrouble
from cronicle.store.records import DeploymentRecord

if TYPE_CHECKING:
    from grammar.diagnostics import Diagnostics


@frozen(kw_only=True)
class Tip:
    """The commit that a branch names."""

    revision: str
    mirror: Path
    """The mirror that it was fetched into."""


class OutOfReachError(CronicleError):
    """It is not known what the branch names now; `kind` says whether it is the repository or the branch."""

    def __init__(self, kind: FollowTrouble, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.kind = kind


@frozen(kw_only=True)
class Before:
    """What was known of a branch when somebody looked last."""

    seen: str | None = None
    since: datetime | None = None
    """When that was seen first; None if nothing was."""


@frozen(kw_only=True)
class Wrong:
    """Why a commit was not deployed."""

    kind: FollowTrouble
    text: str
    remedy: str = ""
    diagnostics: Diagnostics = ()


@frozen(kw_only=True)
class Outcome:
    """What became of a commit."""

    project: str
    """Empty if no project was known yet, and none was found."""
    environment: str
    made: DeploymentRecord | None = None
    """The deployment that was made of it."""
    kept: str | None = None
    """Why nothing was to be done."""
    wrong: Wrong | None = None
    """Why it could not be deployed."""
    rewritten: str | None = None
    """That the history of the branch was rewritten, in a sentence."""
    warnings: tuple[str, ...] = ()
    is_overtaken: bool = False
    """True if somebody deployed something else meanwhile: it is to be looked at again."""


def trouble_text(problem: FollowProblem) -> str:
    """What is wrong with a branch, in a line."""
    text, commit = " ".join(problem.text.split()).removesuffix("."), str(problem.revision)[:7]
    match problem.kind:
        case FollowTrouble.UNREACHABLE:
            return f"it is out of reach: {text}"
        case FollowTrouble.INVALID:
            return f"{commit} cannot be deployed, its files have errors: {text}"
        case FollowTrouble.REFUSED:
            return f"{commit} cannot be deployed: {text}"
        case _:
            return text
