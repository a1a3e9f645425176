"""Who serves what: leaders of scopes, runs that are given to processes, and queued ones that change hands."""

from __future__ import annotations

from store_values import OWNER, START, Sample, owner

from cronicle.runs import events as ev
from cronicle.runs.states import RunState
from cronicle.store.interface import Store
from cronicle.store.records import RunRecord


def begin(sample: Sample, run: RunRecord) -> None:
    sample.append(run, ev.RunStarted(at=START))


def test_each_scope_has_a_leader_of_its_own(store: Store) -> None:
    first, second = store.register_owner(owner("first")), store.register_owner(owner("second"))
    assert store.lead("first", "project=a") is not None
    assert store.lead("second", "project=a") is None
    assert store.lead("second", "project=b") is not None
    assert store.list_leaders() == (("project=a", first), ("project=b", second))
    assert (store.find_leader("project=b"), store.find_leader("project=c")) == (second, None)
    store.stop_leading("first")
    assert store.list_leaders() == (("project=b", second),)


def test_epochs_of_leadership_grow_over_all_scopes(store: Store) -> None:
    store.register_owner(owner("first"))
    epochs = [store.lead("first", scope) for scope in ("", "project=a", "project=b")]
    assert epochs == sorted({epoch for epoch in epochs if epoch is not None})


def test_those_who_serve_a_scope_are_listed_with_what_they_have_to_do(store: Store, sample: Sample) -> None:
    store.register_owner(owner("other"))
    store.serve_as(OWNER, "", 4)
    store.serve_as("other", "project=a", 2)
    begin(sample, sample.run())
    sample.run()
    sample.run(admitted=False)  # it waits for its policy, and needs no slot
    sample.run(owner=None, assigned_to=OWNER)
    (me,) = store.list_serving("")
    assert (me.owner, me.slots, me.live, me.queued) == (OWNER, 4, 3, 1)
    assert [one.owner for one in store.list_serving("project=a")] == ["other"]


def test_one_that_drains_is_not_listed_any_more(store: Store, sample: Sample) -> None:
    store.serve_as(OWNER, "", 4)
    store.serve_as(OWNER, "", None)
    assert store.list_serving("") == ()


def test_a_run_that_nobody_owns_is_given_to_a_process_which_takes_it_up(store: Store, sample: Sample) -> None:
    run = sample.run(owner=None)
    store.assign_runs({run.id: OWNER})
    (unowned,) = store.list_unowned()
    assert (unowned.id, unowned.project, unowned.assigned_to) == (run.id, "weather", OWNER)
    assert store.adopt_run(run.id, OWNER)
    found = store.find_run(run.id)
    assert found is not None
    assert (found.owner, found.assigned_to) == (OWNER, None)


def test_a_run_that_somebody_owns_is_given_to_nobody(store: Store, sample: Sample) -> None:
    run = sample.run()
    store.assign_runs({run.id: "other"})
    found = store.find_run(run.id)
    assert found is not None
    assert (found.owner, found.assigned_to) == (OWNER, None)


def test_queued_runs_change_hands_the_youngest_first_and_those_that_were_begun_stay(
    store: Store, sample: Sample
) -> None:
    begun, oldest, waiting, youngest = (
        sample.run(),
        sample.run(),
        sample.run(admitted=False),
        sample.run(),
    )
    begin(sample, begun)
    assert store.hand_over_queued(OWNER, "other", 1) == (youngest.id,)
    assert set(store.hand_over_queued(OWNER, "", 10)) == {oldest.id, waiting.id}
    assigned = {one.id: one.assigned_to for one in store.list_unowned()}
    assert assigned == {youngest.id: "other", oldest.id: None, waiting.id: None}
    assert store.list_owned_runs(OWNER)[0].id == begun.id


def test_what_its_former_owner_says_of_a_run_that_changed_hands_has_no_effect(
    store: Store, sample: Sample
) -> None:
    run = sample.run()
    store.hand_over_queued(OWNER, "other", 1)
    assert sample.append(run, ev.RunStarted(at=START)) is None
    found = store.find_run(run.id)
    assert found is not None
    assert found.state is RunState.QUEUED
