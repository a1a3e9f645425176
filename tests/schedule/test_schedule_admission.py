"""What each policy makes of a new run and of one that waits, by tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cronicle.runs.policy import Overlap, Policy
from cronicle.runs.states import Cause, RunState
from cronicle.schedule.admission import (
    Gates,
    Insertion,
    LiveRun,
    Past,
    PolicyReason,
    Queued,
    Required,
    Waiting,
    gates,
    may_start,
    on_insertion,
    start_deadline,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OTHER_CAUSES = sorted(set(Cause) - {Cause.SCHEDULE, Cause.CATCHUP})


def run(hour: int, *, name: str = "", cause: Cause = Cause.SCHEDULE, active: bool = False) -> LiveRun:
    return LiveRun(
        id=name or f"R{hour}",
        sequence=hour,
        cause=cause,
        state=RunState.RUNNING if active else RunState.QUEUED,
        admitted=active,
        logical_time=NOON + hour * HOUR,
    )


NEW = run(5)


# On insertion


@pytest.mark.parametrize(
    ("overlap", "live", "expected"),
    [
        (Overlap.ALLOW, [run(4, active=True)], Insertion()),
        (Overlap.SKIP, [], Insertion()),
        (Overlap.SKIP, [run(4, active=True)], Insertion(skipped=PolicyReason.OVERLAP)),
        (Overlap.SKIP, [run(4)], Insertion(skipped=PolicyReason.OVERLAP)),
        (Overlap.SKIP, [run(4, cause=Cause.CATCHUP)], Insertion(skipped=PolicyReason.OVERLAP)),
        (Overlap.QUEUE, [run(4, active=True), run(3)], Insertion()),
        (Overlap.CANCEL, [], Insertion()),
        (Overlap.CANCEL, [run(4), run(3, active=True)], Insertion(supersedes=("R3", "R4"))),
        (Overlap.CANCEL, [run(6)], Insertion(skipped=PolicyReason.OVERLAP)),
    ],
)
def test_overlap_decides_by_the_live_runs_of_ticks(
    overlap: Overlap, live: list[LiveRun], expected: Insertion
) -> None:
    assert on_insertion(Policy(overlap=overlap), NEW, live) == expected


@pytest.mark.parametrize("overlap", Overlap)
@pytest.mark.parametrize("cause", OTHER_CAUSES)
def test_what_no_tick_has_made_neither_stands_in_the_way_nor_gives_way(
    overlap: Overlap, cause: Cause
) -> None:
    policy = Policy(overlap=overlap, queue_limit=1)
    other = run(4, cause=cause, active=True)

    assert on_insertion(policy, NEW, [other]) == Insertion()
    assert on_insertion(policy, run(5, cause=cause), [run(4, active=True), run(3)]) == Insertion()
    assert may_start(policy, run(5, cause=cause), [run(4, active=True)]) == ()
    assert may_start(policy, NEW, [other]) == ()


@pytest.mark.parametrize(
    ("limit", "live", "skipped", "drops"),
    [
        (1, [], None, ()),
        (1, [run(1, active=True)], None, ()),
        (1, [run(1, active=True), run(2)], None, ("R2",)),
        (2, [run(1, active=True), run(2), run(3)], None, ("R2",)),
        (2, [run(1, active=True), run(2), run(3), run(4)], None, ("R2", "R3")),
        (1, [run(2)], None, ()),  # R2 has not been admitted yet, and is next
        (1, [run(2), run(3)], None, ("R3",)),
        (1, [run(1, active=True), run(6)], PolicyReason.QUEUE_LIMIT, ()),  # made up late: R6 is newer
    ],
)
def test_of_more_than_queue_limit_the_newest_stay(
    limit: int, live: list[LiveRun], skipped: PolicyReason | None, drops: tuple[str, ...]
) -> None:
    policy = Policy(overlap=Overlap.QUEUE, queue_limit=limit)

    assert on_insertion(policy, NEW, live) == Insertion(skipped=skipped, drops=drops)


def test_what_max_active_runs_lets_start_is_not_in_the_queue() -> None:
    policy = Policy(max_active_runs=3, queue_limit=1)

    assert on_insertion(policy, NEW, [run(3), run(4)]) == Insertion()
    assert on_insertion(policy, NEW, [run(1, active=True), run(2), run(3), run(4)]).drops == ("R4",)
    assert on_insertion(policy, NEW, [run(2), run(3), run(4, cause=Cause.MANUAL, active=True)]) == Insertion()


# Limits


@pytest.mark.parametrize(
    ("policy", "live", "reasons"),
    [
        (Policy(), [run(4, active=True)], ()),
        (Policy(overlap=Overlap.QUEUE), [run(6)], ()),
        (Policy(overlap=Overlap.QUEUE), [run(4)], ('waiting for run R4, since overlap is "queue"',)),
        (
            Policy(overlap=Overlap.QUEUE),
            [run(6, active=True)],
            ('waiting for run R6, since overlap is "queue"',),
        ),
        (
            Policy(overlap=Overlap.CANCEL),
            [run(4, active=True)],
            ('waiting for run R4, since overlap is "cancel"',),
        ),
        (
            Policy(overlap=Overlap.SKIP),
            [run(4, active=True)],
            ('waiting for run R4, since overlap is "skip"',),
        ),
        (Policy(overlap=Overlap.SKIP), [run(4)], ()),
        (Policy(max_active_runs=2), [run(3, active=True), run(4)], ()),
        (
            Policy(max_active_runs=1),
            [run(9, cause=Cause.MANUAL, active=True)],
            ("waiting: 1 of max_active_runs = 1 are active",),
        ),
    ],
)
def test_a_queued_run_starts_beside_what_is_live_if_the_limits_allow(
    policy: Policy, live: list[LiveRun], reasons: tuple[str, ...]
) -> None:
    assert may_start(policy, NEW, [*live, NEW]) == reasons


@pytest.mark.parametrize("cause", Cause)
def test_max_active_runs_and_a_lock_hold_for_every_cause(cause: Cause) -> None:
    policy = Policy(max_active_runs=1, lock={"known": "db"})

    reasons = may_start(policy, run(5, cause=cause), [run(4, cause=cause, active=True)], "db", "R0")

    assert reasons == (
        "waiting: 1 of max_active_runs = 1 are active",
        "waiting for the lock 'db', which run R0 holds",
    )


# Gates


def waiting(**changes: Any) -> Waiting:
    return Waiting(**{"cause": Cause.SCHEDULE, "logical_time": NOON, **changes})


def test_a_run_does_not_start_before_its_time() -> None:
    answer = gates(Policy(), waiting(not_before=NOON + HOUR), NOON)

    assert not answer.are_open
    assert answer == Gates(
        reasons=("it does not start before 2026-03-01T13:00:00+00:00",), ask_at=NOON + HOUR
    )
    assert gates(Policy(), waiting(not_before=NOON + HOUR), NOON + HOUR).are_open


def test_a_run_is_too_late_when_start_within_has_passed_since_its_time_with_jitter() -> None:
    policy = Policy(start_within=600.0)
    minutes = timedelta(minutes=1)

    assert gates(policy, waiting(), NOON + 10 * minutes) == Gates(
        ask_at=NOON + 10 * minutes + timedelta.resolution
    )
    assert gates(policy, waiting(), NOON + 10 * minutes + timedelta(microseconds=1)).too_late
    jittered = waiting(not_before=NOON + 5 * minutes)
    assert not gates(policy, jittered, NOON + 15 * minutes).too_late
    assert gates(policy, jittered, NOON + 16 * minutes).too_late
    assert start_deadline(policy, waiting(not_before=NOON - HOUR)) == NOON + 10 * minutes


@pytest.mark.parametrize("cause", Cause)
def test_only_what_nobody_asked_for_by_hand_can_be_too_late(cause: Cause) -> None:
    answer = gates(Policy(start_within=1.0), waiting(cause=cause), NOON + HOUR)

    assert answer.too_late == (cause in {Cause.SCHEDULE, Cause.CATCHUP, Cause.WORKFLOW, Cause.DEPLOY})


@pytest.mark.parametrize(
    ("past", "is_open"),
    [
        (None, True),
        (Past(logical_time=NOON - HOUR), False),
        (Past(logical_time=NOON - HOUR, succeeded=True), True),
        (Past(logical_time=NOON - HOUR, marked=True), True),
        (Past(logical_time=NOON - HOUR, outside=True), True),
    ],
)
def test_depends_on_past_asks_for_the_tick_before(past: Past | None, is_open: bool) -> None:
    answer = gates(Policy(depends_on_past=True), waiting(past=past), NOON)

    assert answer.are_open == is_open
    if not is_open:
        assert answer.reasons == ("waiting for the tick before, 2026-03-01T11:00:00+00:00, to succeed",)
    assert gates(Policy(), waiting(past=past), NOON).are_open


def test_requires_says_how_far_the_others_are() -> None:
    policy = Policy(requires=("hourly", "daily"))
    required = (
        Required(workflow="hourly", succeeded=21, ticks=24),
        Required(workflow="daily", succeeded=1, ticks=1),
    )

    assert gates(policy, waiting(required=required), NOON).reasons == ("waiting: 21 of 24 of hourly",)
    assert gates(policy, waiting(required=required[1:]), NOON).are_open


@pytest.mark.parametrize("cause", Cause)
def test_what_looks_into_history_waits_for_no_other_runs(cause: Cause) -> None:
    policy = Policy(depends_on_past=True, requires=("hourly",))
    run = waiting(
        cause=cause,
        past=Past(logical_time=NOON - HOUR),
        required=(Required(workflow="hourly", succeeded=0, ticks=1),),
    )

    apart = cause in {Cause.BISECT, Cause.REPRODUCE, Cause.TRIAL}
    assert len(gates(policy, run, NOON).reasons) == (0 if apart else 2)


# Order


def queued(name: str, cause: Cause = Cause.SCHEDULE, hour: int = 0, **changes: Any) -> Queued:
    return Queued(id=name, cause=cause, logical_time=NOON + hour * HOUR, **changes)


def test_what_waits_starts_by_priority_class_logical_time_and_age() -> None:
    expected = [
        queued("urgent", Cause.BACKFILL, 9, priority=5),
        queued("old", Cause.MANUAL, -2),
        queued("first", Cause.SCHEDULE, 1, sequence=1),
        queued("second", Cause.SCHEDULE, 1, sequence=2),
        queued("missed", Cause.CATCHUP, -9),
        queued("history", Cause.BACKFILL, -99),
        queued("unimportant", Cause.SCHEDULE, -1, priority=-1),
    ]

    mixed = [*expected[3:], *expected[:3]]
    assert sorted(mixed, key=lambda run: run.rank) == expected
