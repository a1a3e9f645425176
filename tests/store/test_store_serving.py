"""Who serves what: leaders of scopes, runs that are given to processes, and queued ones that change hands."""

from __future__ import annotations

from attrs import evolve
from store_values import OWNER, START, Sample, owner

from cronicle.runs import events as ev
from cronicle.runs.states import RunState
from cronicle.store.interface import Store
from cronicle.store.records import RunRecord
from cronicle.store.relational.serving import MOST_ALIKE


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


def test_the_labels_of_a_process_are_seen_by_the_others(store: Store, sample: Sample) -> None:
    store.register_owner(evolve(owner("able"), labels=("gpu", "linux")))
    store.serve_as("able", "", 2)
    store.serve_as(OWNER, "", 2)
    assert {one.id: one.labels for one in store.list_owners()} == {OWNER: (), "able": ("gpu", "linux")}
    assert {one.owner: one.labels for one in store.list_serving("")} == {OWNER: (), "able": ("gpu", "linux")}


def test_queued_runs_that_need_labels_are_counted_by_them(store: Store, sample: Sample) -> None:
    store.serve_as(OWNER, "", 4)
    begin(sample, sample.run(runs_on=("gpu",)))
    for runs_on in (("gpu",), ("gpu", "linux"), ("gpu",), ()):
        sample.run(runs_on=runs_on)
    sample.run(runs_on=("gpu",), admitted=False)
    sample.run(runs_on=("gpu",), owner=None)
    (me,) = store.list_serving("")
    assert (me.live, me.queued, me.needing) == (5, 4, {("gpu",): 2, ("gpu", "linux"): 1})


def test_what_nobody_owns_is_listed_with_the_labels_that_it_needs(store: Store, sample: Sample) -> None:
    plain = sample.run(owner=None)
    able = sample.run(owner=None, runs_on=("gpu", "linux"))
    backfill = sample.backfill(owner=None, runs_on=("gpu",))
    found = {one.id: one.runs_on for one in store.list_unowned()}
    assert found == {plain.id: (), able.id: ("gpu", "linux"), backfill.id: ("gpu",)}
    stored = store.find_run(able.id), store.find_backfill(backfill.id)
    assert [one.runs_on for one in stored if one is not None] == [("gpu", "linux"), ("gpu",)]


def test_of_many_that_need_the_same_labels_only_the_oldest_are_listed(store: Store, sample: Sample) -> None:
    waiting = [sample.run(owner=None, runs_on=("gpu",)) for _ in range(MOST_ALIKE + 2)]
    others = [
        sample.run(owner=None, runs_on=("fpga",)),
        sample.run(owner=None, runs_on=("gpu",), project="other"),
        sample.run(owner=None, runs_on=("gpu",), assigned_to=OWNER),
    ]
    found = {one.id for one in store.list_unowned()}
    assert found == {run.id for run in [*waiting[:MOST_ALIKE], *others]}


def test_queued_runs_stay_where_the_other_process_lacks_the_labels(store: Store, sample: Sample) -> None:
    store.register_owner(evolve(owner("able"), labels=("gpu", "linux")))
    store.register_owner(owner("plain"))
    plain, gpu, both = sample.run(), sample.run(runs_on=("gpu",)), sample.run(runs_on=("fpga", "gpu"))
    assert store.hand_over_queued(OWNER, "plain", 10) == (plain.id,)
    assert store.hand_over_queued(OWNER, "able", 10) == (gpu.id,)
    assert store.hand_over_queued(OWNER, "", 10) == (both.id,)
