"""What a workflow says about when its runs may be made and start, as plain data. Durations are in seconds.

It stands in the spec of every run, so that a queued run is admitted by the rules that it was made with, and in the
deployment, so that the scheduler needs no spec to know what a tick leads to.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import frozen

from cronicle.values import Value

__all__ = ["AfterState", "Overlap", "Policy"]


class Overlap(StrEnum):
    """What becomes of a tick while a run that a tick has made is live."""

    ALLOW = "allow"
    SKIP = "skip"
    """The new one makes a run in state `skipped`."""
    QUEUE = "queue"
    """They start one after the other, in the order of their logical times."""
    CANCEL = "cancel"
    """The older one is cancelled (`superseded`), and the new one starts when that has ended."""


class AfterState(StrEnum):
    """How a run must have ended for those `after` it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FINISHED = "finished"


@frozen(kw_only=True, eq=False, repr=False)
class Policy(Value):
    """The rules of one workflow. The defaults are those of a workflow that says nothing."""

    overlap: Overlap = Overlap.ALLOW
    queue_limit: int | None = None
    """Runs of ticks that may be queued at once; of more the newest stay. None: any number."""
    max_active_runs: int | None = None
    """Of all causes."""
    depends_on_past: bool = False
    start_within: float | None = None
    """A run that has not started so long after its logical time (jitter included) is skipped (`too_late`)."""
    requires: tuple[str, ...] = ()
    """Workflows whose ticks in the run's interval must have succeeded."""
    after: tuple[str, ...] = ()
    """Workflows whose runs of a logical time make one of this workflow."""
    after_state: AfterState = AfterState.SUCCEEDED
    on_deploy: bool = False
    priority: int = 0
    """The larger starts first."""
    lock: Mapping[str, Any] | None = None
    """A key with one holder, as `cronicle.runs.spec.Lazy`: `{"known": …}` or `{"expression": …}`."""
    late_after: float | None = None
    fresh_within: float | None = None
    pause_after_failures: int | None = None

    @property
    def minds_live_runs(self) -> bool:
        """True if it depends on what else is live of the workflow whether a run may start."""
        return self.overlap is not Overlap.ALLOW or self.max_active_runs is not None

    @property
    def minds_older_runs(self) -> bool:
        """True if a run of a tick waits even for those that have not started themselves."""
        return self.overlap in (Overlap.QUEUE, Overlap.CANCEL)

    @property
    def limits_nothing(self) -> bool:
        """True if every run may start as soon as it is made: admission need not be asked."""
        return (
            not self.minds_live_runs
            and not self.depends_on_past
            and self.start_within is None
            and not self.requires
            and self.lock is None
        )
