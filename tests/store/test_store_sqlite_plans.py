"""Each page costs the same however long the history is: what SQLite does for each listing, by its own plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_values import START

from cronicle.runs.states import Cause, RunState
from cronicle.store import sqlite
from cronicle.store.records import RunFilter
from cronicle.store.relational.admission import _ACTIVE, _HOLDER, _OLDEST, live_runs
from cronicle.store.relational.listing import list_query
from cronicle.store.relational.reader import RelationalReader
from cronicle.store.relational.retention import _PAST
from cronicle.store.relational.serving import _NEEDING

SCOPES = [
    {},
    {"project": "p"},
    {"project": "p", "environment": "e"},
    {"project": "p", "environment": "e", "workflow": "w"},
]


def plan(folder: Path, wanted: RunFilter) -> list[str]:
    store = sqlite.open_store(folder / "store", create=True)
    sql, values = list_query(wanted)
    steps = [row[3] for row in store._connection.rows(f"EXPLAIN QUERY PLAN {sql}", values)]
    store.close()
    return steps


@pytest.mark.parametrize("scope", SCOPES, ids=str)
@pytest.mark.parametrize("before", [None, 1000])
@pytest.mark.parametrize(
    "states", [(), (RunState.FAILED,), (RunState.FAILED, RunState.CANCELLED), (RunState.SUCCEEDED,)], ids=str
)
def test_a_page_of_runs_walks_an_index_and_sorts_nothing(
    folder: Path, scope: dict[str, str], before: int | None, states: tuple[RunState, ...]
) -> None:
    steps = plan(folder, RunFilter(before=before, states=states, **scope))

    walks = [step for step in steps if "run" in step.split()]
    assert walks
    sorts = [step for step in steps if "TEMP B-TREE" in step]
    # Several states are merged at the end, which sorts at most a page of each.
    assert len(sorts) <= (len(states) if len(states) > 1 else 0)
    if scope and states != (RunState.FAILED,):
        assert all("USING INDEX" in step for step in walks)
    if not scope and not states and before is None:
        assert walks == ["SCAN run"]  # along the primary key, newest first, until the page is full


@pytest.mark.parametrize("scope", SCOPES[2:], ids=str)
def test_runs_that_ended_badly_are_found_without_meeting_the_others(
    folder: Path, scope: dict[str, str]
) -> None:
    (walk,) = plan(folder, RunFilter(states=(RunState.FAILED,), **scope))

    assert "run_bad" in walk


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (RunFilter(backfill="B1"), "run_of_backfill"),
        (RunFilter(revision="1" * 40), "run_of_revision"),
        (RunFilter(states=(RunState.QUEUED,)), "run_live_state"),
        (
            RunFilter(project="p", environment="e", workflow="w", logical_from=START, logical_to=START),
            "run_at",
        ),
        (RunFilter(project="p", environment="e", workflow="w[k]"), "run_of_instance"),
        (
            RunFilter(project="p", environment="e", workflow="w[k]", logical_from=START, logical_to=START),
            "run_at_of_instance",
        ),
        (RunFilter(project="p", environment="e", workflow="w", with_instances=True), "run_of_workflow"),
    ],
    ids=["backfill", "revision", "live", "logical time", "instance", "time of instance", "instances"],
)
def test_what_narrows_a_list_down_is_looked_up(folder: Path, wanted: RunFilter, index: str) -> None:
    assert index in plan(folder, wanted)[0]


def test_a_list_of_causes_is_a_walk_for_each(folder: Path) -> None:
    steps = plan(folder, RunFilter(project="p", causes=(Cause.SCHEDULE, Cause.BACKFILL)))

    assert len([step for step in steps if "run_of_project" in step]) == 2


@pytest.mark.parametrize(
    ("look", "index"),
    [
        (lambda store: store.list_waiting_runs("me"), "run_waiting"),
        (lambda store: store.list_ended_after(7), "run_ended"),
        (lambda store: store.list_unowned(), "run_unowned"),
        (lambda store: store.list_unowned(), "run_needing"),
        (lambda store: store._connection.rows(_NEEDING), "run_needing"),
        (lambda store: store.list_pauses("p", "e"), "pause_of"),
        (lambda store: store.list_owed("p", "e"), "owed_by"),
        (lambda store: store.list_dropped("p", "e", "w", start=START), "dropped_of"),
        (lambda store: store.find_newest_result("p", "e", "w", None), "run_result"),
        (lambda store: store.find_newest_result("p", "e", "w[k]", None), "run_result_of_instance"),
        (
            lambda store: store.list_failed_times("p", "e", "w[k]", None, START, START),
            "run_failure_of_instance",
        ),
        (lambda store: store.list_last_successes("p", "e", ["w[k]"]), "run_at_of_instance"),
        (lambda store: live_runs(store._connection, "p", "e", "w", ""), "run_live_of_workflow"),
        (lambda store: store._connection.rows(_ACTIVE, ("p", "e", "w", "", "R1")), "run_live_of_workflow"),
        (lambda store: store._connection.rows(_OLDEST, ("p", "e", "w", "", "R1")), "run_live_of_workflow"),
        (lambda store: store._connection.rows(_HOLDER, ("db", "R1")), "run_locked"),
    ],
    ids=[
        "waiting",
        "ended",
        "unowned",
        "needing",
        "labels",
        "pauses",
        "owed",
        "dropped",
        "result",
        "result-of-instance",
        "failure-of-instance",
        "successes-of-instances",
        "live",
        "active",
        "oldest",
        "lock",
    ],
)
def test_what_a_scheduler_asks_for_again_and_again_is_looked_up(
    folder: Path, look: Callable[[RelationalReader], object], index: str
) -> None:
    steps = steps_of(folder, look)

    assert any(index in step for step in steps)
    assert not any(step == "SCAN run" for step in steps)


@pytest.mark.parametrize("owner", [None, "me"])
def test_looking_for_hooks_costs_the_same_however_long_the_history_is(
    folder: Path, owner: str | None
) -> None:
    """Every command that drives looks."""
    steps = steps_of(folder, lambda store: store.list_runs_with_hooks(owner))

    assert steps == ["SEARCH run USING INDEX run_hooks (owner=?)"]


def steps_of(folder: Path, look: Callable[[RelationalReader], object]) -> list[str]:
    """The plans of all that a method of the reader asks for."""
    store = sqlite.open_store(folder / "store", create=True)
    rows, steps = store._connection.rows, []

    def explained(sql: str, values: Any = ()) -> list[Any]:
        steps.extend(row[3] for row in rows(f"EXPLAIN QUERY PLAN {sql}", values))
        return []

    store._connection.rows = explained  # type: ignore[method-assign]
    look(store)
    store.close()
    return steps


def test_the_walk_to_old_runs_uses_an_index_for_each_question(folder: Path) -> None:
    values = ("weather", "local", 1 << 40, 1 << 60, 10)

    steps = steps_of(folder, lambda store: store._connection.rows(_PAST, values))

    assert [step for step in steps if step.startswith("SCAN")] == []
    assert [step for step in steps if "TEMP B-TREE" in step] == []
    assert any("task_run_carried" in step for step in steps)
