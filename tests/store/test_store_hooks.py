"""Hooks that a run owes keep it findable and adoptable after its end, until the last of them has ended."""

from __future__ import annotations

import pytest
from store_values import OWNER, START, Sample

from cronicle.runs import events as ev
from cronicle.runs.states import Outcome, RunState
from cronicle.store.interface import Store
from cronicle.store.records import OwnerRecord
from cronicle.store.sqlite.store import SqliteStore

OWED = ev.HooksOwed(at=START, hooks=(0, 1))


def finished(hook: int) -> ev.HookFinished:
    return ev.HookFinished(at=START, hook=hook, attempt=1, outcome=Outcome.SUCCEEDED)


def test_a_run_with_hooks_is_listed_until_the_last_has_ended(store: Store, sample: Sample) -> None:
    run = sample.ended()
    assert store.list_runs_with_hooks(OWNER) == ()

    sample.append(run, OWED, finished(0))
    assert [one.id for one in store.list_runs_with_hooks(OWNER)] == [run.id]
    assert store.list_owned_runs(OWNER) == ()

    sample.append(run, finished(1))
    assert store.list_runs_with_hooks(OWNER) == ()


def test_hooks_are_owed_in_the_transaction_of_the_end(store: Store, sample: Sample) -> None:
    run = sample.run()

    sample.append(run, ev.RunStarted(at=START), ev.RunFinished(at=START, state=RunState.FAILED), OWED)

    assert sample.again(run).state is RunState.FAILED
    assert [one.id for one in store.list_runs_with_hooks(OWNER)] == [run.id]


def test_hooks_of_an_owner_that_ended_are_free_to_be_adopted_once(store: Store, sample: Sample) -> None:
    with_hooks, without = sample.ended(), sample.ended()
    sample.append(with_hooks, OWED)
    store.remove_owner(OWNER)
    for name in ("next", "third"):
        store.register_owner(OwnerRecord(id=name, host="here", pid=1, command="c", started_at=START))

    assert [one.id for one in store.list_runs_with_hooks(None)] == [with_hooks.id]
    assert store.adopt_run(with_hooks.id, "next")
    assert not store.adopt_run(with_hooks.id, "third")
    assert not store.adopt_run(without.id, "next")
    assert [one.id for one in store.list_runs_with_hooks("next")] == [with_hooks.id]
    assert store.list_runs_with_hooks(None) == ()


@pytest.mark.parametrize("owner", [None, OWNER])
def test_looking_for_hooks_costs_the_same_however_long_the_history_is(
    store: Store, owner: str | None
) -> None:
    """Every command that drives looks; what SQLite does for it, by its own plan."""
    assert isinstance(store, SqliteStore)
    steps = store._connection.rows(
        "EXPLAIN QUERY PLAN SELECT id FROM run WHERE owner IS ? AND hooks_open > 0 ORDER BY sequence",
        (owner,),
    )

    assert [step[3] for step in steps] == ["SEARCH run USING INDEX run_hooks (owner=?)"]
