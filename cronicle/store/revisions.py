"""How the runs of a revision went, as counted by the store."""

from __future__ import annotations

from attrs import frozen

from cronicle.runs.states import RunState
from cronicle.values import Value


@frozen(kw_only=True, eq=False, repr=False)
class RevisionRuns(Value):
    """The runs of one revision of one workflow that count and have ended in one way."""

    environment: str
    revision: str
    workflow: str
    state: RunState
    count: int
    last: str
    """The id of the one that was made last."""
    last_nominal: str
    """Its nominal local date and time."""
