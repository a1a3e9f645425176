"""Making, finding and listing runs; which of several is the result of a logical time."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest
from store_values import (
    ACTOR,
    DAY,
    OWNER,
    SECOND,
    START,
    Sample,
    finished,
    owner,
    started,
    task_finished,
)

from cronicle.runs import events as ev
from cronicle.runs.states import Cause, RunState
from cronicle.store.interface import Store, UnknownError
from cronicle.store.records import LiveRunExists, NewRun, RunFilter, RunRecord


def test_a_run_comes_back_as_it_was_made(store: Store, sample: Sample) -> None:
    record = sample.record(
        workflow="sync[eu]",
        series="hourly",
        dirty=True,
        counts=False,
        lateness=1.5,
        retry_of="R0",
        params={"a": [1, None]},
    )

    made = store.create_run(NewRun(run=record, events=(ev.RunQueued(at=START, run_id=record.id),)))

    assert isinstance(made, RunRecord)
    assert made.sequence > 0
    assert made == attrs.evolve(record, sequence=made.sequence)
    assert store.find_run(record.id) == made
    assert store.get_events(record.id) == (ev.RunQueued(at=START, run_id=record.id),)


def test_a_run_without_a_schedule_has_no_interval(sample: Sample) -> None:
    made = sample.run(interval_start=None, interval_start_nominal=None, interval_end=None)

    assert (made.interval_start, made.interval_start_nominal, made.interval_end) == (None, None, None)


def test_the_first_events_of_a_run_show_in_its_rows(store: Store, sample: Sample) -> None:
    record = sample.record()
    events = (
        ev.RunQueued(at=START, run_id=record.id),
        ev.TaskCarriedOver(at=START, task="a", key=None, from_run="R0", output={"n": "1"}),
        ev.RunStarted(at=START),
    )

    made = store.create_run(NewRun(run=record, events=events))

    assert isinstance(made, RunRecord)
    assert made.state is RunState.RUNNING
    assert [(t.task, t.carried_from) for t in store.list_tasks(record.id)] == [("a", "R0")]


def test_a_second_live_run_of_a_logical_time_is_answered_with_the_first(store: Store, sample: Sample) -> None:
    first = sample.run(logical_time=START)

    answer = sample.try_run(logical_time=START)

    assert answer == LiveRunExists(first.id)
    assert store.count_runs(RunFilter()) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"series": "hourly"},
        {"workflow": "daily[eu]"},
        {"workflow": "weekly"},
        {"environment": "production"},
        {"project": "climate"},
        {"logical_time": START + SECOND},
    ],
    ids=str,
)
def test_runs_of_something_else_do_not_stand_in_the_way(sample: Sample, other: dict[str, object]) -> None:
    sample.run(logical_time=START)

    assert isinstance(sample.try_run(**{"logical_time": START, **other}), RunRecord)


def test_after_a_run_has_ended_its_logical_time_is_free(sample: Sample) -> None:
    sample.ended(RunState.FAILED, logical_time=START)

    assert isinstance(sample.try_run(logical_time=START), RunRecord)


@pytest.mark.parametrize("second", [Cause.SCHEDULE, Cause.CATCHUP])
def test_a_tick_makes_one_run_even_when_that_has_ended(sample: Sample, second: Cause) -> None:
    first = sample.ended(logical_time=START, cause=Cause.SCHEDULE)

    assert sample.try_run(logical_time=START, cause=second) == LiveRunExists(first.id)
    assert isinstance(sample.try_run(logical_time=START, cause=Cause.BACKFILL), RunRecord)


def test_what_is_not_there_is_none_or_an_unknown_error(store: Store) -> None:
    assert store.find_run("R000000001") is None
    for read in (store.get_events, store.list_tasks, store.list_attempts):
        with pytest.raises(UnknownError, match="no run R000000001"):
            read("R000000001")


def test_ids_of_runs_and_backfills_are_found_by_their_beginning(store: Store, sample: Sample) -> None:
    sample.run(id="7K2AAAAAAA")
    sample.run(id="7K3AAAAAAA", logical_time=START)
    sample.backfill(id="7K2BBBBBBB")

    assert store.list_ids("7K2") == ("7K2AAAAAAA", "7K2BBBBBBB")
    assert store.list_ids("7K", limit=2) == ("7K2AAAAAAA", "7K2BBBBBBB")
    assert store.list_ids("7K3AAAAAAA") == ("7K3AAAAAAA",)
    assert store.list_ids("8") == ()


# Results


def result_id(store: Store, series: str | None = None) -> str | None:
    found = store.find_result("weather", "local", "daily", series, START)
    return None if found is None else found.run_id


def test_of_several_that_count_the_last_to_succeed_is_the_result(store: Store, sample: Sample) -> None:
    """Not the last made, and not the one with the greatest clock time: the last to become successful."""
    first = sample.ended(logical_time=START)
    assert result_id(store) == first.id

    later = sample.run(logical_time=START)
    clock_went_back = ev.RunFinished(at=START - DAY, state=RunState.SUCCEEDED)
    sample.append(later, clock_went_back)

    assert result_id(store) == later.id
    found = store.list_results("weather", "local", "daily", None, START, START + DAY)
    assert {at: result.run_id for at, result in found.items()} == {START: later.id}


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.CANCELLED, RunState.SKIPPED])
def test_what_did_not_succeed_is_no_result_and_hides_none(
    store: Store, sample: Sample, state: RunState
) -> None:
    good = sample.ended(logical_time=START)
    sample.ended(state, logical_time=START)
    sample.run(logical_time=START)

    assert result_id(store) == good.id


def test_what_does_not_count_is_never_a_result(store: Store, sample: Sample) -> None:
    sample.ended(logical_time=START, counts=False)

    assert result_id(store) is None
    assert store.list_results("weather", "local", "daily", None, START, START + DAY) == {}


def test_each_series_has_its_own_results(store: Store, sample: Sample) -> None:
    plain = sample.ended(logical_time=START)
    labelled = sample.ended(logical_time=START, series="hourly")

    assert result_id(store) == plain.id
    assert result_id(store, "hourly") == labelled.id
    assert result_id(store, "weekly") is None


def test_results_of_a_range_include_its_start_and_not_its_end(store: Store, sample: Sample) -> None:
    runs = [sample.ended(logical_time=START + n * DAY) for n in range(4)]

    found = store.list_results("weather", "local", "daily", None, START + DAY, START + 3 * DAY)

    assert [result.run_id for result in found.values()] == [runs[1].id, runs[2].id]
    assert list(found) == [START + DAY, START + 2 * DAY]


def test_failed_times_are_those_with_a_counting_failed_run(store: Store, sample: Sample) -> None:
    sample.ended(RunState.FAILED, logical_time=START)
    sample.ended(logical_time=START)  # a later success does not undo that it has a failed run
    sample.ended(RunState.FAILED, logical_time=START + DAY, counts=False)
    sample.ended(RunState.CANCELLED, logical_time=START + 2 * DAY)
    sample.ended(RunState.FAILED, logical_time=START + 3 * DAY)

    times = store.list_failed_times("weather", "local", "daily", None, START, START + 3 * DAY)

    assert times == {START}


def test_durations_are_of_the_last_succeeded_runs_newest_first(store: Store, sample: Sample) -> None:
    for seconds in (5, 7):
        run = sample.run()
        sample.append(run, ev.RunStarted(at=START), started(at=START), finished(), task_finished())
        sample.append(run, ev.RunFinished(at=START + seconds * SECOND, state=RunState.SUCCEEDED))
    sample.ended(RunState.FAILED)
    sample.ended()  # nothing was executed, so it says nothing

    assert store.list_durations("weather", "local", "daily") == (7.0, 5.0)
    assert store.list_durations("weather", "local", "daily", limit=1) == (7.0,)


# Listing


@pytest.fixture
def several(sample: Sample) -> list[RunRecord]:
    """Runs of all kinds, oldest first."""
    return [
        sample.ended(cause=Cause.SCHEDULE),
        sample.ended(RunState.FAILED, workflow="weekly", revision="2" * 40),
        sample.run(series="hourly", environment="production"),
        sample.ended(RunState.CANCELLED, project="climate", cause=Cause.BACKFILL, backfill="B000000001"),
        sample.ended(cause=Cause.RETRY),
        sample.run(logical_time=START + 100 * DAY),
    ]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (RunFilter(), [5, 4, 3, 2, 1, 0]),
        (RunFilter(project="weather"), [5, 4, 2, 1, 0]),
        (RunFilter(environment="production"), [2]),
        (RunFilter(project="weather", environment="local", workflow="daily"), [5, 4, 0]),
        (RunFilter(series="hourly"), [2]),
        (RunFilter(series="hourly", any_series=False), [2]),
        (RunFilter(any_series=False), [5, 4, 3, 1, 0]),
        (RunFilter(states=(RunState.FAILED, RunState.CANCELLED)), [3, 1]),
        (RunFilter(states=(RunState.FAILED, RunState.QUEUED, RunState.SUCCEEDED), limit=3), [5, 4, 2]),
        (RunFilter(causes=(Cause.SCHEDULE, Cause.RETRY)), [4, 0]),
        (RunFilter(states=(RunState.SUCCEEDED,), causes=(Cause.RETRY, Cause.BACKFILL)), [4]),
        (RunFilter(backfill="B000000001"), [3]),
        (RunFilter(revision="2" * 40), [1]),
        (RunFilter(logical_from=START + 100 * DAY), [5]),
        (RunFilter(logical_to=START + 100 * DAY), [4, 3, 2, 1, 0]),
        (RunFilter(limit=2), [5, 4]),
        (RunFilter(limit=0), []),
    ],
    ids=repr,
)
def test_a_list_holds_what_the_filter_wants_newest_first(
    store: Store, several: list[RunRecord], wanted: RunFilter, expected: list[int]
) -> None:
    listed = store.list_runs(wanted)

    assert [run.id for run in listed] == [several[n].id for n in expected]
    everything = attrs.evolve(wanted, limit=50)
    assert store.count_runs(wanted) == len(store.list_runs(everything) if wanted.limit else several)


def test_pages_follow_each_other_without_gaps_and_doubles(store: Store, several: list[RunRecord]) -> None:
    seen: list[str] = []
    before = None
    while page := store.list_runs(RunFilter(before=before, limit=4)):
        seen += [run.id for run in page]
        before = page[-1].sequence

    assert seen == [run.id for run in reversed(several)]


# Owners of runs


def test_a_live_run_without_an_owner_can_be_adopted_once(
    store: Store, sample: Sample, opened: Callable[[], Store]
) -> None:
    run = sample.run(owner=None)
    other = opened()
    other.register_owner(owner("another"))

    assert store.adopt_run(run.id, OWNER)
    assert not other.adopt_run(run.id, "another")
    assert sample.again(run).owner == OWNER


def test_a_run_that_has_ended_cannot_be_adopted(store: Store, sample: Sample) -> None:
    run = sample.ended()
    store.register_owner(owner("another"))
    store.remove_owner(OWNER)

    assert not store.adopt_run(run.id, "another")
    assert not store.adopt_run("R999999999", "another")


def test_the_runs_of_an_owner_are_its_live_ones(store: Store, sample: Sample) -> None:
    sample.ended()
    sample.run(owner=None)
    mine = [sample.run(), sample.run()]

    assert [run.id for run in store.list_owned_runs(OWNER)] == [run.id for run in mine]
    assert store.list_owned_runs("another") == ()
    assert mine[0].actor == ACTOR


def test_logical_times_are_listed_once_each_latest_first(sample: Sample) -> None:
    for days in (3, 1, 2, 3):
        sample.ended(logical_time=START + days * DAY)
    sample.ended(logical_time=START + 9 * DAY, series="late")
    sample.ended(logical_time=START + 8 * DAY, workflow="other")

    where = ("weather", "local", "daily")

    assert sample.store.list_logical_times(*where, None, 2) == (START + 3 * DAY, START + 2 * DAY)
    assert sample.store.list_logical_times(*where, None, 9)[2:] == (START + DAY,)
    assert sample.store.list_logical_times(*where, "late", 9) == (START + 9 * DAY,)
    assert sample.store.list_logical_times(*where, None, 0) == ()


def test_counting_stops_where_it_is_told_to(sample: Sample) -> None:
    for _ in range(3):
        sample.ended()
        sample.ended(RunState.FAILED)
    both = RunFilter(states=(RunState.SUCCEEDED, RunState.FAILED))

    assert [sample.store.count_runs(both, at_most) for at_most in (None, 9, 5, 2, 0)] == [6, 6, 5, 2, 0]
    assert sample.store.count_runs(RunFilter(), 4) == 4
