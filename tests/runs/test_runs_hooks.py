"""Which hooks are owed when a run has ended, and which facts about them can be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from cronicle.runs import events as ev
from cronicle.runs.hooks import Audience, failures_asked_for, hooks_meanwhile, hooks_of_end, retries_in
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
    audience = Audience(cause=cause, counts=counts, asked_for=asked_for)
    assert hooks_of_end(SPEC, audience, state, failures_before=0) == owed


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


# -- which are owed ----------------------------------------------------------------------------------------------

COUNTING = Audience(cause=Cause.SCHEDULE, counts=True, asked_for=False)


def with_hooks(*events: str, **fields: Any) -> RunSpec:
    hooks = tuple(HookSpec(event=event, command={"known": ["true"]}, **fields) for event in events)
    return attrs.evolve(SPEC, hooks=hooks)


@pytest.mark.parametrize(
    ("event", "states"),
    [
        ("on_success", {RunState.SUCCEEDED}),
        ("on_failure", {RunState.FAILED}),
        ("on_finish", {RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED}),
        ("on_start", set()),
        ("on_retry", set()),
        ("on_late", set()),
        ("on_pause", set()),
    ],
)
def test_the_end_of_a_run_is_told_to_the_hooks_for_it(event: str, states: set[RunState]) -> None:
    ends = set(RunState) - {RunState.QUEUED, RunState.RUNNING}

    assert {end for end in ends if hooks_of_end(with_hooks(event), COUNTING, end, 9)} == states


@pytest.mark.parametrize(("failures_before", "is_told"), [(0, False), (1, True), (5, True)])
def test_a_recovery_is_a_success_after_a_failure(failures_before: int, is_told: bool) -> None:
    spec = with_hooks("on_recovery")

    assert failures_asked_for(spec, RunState.SUCCEEDED) == 1
    assert failures_asked_for(spec, RunState.FAILED) == 0
    assert hooks_of_end(spec, COUNTING, RunState.SUCCEEDED, failures_before) == ((0,) if is_told else ())


@pytest.mark.parametrize(
    ("failures_before", "is_told"), [(0, False), (1, False), (2, True), (3, True), (9, True)]
)
def test_a_hook_after_three_failures_is_told_of_the_third_and_of_each_further_one(
    failures_before: int, is_told: bool
) -> None:
    spec = with_hooks("on_failure", after=3)

    assert failures_asked_for(spec, RunState.FAILED) == 2
    assert hooks_of_end(spec, COUNTING, RunState.FAILED, failures_before) == ((0,) if is_told else ())


@pytest.mark.parametrize(
    ("cause", "counts", "is_told"),
    [(Cause.SCHEDULE, True, True), (Cause.BACKFILL, True, False), (Cause.MANUAL, False, False)],
)
def test_what_happens_meanwhile_is_told_of_the_same_runs_as_their_ends(
    cause: Cause, counts: bool, is_told: bool
) -> None:
    audience = Audience(cause=cause, counts=counts, asked_for=False)

    assert hooks_meanwhile(with_hooks("on_success", "on_start"), audience, "on_start") == (
        (1,) if is_told else ()
    )


def test_a_failure_that_is_followed_by_another_attempt_is_a_retry_and_being_told_not_yet_is_none() -> None:
    end = ev.AttemptFinished(at=AT, task="a", key=None, attempt=1, outcome=Outcome.FAILED)
    lost = ev.AttemptLost(at=AT, task="b", key="k", attempt=2)
    not_yet = ev.AttemptFinished(at=AT, task="c", key=None, attempt=3, outcome=Outcome.NOT_YET)
    last = ev.AttemptFinished(at=AT, task="d", key=None, attempt=4, outcome=Outcome.FAILED)
    facts: list[ev.RunEvent] = []
    for fact in (end, lost, not_yet):
        again = ev.RetryScheduled(
            at=AT, task=fact.task, key=fact.key, attempt=fact.attempt + 1, not_before=AT
        )
        facts += [fact, again]

    assert list(retries_in([*facts, last])) == [end, lost]


def test_a_hook_of_retries_is_told_of_each_and_each_telling_has_starts_of_its_own() -> None:
    spec = with_hooks("on_retry", "on_start")
    machine = RunMachine.replay(spec, [ev.RunQueued(at=AT, run_id="R"), ev.RunStarted(at=AT)])
    for attempt in (1, 2):
        machine.advance(ev.HooksOwed(at=AT, hooks=(0,), task="a", attempt=attempt))
    machine.advance(ev.HookStarted(at=AT, hook=0, attempt=1, token="t", host="h", argv=(), telling=2))
    machine.advance(ev.HookFinished(at=AT, hook=0, attempt=1, outcome=Outcome.SUCCEEDED, telling=2))

    (first,) = machine.hooks.open()
    assert (first.telling, first.owed and first.owed.attempt) == (1, 1)
    assert machine.state is RunState.RUNNING
    machine.advance(ev.HooksOwed(at=AT, hooks=(1,)))
    with pytest.raises(IllegalEventError, match="comes twice"):
        machine.advance(ev.HooksOwed(at=AT, hooks=(1,)))
