"""How the runs of each revision went."""

from __future__ import annotations

from store_values import Sample

from cronicle.runs.states import RunState
from cronicle.store.interface import Store

OLD, NEW = "1" * 40, "2" * 40


def counted(store: Store) -> dict[tuple[str, str, str, str], tuple[int, str]]:
    return {
        (one.environment, one.revision[:1], one.workflow, str(one.state)): (one.count, one.last)
        for one in store.count_by_revision("weather")
    }


def test_runs_are_counted_by_how_they_ended_with_the_last_of_each(store: Store, sample: Sample) -> None:
    for _ in range(3):
        last = sample.ended(revision=OLD)
    first_failure = sample.ended(RunState.FAILED, revision=OLD)
    failure = sample.ended(RunState.FAILED, revision=OLD, nominal="2026-03-09T02:00:00")
    staged = sample.ended(revision=NEW, environment="staging", workflow="sync[eu]")

    assert counted(store) == {
        ("local", "1", "daily", "succeeded"): (3, last.id),
        ("local", "1", "daily", "failed"): (2, failure.id),
        ("staging", "2", "sync[eu]", "succeeded"): (1, staged.id),
    }
    assert first_failure.id != failure.id
    (failed,) = (one for one in store.count_by_revision("weather") if one.state is RunState.FAILED)
    assert failed.last_nominal == "2026-03-09T02:00:00"


def test_what_is_no_history_is_not_counted(store: Store, sample: Sample) -> None:
    sample.ended(counts=False)
    sample.ended(dirty=True, counts=False)
    sample.ended(project="climate")
    sample.run()

    assert counted(store) == {}
