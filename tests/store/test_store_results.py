"""Results by what they were made by, what mixed runs consist of, and what was accepted."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from store_values import ACTOR, DAY, START, Sample, deployment, project

from cronicle.runs import events as ev
from cronicle.runs.states import RunState, TaskState
from cronicle.store import sqlite
from cronicle.store.interface import Store
from cronicle.store.records import Actor, RunRecord
from cronicle.store.results import AcceptanceRecord, ResultCount, TaskOrigin

OF = ("weather", "local", "daily")
BEN = Actor(user="ben", host="there", command="cronicle accept --revoke 1")


@pytest.fixture
def other(store: Store) -> str:
    """The hash of another spec."""
    return store.put_spec(b'{"version":1,"other":true}')


def result(sample: Sample, day: int, **changes: Any) -> RunRecord:
    return sample.ended(logical_time=START + day * DAY, **changes)


def carried(sample: Sample, run: RunRecord, task: str, origin: str | None, key: str | None = None) -> None:
    """A task of a run that was executed in another, or left out."""
    fact: ev.RunEvent = ev.TasksExcluded(at=START, tasks=(task,))
    if origin is not None:
        fact = ev.TaskCarriedOver(
            at=START, task=task, key=key, from_run=origin, state=TaskState.SUCCEEDED, fingerprint="1:f"
        )
    sample.append(run, fact)


def counted(*counts: ResultCount) -> list[tuple[Any, ...]]:
    return [
        (one.series, one.spec_hash, one.deployment, one.mixed, one.count, one.first, one.last)
        for one in counts
    ]


# Counting


def test_results_are_counted_by_series_spec_and_deployment(store: Store, sample: Sample, other: str) -> None:
    mine = sample.spec_hash
    for day in range(5):
        result(sample, day)
    result(sample, 1, spec_hash=other, deployment=2)  # the last to succeed is the result
    result(sample, 2, spec_hash=other, deployment=2, counts=False)
    sample.ended(RunState.FAILED, logical_time=START + 3 * DAY, spec_hash=other)
    result(sample, 7, series="hourly", deployment=None)
    result(sample, 8, mixed=True)
    result(sample, 9, workflow="daily[eu]")
    result(sample, 9, environment="production")

    found = store.count_results_by_spec(*OF)

    assert counted(*found) == [
        (None, mine, 1, True, 1, START + 8 * DAY, START + 8 * DAY),
        ("hourly", mine, None, False, 1, START + 7 * DAY, START + 7 * DAY),
        (None, mine, 1, False, 4, START, START + 4 * DAY),
        (None, other, 2, False, 1, START + DAY, START + DAY),
    ]
    assert [one.count for one in store.count_results_by_spec("weather", "local", "daily[eu]")] == [1]
    assert store.count_results_by_spec("weather", "local", "nobody") == ()


def test_results_are_counted_in_a_range_whose_end_is_exclusive(
    store: Store, sample: Sample, other: str
) -> None:
    for day in range(6):
        result(sample, day, spec_hash=other if day % 2 else sample.spec_hash)

    def count(start: datetime | None, end: datetime | None) -> dict[str, int]:
        return {one.spec_hash: one.count for one in store.count_results_by_spec(*OF, start, end)}

    assert count(START + DAY, START + 4 * DAY) == {other: 2, sample.spec_hash: 1}
    assert count(None, START + DAY) == {sample.spec_hash: 1}
    assert count(START + 5 * DAY, None) == {other: 1}
    assert count(START + 9 * DAY, None) == {}


def test_a_result_says_by_which_spec_and_deployment_it_was_made(
    store: Store, sample: Sample, other: str
) -> None:
    run = result(sample, 0, spec_hash=other, deployment=3, mixed=True, series="hourly")

    found = store.find_result(*OF, "hourly", START)

    assert found is not None
    assert (found.run_id, found.series, found.spec_hash, found.deployment, found.mixed) == (
        run.id, "hourly", other, 3, True,
    )  # fmt: skip
    assert store.list_results(*OF, "hourly", START, START + DAY) == {START: found}
    assert store.find_newest_result(*OF, "hourly") == found
    assert sample.again(run).mixed


# What runs consist of


def test_mixed_results_are_those_that_are_the_result(store: Store, sample: Sample) -> None:
    runs = [result(sample, day, mixed=True) for day in range(3)]
    result(sample, 1)  # stands in the place of a mixed one
    again = result(sample, 2, mixed=True, series="hourly")

    found = store.list_mixed_results(*OF)

    assert [(one.run_id, one.series) for one in found] == [
        (again.id, "hourly"), (runs[2].id, None), (runs[0].id, None),
    ]  # fmt: skip
    assert [one.run_id for one in store.list_mixed_results(*OF, START, START + DAY)] == [runs[0].id]
    assert found[1] == store.find_result(*OF, None, START + 2 * DAY)


def test_of_a_mixed_run_it_is_told_where_each_task_was_executed(store: Store, sample: Sample) -> None:
    plain, mixed = sample.run(), sample.run(mixed=True)
    carried(sample, plain, "extract", "OLD")
    for key in ("eu", "us", None):
        carried(sample, mixed, "each", "OLD", key)
    sample.append(mixed, ev.InstancesExpanded(at=START, task="some", instances={"a": 1, "b": 2}))
    carried(sample, mixed, "some", "OLDER", "b")
    carried(sample, mixed, "gone", None)
    sample.append(
        mixed, ev.TaskFinished(at=START, task="report", key=None, state=TaskState.SUCCEEDED, reason=None)
    )

    found = {one.run_id: one for one in store.list_compositions([plain.id, mixed.id, "NOBODY"])}

    assert set(found) == {plain.id, mixed.id}
    assert (found[plain.id].mixed, found[plain.id].origins) == (False, ())
    assert found[mixed.id].spec_hash == sample.spec_hash
    assert set(found[mixed.id].origins) == {
        TaskOrigin(task="each", carried_from="OLD"),
        TaskOrigin(task="gone", is_left_out=True),
        TaskOrigin(task="report"),
        TaskOrigin(task="some"),
        TaskOrigin(task="some", carried_from="OLDER"),
    }


def test_any_number_of_runs_may_be_asked_for(store: Store, sample: Sample) -> None:
    runs = [sample.run().id for _ in range(3)]

    found = store.list_compositions([f"X{number}" for number in range(2500)] + runs)

    assert sorted(one.run_id for one in found) == sorted(runs)
    assert store.list_compositions([]) == ()


# What was accepted


def acceptance(**changes: Any) -> AcceptanceRecord:
    values: dict[str, Any] = {
        "project": "weather",
        "environment": "local",
        "workflow": "daily",
        "task": "report",
        "old": ("1:a", '1:b|["é"]'),
        "new": "1:c",
        "before": START,
        "revision": "1" * 40,
        "actor": ACTOR,
        "reason": "only the wording “é”",
        "accepted_at": START + DAY,
    }
    return AcceptanceRecord(**{**values, **changes})


def test_what_was_accepted_comes_back_with_a_number(store: Store) -> None:
    first, second = store.add_acceptances([acceptance(), acceptance(before=None, workflow="daily[eu]")])

    assert first == evolve(acceptance(), id=first.id)
    assert second.id > first.id
    assert store.list_acceptances("weather") == (second, first)
    assert store.list_acceptances(*OF) == (first,)
    assert store.list_acceptances(*OF, with_instances=True) == (second, first)
    assert store.list_acceptances("weather", "production") == ()
    assert store.list_acceptances("other") == ()


def test_what_was_revoked_is_kept_with_who_and_when_and_only_once(store: Store) -> None:
    first, second = store.add_acceptances([acceptance(), acceptance()])

    revoked = store.revoke_acceptance(first.id, BEN, START + 2 * DAY)

    assert revoked == evolve(first, revoked_at=START + 2 * DAY, revoked_by="ben@there")
    assert store.revoke_acceptance(first.id, ACTOR, START + 3 * DAY) is None
    assert store.revoke_acceptance(1 << 40, ACTOR, START) is None
    assert store.list_acceptances(*OF) == (second,)
    assert store.list_acceptances(*OF, with_revoked=True) == (second, revoked)


def test_what_is_accepted_with_a_deployment_is_there_exactly_if_that_is(store: Store) -> None:
    store.bind_project(project(), ACTOR)

    refused = store.add_deployment(deployment(), based_on=7, acceptances=[acceptance()])
    assert refused is None
    assert store.list_acceptances("weather") == ()

    made = store.add_deployment(deployment(), based_on=None, acceptances=[acceptance()])
    assert made is not None
    assert [one.reason for one in store.list_acceptances(*OF)] == [acceptance().reason]


def test_a_renamed_workflow_takes_along_what_was_accepted(store: Store) -> None:
    store.bind_project(project(), ACTOR)
    store.add_deployment(deployment(), based_on=None)
    store.add_acceptances([acceptance(workflow="old")])

    store.add_deployment(deployment(moved=(("workflow.old", "workflow.daily"),)), based_on=1)

    assert [one.workflow for one in store.list_acceptances("weather")] == ["daily"]


def test_a_damaged_acceptance_is_passed_over(store: Store) -> None:
    good, _ = store.add_acceptances([acceptance(), acceptance(actor=Actor(user="x", host="y", command=""))])
    store._connection.execute("UPDATE acceptance SET old = ? WHERE sequence <> ?", ("{", good.id))  # type: ignore[attr-defined]

    assert store.list_acceptances("weather") == (good,)


# What SQLite does for it


@pytest.mark.parametrize(
    ("workflow", "index"), [("daily", "run_result"), ("daily[eu]", "run_result_of_instance")]
)
def test_counting_reads_an_index_and_no_row(folder: Path, workflow: str, index: str) -> None:
    """The plan says `USING INDEX` all the same: it opens the table, from which the program then reads nothing."""
    opened = sqlite.open_store(folder / "store", create=True)
    rows, steps, program = opened._connection.rows, [], []

    def explained(sql: str, values: Any = ()) -> list[Any]:
        steps.extend(row[3] for row in rows(f"EXPLAIN QUERY PLAN {sql}", values))
        program.extend(rows(f"EXPLAIN {sql}", values))
        return []

    opened._connection.rows = explained  # type: ignore[method-assign]
    opened.count_results_by_spec("weather", "local", workflow, START, START + DAY)
    ((table,),) = rows("SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = 'run'")
    opened.close()

    assert any(f"INDEX {index} " in step for step in steps)
    cursors = {row[2] for row in program if row[1] == "OpenRead" and row[3] == table}
    assert [row for row in program if row[1] == "Column" and row[2] in cursors] == []
