"""Hooks of a run: which are owed when it has ended, and what has become of each.

Rules (design, "Hooks"):

1. What is owed is decided once, by `owed_hooks`, and stored together with the end of the run. So a crash at any
   moment after it loses no hook.
2. A hook that a crash interrupted is started again, once. How it ends changes nothing in the run.
3. An experiment tells nobody: hooks are off for runs that do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from attrs import define, field

from cronicle.runs import events as ev
from cronicle.runs.spec import HookSpec, RunSpec
from cronicle.runs.states import Cause, Outcome, RunState

MOST_STARTS = 2
"""A hook is started again once."""

EVENT_STATES = {"on_success": RunState.SUCCEEDED, "on_failure": RunState.FAILED}
"""The event that a hook is for, and the state of a run that has it."""

NOT_BY_DEFAULT = frozenset({Cause.BACKFILL, Cause.BISECT, Cause.REPRODUCE})
"""Causes of runs that tell no hook without `causes`."""

HookEvent = ev.HooksOwed | ev.HookStarted | ev.HookFinished | ev.HookLost


def owed_hooks(
    spec: RunSpec, state: RunState, cause: Cause, *, counts: bool, asked_for: bool
) -> tuple[int, ...]:
    """The hooks that are to be told that a run has ended so: their places in the spec.

    Args:
        spec: of the run.
        state: in which it ended.
        cause: why it exists.
        counts: whether it is a result, or only an experiment.
        asked_for: its backfill was made with `--hooks`.
    """

    def is_owed(hook: HookSpec) -> bool:
        if EVENT_STATES.get(hook.event) is not state:
            return False
        if hook.causes is not None:
            return cause in hook.causes
        return asked_for or cause not in NOT_BY_DEFAULT

    return tuple(place for place, hook in enumerate(spec.hooks) if is_owed(hook)) if counts else ()


@define
class HookRun:
    """What has become of one hook."""

    hook: int
    """Its place in the spec."""
    start: ev.HookStarted | None = None
    """The last one."""
    live: bool = False
    """True while it is executed."""
    end: ev.HookFinished | None = None
    """None until it has ended."""

    @property
    def attempt(self) -> int:
        """Number of the last start; 0 before the first."""
        return self.start.attempt if self.start else 0

    def lost(self, at: datetime) -> ev.HookLost | ev.HookFinished:
        """The fact that the process that executed it died: it is to be started again, or that was the last time."""
        if self.attempt < MOST_STARTS:
            return ev.HookLost(at=at, hook=self.hook, attempt=self.attempt)
        return ev.HookFinished(
            at=at, hook=self.hook, attempt=self.attempt, outcome=Outcome.LOST, reason="lost"
        )


@define
class HookRuns:
    """The hooks of one run."""

    _all: dict[int, HookRun] = field(factory=dict)

    @classmethod
    def told_by(cls, events: Iterable[ev.RunEvent]) -> HookRuns:
        """What the events of a run say of its hooks, the others passed over."""
        hooks = cls()
        for event in events:
            if isinstance(event, HookEvent):
                hooks.apply(event)
        return hooks

    def owed(self) -> tuple[HookRun, ...]:
        """All that were owed, in the order of the spec."""
        return tuple(self._all.values())

    def open(self) -> tuple[HookRun, ...]:
        """Those that have not ended, in the order of the spec."""
        return tuple(hook for hook in self._all.values() if hook.end is None)

    def live(self) -> Iterator[HookRun]:
        """Those that are being executed."""
        return (hook for hook in self._all.values() if hook.live)

    def refusal(self, spec: RunSpec, event: HookEvent) -> str | None:
        """Why a fact cannot be; None if it can."""
        if isinstance(event, ev.HooksOwed):
            if self._all:
                return "comes twice"
            known = range(len(spec.hooks))
            return None if all(hook in known for hook in event.hooks) else "names a hook that the spec lacks"
        hook = self._all.get(event.hook)
        if hook is None:
            return f"names hook {event.hook}, which is not owed"
        if isinstance(event, ev.HookStarted):
            if hook.live or hook.end is not None or event.attempt != hook.attempt + 1:
                return f"is not the next start of hook {event.hook}"
            return f"is one start too many of hook {event.hook}" if event.attempt > MOST_STARTS else None
        return (
            None
            if 0 < event.attempt <= hook.attempt
            else f"is about a start that hook {event.hook} never had"
        )

    def apply(self, event: HookEvent) -> None:
        """Apply a fact that is not refused; one about an earlier start changes nothing."""
        if isinstance(event, ev.HooksOwed):
            self._all = {hook: HookRun(hook) for hook in sorted(event.hooks)}
            return
        hook = self._all[event.hook]
        if isinstance(event, ev.HookStarted):
            hook.start, hook.live = event, True
        elif hook.live and event.attempt == hook.attempt:
            hook.live = False
            if isinstance(event, ev.HookFinished):
                hook.end = event
