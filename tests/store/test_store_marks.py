"""What a mark changes in the store, and how many failures in a row there are before a run."""

from __future__ import annotations

from typing import Any

import pytest
from store_values import DAY, START, Sample

from cronicle.runs import events as ev
from cronicle.runs.states import RunState
from cronicle.store.interface import Store
from cronicle.store.records import LiveRunExists, NewRun, RunRecord


def ended(sample: Sample, state: RunState, day: int, **changes: Any) -> RunRecord:
    """A run for that day that has ended so."""
    return sample.ended(state, logical_time=START + day * DAY, **changes)


@pytest.mark.parametrize(
    ("ends", "failures"),
    [("", 0), ("+", 0), ("-", 1), ("+--", 2), ("--+", 0), ("+---", 3), ("-----", 4), ("-o-x-", 3)],
)
def test_failures_in_a_row_are_counted_by_logical_time_up_to_a_limit(
    store: Store, sample: Sample, ends: str, failures: int
) -> None:
    """Cancelled ones (`x`) and skipped ones (`o`) are passed over."""
    states = {
        "+": RunState.SUCCEEDED,
        "-": RunState.FAILED,
        "x": RunState.CANCELLED,
        "o": RunState.SKIPPED,
    }
    for day, end in enumerate(ends):
        ended(sample, states[end], day)
    last = sample.run(logical_time=START + 30 * DAY)

    assert store.count_failures_before(last, 4) == failures


def test_a_time_that_has_a_result_and_runs_that_do_not_count_are_no_failures(
    store: Store, sample: Sample
) -> None:
    for state in (RunState.FAILED, RunState.SUCCEEDED, RunState.FAILED):
        ended(sample, state, 0)
    last = sample.run(logical_time=START + 30 * DAY)
    assert store.count_failures_before(last, 4) == 0

    ended(sample, RunState.FAILED, 1, counts=False)
    assert store.count_failures_before(last, 4) == 0

    ended(sample, RunState.FAILED, 40)
    assert store.count_failures_before(last, 4) == 0


def marked(sample: Sample, state: RunState) -> NewRun:
    run = sample.record(logical_time=START, owner=None)
    return NewRun(
        run=run,
        events=(
            ev.RunQueued(at=START, run_id=run.id),
            ev.RunMarked(at=START, state=state, by="ada@here", reason="by hand"),
            ev.RunFinished(at=START, state=state, reason="marked"),
        ),
    )


def result(store: Store) -> str | None:
    found = store.find_result("weather", "local", "daily", None, START)
    return found.run_id if found else None


def test_a_mark_is_a_run_that_has_ended_and_is_the_result_if_it_succeeded(
    store: Store, sample: Sample
) -> None:
    good = ended(sample, RunState.SUCCEEDED, 0)
    new = marked(sample, RunState.SUCCEEDED)

    made = store.mark_run(new)

    assert isinstance(made, RunRecord)
    assert (made.state, made.reason, made.started_at, made.ended_at) == (
        RunState.SUCCEEDED,
        "marked",
        None,
        START,
    )
    assert store.get_events(made.id) == new.events
    assert result(store) == made.id
    assert sample.again(good) == good


def test_a_time_marked_as_failed_has_no_result_until_it_succeeds_again(store: Store, sample: Sample) -> None:
    good, other = ended(sample, RunState.SUCCEEDED, 0), ended(sample, RunState.SUCCEEDED, 1)

    store.mark_run(marked(sample, RunState.FAILED))

    assert result(store) is None
    assert (sample.again(good).state, sample.again(good).counts) == (RunState.SUCCEEDED, False)
    assert sample.again(other) == other
    again = ended(sample, RunState.SUCCEEDED, 0)
    assert result(store) == again.id


def test_a_time_with_a_live_run_cannot_be_marked(store: Store, sample: Sample) -> None:
    live = sample.run(logical_time=START)

    assert store.mark_run(marked(sample, RunState.FAILED)) == LiveRunExists(live.id)
    assert sample.again(live) == live
