"""What the fault tests conclude from what tasks have written: they find what is wrong, and nothing that is not."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from benchmarks.cluster import judge_ticks
from benchmarks.effects import Attempt, Effects, Span, is_alive, line_from, most_at_once
from benchmarks.faults import uptime
from benchmarks.load import BY_NAME, judge_effects, kind_of, ticks_of, workflows_of

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def attempt(run: str = "R1", began: float = 1.0, ended: float | None = 2.0, **changes: Any) -> Attempt:
    values: dict[str, Any] = {
        "workflow": "plain0",
        "task": "t0",
        "time": NOON,
        "run": run,
        "number": 1,
        "fence": 1,
        "pid": int(run[1:]),
        "began": began,
        "ended": ended,
    }
    return Attempt(**{**values, **changes})


def said(kind: str, one: Attempt, now: float) -> str:
    where = f"{one.workflow} {one.task} {one.time.isoformat()} {one.run}"
    return f"{kind} {where} {one.number} {one.fence} {one.pid} {now}\n"


def test_a_line_is_read_and_a_torn_one_is_not() -> None:
    line = line_from(said("end", attempt(), 3.25).strip())

    assert line is not None
    assert line.is_end
    assert line.attempt == attempt(began=3.25, ended=None)
    for torn in ("", "end plain0", "begin a b c d e f g h", said("other", attempt(), 1)):
        assert line_from(torn) is None


def test_effects_are_read_in_pieces_and_ends_belong_to_beginnings() -> None:
    effects, one, other = Effects(), attempt("R1"), attempt("R2")
    text = said("begin", one, 1.0) + said("begin", other, 1.5) + said("end", one, 2.0) + "torn\n"

    for place in range(0, len(text), 7):
        effects.take(text[place : place + 7])
    effects.take(said("end", attempt("R3"), 3.0))

    first, second = effects.attempts()
    assert first.certain == (1.0, 2.0)
    assert second.certain == (1.5, 1.5)
    assert effects.torn == ["torn"]
    assert [line.split()[4] for line in effects.unexpected] == ["R3"]


def test_an_attempt_without_an_end_was_certainly_there_as_long_as_its_process_was_seen() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    one = attempt("R1", pid=process.pid, began=uptime(), ended=None)
    effects = Effects()
    effects.take(said("begin", one, one.began))

    effects.look(one.began + 5)
    alive = is_alive(one)
    process.communicate(b"\n")
    effects.look(one.began + 9)

    assert alive
    assert not is_alive(one)
    assert effects.attempts()[0].certain == pytest.approx((one.began, one.began + 5))


def test_a_process_that_has_got_the_number_of_an_attempt_is_not_taken_for_it() -> None:
    assert not is_alive(attempt("R1", pid=os.getpid(), began=0.5))


def test_what_ends_as_another_begins_was_not_there_at_the_same_time() -> None:
    spans = [Span(1, 2, "a"), Span(2, 3, "b"), Span(2.5, 4, "c"), Span(3, 3, "d"), Span(2.9, 3.5, "e")]

    most, which = most_at_once(spans)

    assert most == 3
    assert {one.what for one in which} == {"b", "c", "e"}


@pytest.mark.parametrize(
    ("kind", "most"),
    [("pool", 3), ("lock", 1), ("runlock", 1), ("few", 2), ("skip", 1), ("queue", 1), ("cancel", 1)],
)
def test_a_limit_that_was_exceeded_is_found_and_one_that_held_is_not(kind: str, most: int) -> None:
    together = [attempt(f"R{number}", workflow=f"{kind}0") for number in range(1, most + 2)]
    apart = [attrs.evolve(together[-1], began=2.0, ended=3.0), *together[:-1]]

    assert judge_effects(apart) == []
    [problem] = judge_effects(together)
    assert f"{most + 1} at once, {most} are allowed" in problem


def test_workflows_of_one_kind_share_a_lock_but_not_their_overlap() -> None:
    """Two workflows at once: the lock is that of the store, `overlap` that of each workflow."""
    for kind, problems in (("lock", 1), ("runlock", 1), ("skip", 0)):
        two = [attempt("R1", workflow=f"{kind}0"), attempt("R2", workflow=f"{kind}1")]
        assert len(judge_effects(two)) == problems


def test_a_run_holds_its_place_between_its_attempts() -> None:
    """Its first attempt was lost, and the second began later: nothing else of the workflow may have run meanwhile."""
    lost, again = (
        attempt("R1", 1.0, None, workflow="queue0"),
        attempt("R1", 5.0, 6.0, workflow="queue0", number=2, fence=9),
    )
    other = attempt("R2", 3.0, 4.0, workflow="queue0")

    assert judge_effects([lost, again]) == []
    assert len(judge_effects([lost, other, again])) == 1


def test_the_tasks_of_a_run_at_once_are_counted_by_run() -> None:
    three = [attempt("R1", workflow="wide0", task=f"t{number}", pid=number) for number in range(3)]

    assert len(judge_effects(three)) == 1
    assert judge_effects([*three[:2], attrs.evolve(three[2], run="R2")]) == []


def test_executing_again_is_wrong_at_the_same_time_with_the_same_number_or_where_the_task_forbids_it() -> (
    None
):
    first = attempt("R1", 1.0, None, seen=2.0)
    later = attempt("R1", 3.0, 4.0, number=2, fence=2, pid=9)

    assert judge_effects([first, later]) == []
    assert "at once" in judge_effects([first, attrs.evolve(later, began=1.5)])[0]
    assert "executed twice" in judge_effects([first, attrs.evolve(later, number=1)])[0]
    assert "fences do not grow" in judge_effects([attrs.evolve(first, fence=3), later])[0]
    once = [attrs.evolve(one, workflow="once0") for one in (first, later)]
    assert "was executed again" in judge_effects(once)[0]


def test_ticks_are_counted_by_arithmetic_and_compared_with_the_runs() -> None:
    workflows = workflows_of(100)
    expected = list(ticks_of(workflows, NOON, NOON + timedelta(seconds=60.5)))
    runs = [
        {"workflow": name, "logical_time": tick.isoformat(), "cause": "schedule"} for name, tick in expected
    ]

    assert {kind_of(one.name) for one in workflows} == set(BY_NAME.values()) - {BY_NAME["manual"]}
    assert sum(name == "minute0" for name, _ in expected) == 1
    assert sum(name == "skip0" for name, _ in expected) == 60
    assert judge_ticks(runs, expected) == []
    assert "1 ticks have no run" in judge_ticks(runs[1:], expected)[0]
    assert "1 ticks have several runs" in judge_ticks([*runs, runs[0]], expected)[0]
    assert "1 runs are of no tick" in judge_ticks([*runs, runs[0] | {"workflow": "plain999"}], expected)[0]
    assert "have no run" in judge_ticks([runs[0] | {"cause": "manual"}, *runs[1:]], expected)[0]
