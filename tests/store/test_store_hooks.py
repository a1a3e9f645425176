"""Hooks that a run owes keep it findable and adoptable after its end, until the last of them has ended."""

from __future__ import annotations

from store_values import OWNER, START, Sample, owner

from cronicle.runs import events as ev
from cronicle.runs.states import Outcome, RunState
from cronicle.store.interface import Store

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
        store.register_owner(owner(name))

    assert [one.id for one in store.list_runs_with_hooks(None)] == [with_hooks.id]
    assert store.adopt_run(with_hooks.id, "next")
    assert not store.adopt_run(with_hooks.id, "third")
    assert not store.adopt_run(without.id, "next")
    assert [one.id for one in store.list_runs_with_hooks("next")] == [with_hooks.id]
    assert store.list_runs_with_hooks(None) == ()
