"""What is left for the process that serves: many runs are adopted at once, and the time of one is chosen later."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest
from store_values import DAY, OWNER, START, Sample, owner

from cronicle.store.interface import Store
from cronicle.store.records import LiveRunExists, RunRecord


def test_many_runs_are_adopted_at_once_and_those_of_others_are_not(
    store: Store, sample: Sample, opened: Callable[[], Store]
) -> None:
    left = [sample.run(owner=None), sample.run(owner=None), sample.run(owner=None)]
    another = opened()
    another.register_owner(owner("another"))
    assert another.adopt_run(left[1].id, "another")
    ids = [run.id for run in left]

    assert store.adopt_runs([*ids, "R999999999"], OWNER) == (ids[0], ids[2])

    assert [sample.again(run).owner for run in left] == [OWNER, "another", OWNER]
    assert store.adopt_runs(ids, OWNER) == ()
    assert store.adopt_runs((), OWNER) == ()


def later(run: RunRecord) -> RunRecord:
    """The same run, for a tick of its own."""
    at = START + 300 * DAY
    return attrs.evolve(
        run,
        logical_time=at,
        nominal=at.replace(tzinfo=None).isoformat(),
        interval_start=at - DAY,
        interval_start_nominal=(at - DAY).replace(tzinfo=None).isoformat(),
        interval_end=at,
        lateness=4.5,
        lock="a key",
    )


def test_the_time_of_a_queued_run_can_be_chosen(store: Store, sample: Sample) -> None:
    run = sample.run(admitted=False)

    assert store.choose_time(later(run), OWNER) is True

    assert sample.again(run) == later(run)


@pytest.mark.parametrize(("who", "admitted"), [("another", False), (OWNER, True)])
def test_the_time_of_a_run_of_others_or_one_that_may_start_is_as_it_is(
    store: Store, sample: Sample, who: str, admitted: bool
) -> None:
    store.register_owner(owner("another"))
    run = sample.run(admitted=admitted)

    assert store.choose_time(later(run), who) is False

    assert sample.again(run) == run


def test_a_logical_time_that_has_a_live_run_cannot_be_chosen(store: Store, sample: Sample) -> None:
    run, other = sample.run(admitted=False), sample.run()
    chosen = attrs.evolve(run, logical_time=other.logical_time)

    assert store.choose_time(chosen, OWNER) == LiveRunExists(other.id)

    assert sample.again(run) == run
