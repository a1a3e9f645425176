"""Hooks of a run: which are owed when something happens in it, and what has become of each.

Rules (design, "Hooks"):

1. What is owed is decided once, by the functions here, and stored together with what it is owed for: the start or the
   end of the run, a failure that is followed by another attempt. So a crash at any moment after it loses no hook.
2. A hook that a crash interrupted is started again, once. How it ends changes nothing in the run.
3. An experiment tells nobody: hooks are off for runs that do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from attrs import define, field, frozen

from cronicle.runs import events as ev
from cronicle.runs.spec import HookSpec, RunSpec
from cronicle.runs.states import Cause, Outcome, RunState
from cronicle.values import Value

MOST_STARTS = 2
"""A hook is started again once."""

EVENT_STATES = {
    "on_success": frozenset({RunState.SUCCEEDED}),
    "on_recovery": frozenset({RunState.SUCCEEDED}),
    "on_failure": frozenset({RunState.FAILED}),
    "on_finish": frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED}),
}
"""The event that a hook is for, and the states in which a run ends with it. One that was skipped tells nobody."""

ON_START, ON_RETRY, ON_LATE = "on_start", "on_retry", "on_late"

TOLD_MEANWHILE = frozenset({ON_START, ON_RETRY, ON_LATE})
"""Events of a run that goes on."""

NOT_BY_DEFAULT = frozenset({Cause.BACKFILL, Cause.BISECT, Cause.REPRODUCE})
"""Causes of runs that tell no hook without `causes`."""

HookEvent = ev.HooksOwed | ev.HookStarted | ev.HookFinished | ev.HookLost


@frozen(kw_only=True, eq=False, repr=False)
class Audience(Value):
    """What decides which hooks a run may tell, whatever happens in it."""

    cause: Cause
    counts: bool
    """Whether it is a result, or only an experiment."""
    asked_for: bool
    """Its backfill was made with `--hooks`."""

    def hears(self, hook: HookSpec) -> bool:
        """True if the hook is told of runs like this."""
        if not self.counts:
            return False
        if hook.causes is not None:
            return self.cause in hook.causes
        return self.asked_for or self.cause not in NOT_BY_DEFAULT


def hooks_of_end(spec: RunSpec, audience: Audience, state: RunState, failures_before: int) -> tuple[int, ...]:
    """The hooks that are to be told that a run has ended so: their places in the spec.

    Args:
        spec: of the run.
        audience: of the run.
        state: in which it ended.
        failures_before: how many logical times before its own have failed, in a row; at least as many as
            `failures_asked_for`, if there are so many.
    """

    def is_owed(hook: HookSpec) -> bool:
        if state not in EVENT_STATES.get(hook.event, ()) or not audience.hears(hook):
            return False
        if hook.event == "on_recovery":
            return failures_before > 0
        return hook.event != "on_failure" or failures_before + 1 >= hook.after

    return tuple(place for place, hook in enumerate(spec.hooks) if is_owed(hook))


def failures_asked_for(spec: RunSpec, state: RunState) -> int:
    """How many failures in a row before a run its hooks need to know of, when it has ended so."""
    if state is RunState.FAILED:
        return max((hook.after - 1 for hook in spec.hooks if hook.event == "on_failure"), default=0)
    return int(state is RunState.SUCCEEDED and any(hook.event == "on_recovery" for hook in spec.hooks))


def hooks_meanwhile(spec: RunSpec, audience: Audience, event: str) -> tuple[int, ...]:
    """The hooks that are to be told of an event of a run that goes on: their places in the spec."""
    return tuple(
        place for place, hook in enumerate(spec.hooks) if hook.event == event and audience.hears(hook)
    )


def retries_in(facts: Iterable[ev.RunEvent]) -> Iterator[ev.AttemptFinished | ev.AttemptLost]:
    """The failed attempts among new facts that are followed by another; one that said `not_yet` has not failed."""
    failed: ev.AttemptFinished | ev.AttemptLost | None = None
    for fact in facts:
        if isinstance(fact, ev.AttemptFinished | ev.AttemptLost):
            failed = fact
        elif (
            isinstance(fact, ev.RetryScheduled)
            and failed is not None
            and not (isinstance(failed, ev.AttemptFinished) and failed.outcome is Outcome.NOT_YET)
        ):
            yield failed


@define(eq=False, repr=False)
class HookRun:
    """What has become of one hook, one of the times that it is told."""

    hook: int
    """Its place in the spec."""
    telling: int = 1
    """Which one it is of the times that it is told."""
    owed: ev.HooksOwed | None = None
    """What it is told of."""
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
            return ev.HookLost(at=at, hook=self.hook, attempt=self.attempt, telling=self.telling)
        return ev.HookFinished(
            at=at,
            hook=self.hook,
            attempt=self.attempt,
            outcome=Outcome.LOST,
            reason="lost",
            telling=self.telling,
        )


@define(eq=False, repr=False)
class HookRuns:
    """The hooks of one run."""

    _all: dict[tuple[int, int], HookRun] = field(factory=dict)
    """By place and telling."""
    _tellings: dict[int, int] = field(factory=dict)
    """By place: how often it has been owed."""

    @classmethod
    def told_by(cls, events: Iterable[ev.RunEvent]) -> HookRuns:
        """What the events of a run say of its hooks, the others passed over."""
        hooks = cls()
        for event in events:
            if isinstance(event, HookEvent):
                hooks.apply(event)
        return hooks

    def owed(self) -> tuple[HookRun, ...]:
        """All that were owed, as they came to be so, then in the order of the spec."""
        return tuple(self._all.values())

    def open(self) -> tuple[HookRun, ...]:
        """Those that have not ended, in the same order."""
        return tuple(hook for hook in self._all.values() if hook.end is None)

    def is_owed(self, hook: int) -> bool:
        """True if the hook has been owed once at least."""
        return hook in self._tellings

    def live(self) -> Iterator[HookRun]:
        """Those that are being executed."""
        return (hook for hook in self._all.values() if hook.live)

    def refusal(self, spec: RunSpec, event: HookEvent) -> str | None:
        """Why a fact cannot be; None if it can."""
        if isinstance(event, ev.HooksOwed):
            known = range(len(spec.hooks))
            if not all(hook in known for hook in event.hooks):
                return "names a hook that the spec lacks"
            again = any(self.is_owed(hook) and spec.hooks[hook].event != ON_RETRY for hook in event.hooks)
            return "comes twice" if again or len(set(event.hooks)) != len(event.hooks) else None
        hook = self._all.get((event.hook, event.telling))
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
            for place in sorted(event.hooks):
                telling = self._tellings[place] = self._tellings.get(place, 0) + 1
                self._all[place, telling] = HookRun(place, telling, event)
            return
        hook = self._all[event.hook, event.telling]
        if isinstance(event, ev.HookStarted):
            hook.start, hook.live = event, True
        elif hook.live and event.attempt == hook.attempt:
            hook.live = False
            if isinstance(event, ev.HookFinished):
                hook.end = event
