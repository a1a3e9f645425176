"""What becomes of the results that there are: frozen values, as the rest of a plan."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen


@frozen(kw_only=True)
class StaleTask:
    """A task of results that is stale, and why."""

    task: str
    does_differ: bool = False
    """True if it would do something else by itself; False if just something above it would."""
    attributes: tuple[str, ...] = ()
    """What differs in its file and matters: `command`, `env.MODE`, `depends_on`, `prepare.venv`."""
    files: tuple[str, ...] = ()
    """Its inputs that are not what they were, or are new, or are inputs no more."""
    parts: tuple[str, ...] = ()
    """The named parts of its fingerprint that differ."""
    above: tuple[str, ...] = ()
    """The tasks directly above it that are stale."""
    did: tuple[str, ...] = ()
    """What it did (`cronicle.plan.staleness.own_of`), where that differs: what can be accepted."""


@frozen(kw_only=True)
class HistoryChange:
    """What becomes of the results of a workflow when a plan is applied."""

    workflow: str
    """By its present name."""
    turn_stale: int = 0
    """Results of which a task would be done otherwise than before."""
    first: datetime | None = None
    last: datetime | None = None
    """Of the logical times of these."""
    tasks: tuple[StaleTask, ...] = ()
    """Their tasks that turn stale, upstreams first."""
    current: tuple[str, ...] = ()
    """Their tasks that stay as they would be made."""
    series: tuple[str | None, ...] = ()
    """The series that they are of."""
    stay_stale: int = 0
    """Results that are stale before and after."""
    turn_current: int = 0
    """Results that were stale, and are as they would be made again."""
    accepted: int = 0
    """Results that would turn stale, were it not accepted with the plan."""
    accepted_tasks: tuple[str, ...] = ()
    """The tasks whose change is accepted with the plan."""
    unknown: int = 0
    """Results of which nobody can tell."""
    seconds_per_run: float | None = None
    """What a run took of late; None if none has succeeded."""
    measured_runs: int = 0
    """From so many runs."""

    @property
    def is_empty(self) -> bool:
        """True if nothing becomes of them that is worth a word."""
        return not (self.turn_stale or self.turn_current or self.accepted)
