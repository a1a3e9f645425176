"""Which hooks are owed when a run has ended, and which facts about them can be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cronicle.runs import events as ev
from cronicle.runs.hooks import owed_hooks
from cronicle.runs.machine import IllegalEventError, RunMachine
from cronicle.runs.spec import HookSpec, RunSpec, TaskSpec
from cronicle.runs.states import Cause, Outcome, RunState

AT = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
SPEC = RunSpec(
    project="p",
    workflow="w",
    tasks=(TaskSpec(name="a", command={"known": ["true"]}),),
    hooks=(
        HookSpec(event="on_success", command={"known": ["true"]}),
        HookSpec(event="on_failure", command={"known": ["true"]}),
        HookSpec(event="on_failure", command={"known": ["true"]}, causes=("backfill",)),
    ),
)


def started(attempt: int = 1, hook: int = 1) -> ev.HookStarted:
    return ev.HookStarted(at=AT, hook=hook, attempt=attempt, token=f"t{attempt}", host="h", argv=())


def lost(attempt: int = 1) -> ev.HookLost:
    return ev.HookLost(at=AT, hook=1, attempt=attempt)


def finished(attempt: int = 1, outcome: Outcome = Outcome.FAILED) -> ev.HookFinished:
    return ev.HookFinished(at=AT, hook=1, attempt=attempt, outcome=outcome)


OWED = ev.HooksOwed(at=AT, hooks=(1,))


def ended(*more: ev.RunEvent) -> RunMachine:
    """The machine of a run that has failed, after these facts."""
    machine = RunMachine(SPEC)
    for event in (
        ev.RunQueued(at=AT, run_id="R"),
        ev.RunStarted(at=AT),
        ev.AttemptStarted(at=AT, task="a", key=None, attempt=1, token="t", host="h", argv=()),
        ev.AttemptFinished(at=AT, task="a", key=None, attempt=1, outcome=Outcome.FAILED),
        *more,
    ):
        machine.advance(event)
    assert machine.state is RunState.FAILED
    return machine


@pytest.mark.parametrize(
    ("state", "cause", "counts", "asked_for", "owed"),
    [
        (RunState.SUCCEEDED, Cause.SCHEDULE, True, False, (0,)),
        (RunState.FAILED, Cause.SCHEDULE, True, False, (1,)),
        (RunState.CANCELLED, Cause.SCHEDULE, True, False, ()),
        (RunState.SKIPPED, Cause.SCHEDULE, True, False, ()),
        (RunState.FAILED, Cause.BACKFILL, True, False, (2,)),
        (RunState.FAILED, Cause.BACKFILL, True, True, (1, 2)),
        (RunState.FAILED, Cause.BISECT, True, False, ()),
        (RunState.FAILED, Cause.REPRODUCE, True, False, ()),
        (RunState.FAILED, Cause.MANUAL, False, False, ()),
    ],
)
def test_outcome_cause_and_whether_it_counts_decide_which_hooks_are_owed(
    state: RunState, cause: Cause, counts: bool, asked_for: bool, owed: tuple[int, ...]
) -> None:
    assert owed_hooks(SPEC, state, cause, counts=counts, asked_for=asked_for) == owed


@pytest.mark.parametrize(
    ("facts", "open_after"),
    [
        ((), 0),
        ((OWED,), 1),
        ((OWED, started()), 1),
        ((OWED, started(), lost()), 1),
        ((OWED, started(), lost(), started(2)), 1),
        ((OWED, started(), finished()), 0),
        ((OWED, started(), lost(), started(2), finished(2)), 0),
        ((OWED, started(), lost(), finished()), 1),  # comes too late, and changes nothing
        ((OWED, started(), lost(), started(2), finished(1)), 1),
    ],
)
def test_a_hook_is_open_until_it_has_finished(facts: tuple[ev.RunEvent, ...], open_after: int) -> None:
    assert len(ended(*facts).hooks.open()) == open_after


@pytest.mark.parametrize(
    ("facts", "illegal"),
    [
        ((), started()),
        ((OWED,), OWED),
        ((), ev.HooksOwed(at=AT, hooks=(3,))),
        ((OWED,), started(hook=0)),
        ((OWED,), started(2)),
        ((OWED, started()), started(2)),
        ((OWED, started(), finished()), started(2)),
        ((OWED, started(), lost(), started(2), lost(2)), started(3)),
        ((OWED,), finished()),
        ((OWED, started()), lost(2)),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    facts: tuple[ev.RunEvent, ...], illegal: ev.RunEvent
) -> None:
    machine = ended(*facts)
    before = machine.hooks.open()

    with pytest.raises(IllegalEventError):
        machine.advance(illegal)

    assert machine.hooks.open() == before


def test_no_hook_is_owed_before_the_run_has_ended() -> None:
    machine = RunMachine.replay(SPEC, [ev.RunQueued(at=AT, run_id="R"), ev.RunStarted(at=AT)])

    with pytest.raises(IllegalEventError, match="before the run has ended"):
        machine.advance(OWED)


def test_the_second_loss_is_the_end_of_a_hook() -> None:
    machine = ended(OWED, started())
    (hook,) = machine.hooks.live()
    first = hook.lost(AT)
    machine = ended(OWED, started(), lost(), started(2))
    (hook,) = machine.hooks.live()
    second = hook.lost(AT)

    assert first == lost()
    assert isinstance(second, ev.HookFinished)
    assert second.outcome is Outcome.LOST
