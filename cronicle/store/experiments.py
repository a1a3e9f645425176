"""What an isolated run is for, as its record holds it."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from cronicle.values import Value


class Data(StrEnum):
    """What is in the data folder of an isolated run when it starts."""

    EMPTY = "empty"
    """Nothing, but what tasks have made that it carries over."""
    COPY = "copy"
    """A copy of the lasting one, as that was then."""


class Verdict(StrEnum):
    """What a `bisect` has found of a commit."""

    GOOD = "good"
    BAD = "bad"
    SKIP = "skip"
    """It cannot be told."""


@frozen(kw_only=True, eq=False, repr=False)
class Experiment(Value):
    """What an isolated run is for, which does not count: `bisect`, `reproduce`, `trial`, or just to be run."""

    of: str | None = None
    """The run that it repeats, or is compared with."""
    session: str | None = None
    """Names the runs that belong together: the id of the first of a `bisect` or `trial`."""
    secrets: bool = False
    """True if its tasks get the values of secrets."""
    data: Data = Data.EMPTY
    judge: str | None = None
    """The command that tells good from bad (`bisect --run`); None: whether the run succeeds does."""
    verdict: Verdict | None = None
    """What a `bisect` has found, once it has."""

    @property
    def never_counts(self) -> bool:
        """True if no retry of it counts, whatever is deployed: it was made to be looked at, not for its result."""
        return self.of is not None or self.session is not None
