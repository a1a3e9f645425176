"""Instances of workflows with `for_each`: each is a workflow of its own in every table; all are found together."""

from __future__ import annotations

from typing import Any

import pytest
from store_values import (
    ACTOR,
    DAY,
    SECOND,
    START,
    Sample,
    deployment,
    finished,
    project,
    started,
    task_finished,
    tick,
)

from cronicle.names import instance_label
from cronicle.runs.events import RunFinished, RunStarted
from cronicle.runs.states import RunState
from cronicle.store.interface import Store
from cronicle.store.records import DeployedWorkflow, RunFilter
from cronicle.store.series import CursorRecord, Dropped, PauseRecord, SeriesKey, Settlement, TickSpan

KEYS = [
    "eu",
    "a b",
    'say "hi"',
    '"quoted"',
    "a/b",
    "x]y",
    "x][y",
    "[",
    "日本",
    "a.task.b",
    "?1",
    "it's",
    "$_$",
]
WHERE = {"project": "weather", "environment": "local"}


def pause(workflow: str | None) -> PauseRecord:
    return PauseRecord(**WHERE, workflow=workflow, actor=ACTOR, reason="", paused_at=START)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_any_characters_comes_back_in_every_record(store: Store, sample: Sample, key: str) -> None:
    name = instance_label("sync", key)
    run = sample.ended(workflow=name, logical_time=START)
    backfill = sample.backfill(workflow=name)
    store.add_pause(pause(name))

    assert store.find_run(run.id) == run
    assert run.workflow == name
    assert [one.workflow for one in store.list_ended_after(0)] == [name]
    assert [one.workflow for one in store.list_ends(0, store.last_event())] == [name]
    assert store.find_backfill(backfill.id) == backfill
    assert [one.workflow for one in store.list_pauses("weather", "local")] == [name]
    (success,) = store.list_last_successes("weather", "local", [name])
    assert success.workflow == name


def test_instances_stand_in_nobodys_way(store: Store, sample: Sample) -> None:
    made = [
        sample.run(workflow=name, logical_time=START) for name in ("sync", "sync[eu]", "sync[us]", "sync[e]")
    ]

    assert len({run.id for run in made}) == 4


def test_results_failures_and_times_are_those_of_one_instance(store: Store, sample: Sample) -> None:
    eu = sample.run(workflow="sync[eu]", logical_time=START)
    end = RunFinished(at=START + 3 * SECOND, state=RunState.SUCCEEDED)
    sample.append(eu, RunStarted(at=START), started(), finished(), task_finished(), end)
    sample.ended(RunState.FAILED, workflow="sync[us]", logical_time=START)
    whole = sample.ended(workflow="sync", logical_time=START + DAY)
    later = sample.run(workflow="sync[us]", logical_time=START + DAY)

    def asked(workflow: str) -> tuple[Any, ...]:
        series = ("weather", "local", workflow, None)
        result = store.find_newest_result(*series)
        return (
            result and result.run_id,
            set(store.list_results(*series, START, START + 2 * DAY)),
            store.list_failed_times(*series, START, START + 2 * DAY),
            store.list_logical_times(*series, 5),
            len(store.list_durations("weather", "local", workflow)),
        )

    assert asked("sync[eu]") == (eu.id, {START}, frozenset(), (START,), 1)
    assert asked("sync[us]") == (None, set(), {START}, (START + DAY, START), 0)
    assert asked("sync") == (whole.id, {START + DAY}, frozenset(), (START + DAY,), 0)
    assert asked("sync[asia]") == (None, set(), frozenset(), (), 0)
    assert store.find_result("weather", "local", "sync[us]", None, START) is None
    assert store.count_failures_before(later, 5) == 1


def test_the_runs_of_all_instances_are_listed_together_or_one_by_one(store: Store, sample: Sample) -> None:
    eu, us, whole, other = (
        sample.run(workflow=name, logical_time=START) for name in ("sync[eu]", "sync[us]", "sync", "synchro")
    )

    def listed(**wanted: Any) -> list[str]:
        return [run.id for run in store.list_runs(RunFilter(**WHERE, **wanted))]

    assert listed(workflow="sync[eu]") == listed(workflow="sync[eu]", with_instances=True) == [eu.id]
    assert listed(workflow="sync") == [whole.id]
    assert listed(workflow="sync", with_instances=True) == [whole.id, us.id, eu.id]
    assert listed() == [other.id, whole.id, us.id, eu.id]
    assert store.count_runs(RunFilter(workflow="sync", with_instances=True)) == 3


def test_when_each_last_succeeded_is_answered_for_instances_and_others_together(
    store: Store, sample: Sample
) -> None:
    for days, name in enumerate(("daily", "sync[eu]", "sync[us]", "load[eu]", "sync")):
        sample.ended(workflow=name, logical_time=START + days * DAY)

    found = store.list_last_successes("weather", "local", ["sync[us]", "daily", "load[eu]", "sync[asia]"])

    assert {one.workflow: one.logical_time for one in found} == {
        "daily": START,
        "sync[us]": START + 2 * DAY,
        "load[eu]": START + 3 * DAY,
    }


def test_each_instance_has_cursors_and_dropped_ticks_of_its_own(store: Store, sample: Sample) -> None:
    epoch = store.lead(sample.owner)
    assert epoch is not None

    def settled(name: str, count: int) -> Settlement:
        key = SeriesKey(**WHERE, workflow=name)
        span = TickSpan(
            key=key, first=START, last=START, count=count, reason=Dropped.PAUSED, recorded_at=START
        )
        cursor = CursorRecord(key=key, since=START, position=START + count * SECOND, deployment=1)
        return Settlement(key=key, expected=None, cursor=cursor, dropped=(span,))

    names = ("sync[eu]", "sync[us]", "sync")
    store.settle(epoch, [settled(name, count) for count, name in enumerate(names, 1)])

    for count, name in enumerate(names, 1):
        key = SeriesKey(**WHERE, workflow=name)
        cursor = store.find_cursor(key)
        assert cursor is not None
        assert (cursor.key, cursor.position) == (key, START + count * SECOND)
        (span,) = store.list_dropped("weather", "local", name)
        assert (span.key, span.count) == (key, count)
    assert len(store.list_dropped("weather", "local", "sync", with_instances=True)) == 3
    assert store.count_dropped() == {
        ("weather", "local", name, "paused"): count for count, name in enumerate(names, 1)
    }


def test_pauses_of_an_instance_are_ended_alone(store: Store) -> None:
    for name in ("sync[eu]", "sync[us]", "sync", None):
        store.add_pause(pause(name))

    assert store.end_pauses("weather", "local", "sync[eu]", START + SECOND, actor=ACTOR) == 1

    assert [one.workflow for one in store.list_pauses("weather", "local")] == ["sync[us]", "sync", None]


def test_backfills_of_two_instances_do_not_overlap(store: Store, sample: Sample) -> None:
    eu = sample.backfill(workflow="sync[eu]")
    us = sample.backfill(workflow="sync[us]")

    again = sample.backfill_record(workflow="sync[eu]")

    assert store.create_backfill(again, [tick(0)]) is None
    overlapping = store.find_overlapping_backfill(again, [tick(0)])
    assert overlapping is not None
    assert overlapping.id == eu.id
    assert store.list_backfills("weather", "local", "sync") == ()
    assert store.list_backfills("weather", "local", "sync[us]") == (us,)
    assert store.list_backfills("weather", "local", "sync", with_instances=True) == (us, eu)


@pytest.mark.parametrize(
    ("old", "new"),
    [("sync", "sync[eu]"), ("sync[eu]", "sync"), ("sync[eu]", "sync[a.task.b]"), ("sync[eu]", "load[eu]")],
)
def test_a_rename_takes_along_what_is_of_that_instance_and_nothing_else(
    store: Store, sample: Sample, old: str, new: str
) -> None:
    store.bind_project(project(), ACTOR)
    moved = sample.ended(workflow=old, logical_time=START)
    other = sample.ended(workflow="sync[us]", logical_time=START)
    sample.backfill(workflow=old)
    store.add_pause(pause(old))

    store.add_deployment(
        deployment(
            workflows=tuple(
                DeployedWorkflow(name=name, spec_hash="h", schedules=[]) for name in (new, "sync[us]")
            ),
            moved=((f"workflow.{old}", f"workflow.{new}"),),
        ),
        based_on=None,
    )

    assert sample.again(moved).workflow == new
    assert sample.again(other).workflow == "sync[us]"
    assert [one.workflow for one in store.list_backfills()] == [new]
    assert [one.workflow for one in store.list_pauses("weather", "local")] == [new]
