"""Staleness: what a task did, what it does, and what somebody has accepted as the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from plan_sides import FILES, sides

from cronicle.config.fingerprint import deep_fingerprint, fingerprint, fingerprint_parts
from cronicle.plan.staleness import (
    CURRENT,
    Accepted,
    Standing,
    State,
    fingerprint_of,
    names_in,
    own_of,
    stale_of,
    standings,
)
from cronicle.runs.spec import RunSpec, TaskSpec, UpstreamSpec

PIPELINE = """
workflow "daily" {
  task "extract" {
    command = ["python3", "extract.py"]
  }
  task "summarise" {
    command    = ["python3", "summarise.py"]
    depends_on = [task.extract]
  }
  task "report" {
    command    = ["python3", "report.py"]
    depends_on = [task.summarise]
  }
}
"""


def spec_of(tasks: Mapping[str, tuple[str, Iterable[str]]]) -> RunSpec:
    """A spec of tasks, each with what it does and what it waits for, in an order of the graph."""
    made: dict[str, TaskSpec] = {}
    for name, (does, above) in tasks.items():
        task = TaskSpec(
            name=name,
            command={"known": [does]},
            upstreams=tuple(UpstreamSpec(task=one) for one in above),
        )
        parts = fingerprint_parts(task, "")
        own = fingerprint(parts)
        deep = deep_fingerprint(own, [(one, None, made[one].deep_fingerprint) for one in above])
        made[name] = evolve(task, fingerprint=own, fingerprint_parts=parts, deep_fingerprint=deep)
    return RunSpec(project="p", workflow="w", tasks=tuple(made.values()))


def chain(extract: str = "e", summarise: str = "s", report: str = "r") -> RunSpec:
    return spec_of(
        {"extract": (extract, ()), "summarise": (summarise, ["extract"]), "report": (report, ["summarise"])}
    )


def accepted(spec: RunSpec, now: RunSpec, *tasks: str) -> Accepted:
    return Accepted.of([(name, (own_of(spec.task(name)),), own_of(now.task(name))) for name in tasks])


def stale(now: RunSpec, made: RunSpec, *rest: object) -> list[str]:
    return [task.task for task in stale_of(standings(now, made, *rest))]


# Graphs of a few tasks with a few things to do, and two versions of them

_NAMES = ["a", "b", "c", "d", "e"]


@st.composite
def _specs(draw: st.DrawFn) -> RunSpec:
    names = draw(st.lists(st.sampled_from(_NAMES), unique=True, min_size=1).map(sorted))
    tasks = {}
    for at, name in enumerate(names):
        above = draw(st.lists(st.sampled_from(names[:at]), unique=True, max_size=2)) if at else []
        tasks[name] = (draw(st.sampled_from("12")), sorted(above))
    return spec_of(tasks)


@given(_specs(), _specs())
def test_with_nothing_accepted_a_task_is_current_exactly_if_its_deep_fingerprint_is_the_same(
    made: RunSpec, now: RunSpec
) -> None:
    found = standings(now, made)

    before = {task.name: task.deep_fingerprint for task in made.tasks}
    assert {name: one.state is State.CURRENT for name, one in found.items()} == {
        task.name: task.deep_fingerprint == before[task.name] for task in now.tasks if task.name in before
    }
    assert {one.state for one in found.values()} <= {State.CURRENT, State.STALE}


@given(_specs(), _specs(), st.sets(st.sampled_from(_NAMES)))
def test_accepting_more_makes_nothing_stale_and_accepting_all_makes_all_current(
    made: RunSpec, now: RunSpec, some: set[str]
) -> None:
    both = {task.name for task in made.tasks} & {task.name for task in now.tasks}

    before = set(stale(now, made))
    with_some = set(stale(now, made, accepted(made, now, *(some & both))))
    with_all = set(stale(now, made, accepted(made, now, *both)))

    assert with_all == set() <= with_some <= before


@given(_specs(), _specs())
def test_why_a_task_is_stale_is_said_of_each(made: RunSpec, now: RunSpec) -> None:
    tasks = stale_of(standings(now, made))
    names = {task.task for task in tasks}

    for task in tasks:
        assert task.does_differ or task.above
        assert set(task.above) <= names
        assert task.does_differ == (own_of(made.task(task.task)) != own_of(now.task(task.task)))
        assert task.does_differ == bool(task.attributes)


# What is accepted


def test_a_change_makes_what_is_below_it_stale_and_nothing_else() -> None:
    now = chain(summarise="other")

    extract, summarise, report = standings(now, chain()).values()

    assert extract == CURRENT
    assert summarise.stale is not None
    assert report.stale is not None
    assert (summarise.stale.attributes, summarise.stale.above) == (("command",), ())
    assert (report.stale.does_differ, report.stale.above) == (False, ("summarise",))


def test_what_is_below_an_accepted_change_is_current_and_another_change_is_not() -> None:
    made, now = chain(), chain(extract="x", summarise="y")

    assert stale(now, made) == ["extract", "summarise", "report"]
    assert stale(now, made, accepted(made, now, "summarise")) == ["extract", "summarise", "report"]
    assert stale(now, made, accepted(made, now, "extract")) == ["summarise", "report"]
    assert stale(now, made, accepted(made, now, "extract", "summarise")) == []


def test_acceptances_hold_along_chains_and_backwards() -> None:
    one, two, three = (chain(extract=text) for text in "123")
    both = Accepted.of(
        [
            ("extract", (own_of(old.tasks[0]),), own_of(new.tasks[0]))
            for old, new in ((one, two), (two, three))
        ]
    )

    for made in (one, two, three):
        for now in (one, two, three):
            assert stale(now, made, both) == []
    assert stale(chain(extract="4"), one, both) == ["extract", "summarise", "report"]


def test_what_is_accepted_of_one_task_says_nothing_of_another_that_does_the_same() -> None:
    made = spec_of({"a": ("1", ()), "b": ("1", ())})
    now = spec_of({"a": ("2", ()), "b": ("2", ())})

    assert stale(now, made, accepted(made, now, "a")) == ["b"]


def test_another_upstream_is_a_change_that_can_be_accepted() -> None:
    made = chain()
    now = spec_of(
        {
            "extract": ("e", ()),
            "other": ("o", ()),
            "summarise": ("s", ["extract", "other"]),
            "report": ("r", ["summarise"]),
        }
    )

    assert names_in(standings(now, made), State.STALE) == ("summarise", "report")
    assert stale_of(standings(now, made))[0].attributes == ("depends_on",)
    assert stale(now, made, accepted(made, now, "summarise")) == []


def test_a_new_task_is_not_missed_and_a_removed_one_is_of_no_interest() -> None:
    made = spec_of({"a": ("1", ()), "gone": ("1", ())})
    now = spec_of({"a": ("1", ()), "new": ("1", ["a"])})

    assert standings(now, made) == {"a": CURRENT}


def test_what_a_task_does_is_told_by_its_fingerprint_and_its_edges() -> None:
    extract, summarise, _ = chain().tasks

    assert own_of(extract) == extract.fingerprint
    assert own_of(summarise) == f'{summarise.fingerprint}|["extract"]'
    assert fingerprint_of(own_of(summarise)) == summarise.fingerprint


# What cannot be compared


def test_a_fingerprint_of_another_algorithm_is_neither_stale_nor_current() -> None:
    now = chain()
    old = evolve(
        now,
        tasks=tuple(evolve(task, fingerprint=f"0:{task.fingerprint[2:]}") for task in now.tasks[:1])
        + now.tasks[1:],
    )

    found = standings(now, old)

    assert names_in(found, State.UNKNOWN) == ("extract", "summarise", "report")
    assert stale(chain(summarise="x"), old) == ["summarise", "report"]


# What was carried over


def test_what_was_carried_over_stands_as_in_the_run_that_executed_it() -> None:
    old, now = chain(summarise="old"), chain()
    elsewhere = standings(now, old)

    found = standings(
        now, now, Accepted.of([]), {"summarise": [elsewhere["summarise"]]}, ["extract", "report"]
    )

    assert names_in(found, State.STALE) == ("summarise", "report")
    assert stale_of(found)[1].above == ("summarise",)


def test_an_instance_that_was_executed_elsewhere_makes_its_task_stale() -> None:
    old, now = chain(summarise="old"), chain()
    elsewhere: Sequence[Standing] = [standings(now, old)["summarise"]]

    found = standings(now, now, Accepted.of([]), {"summarise": elsewhere}, ["extract", "summarise", "report"])

    assert names_in(found, State.STALE) == ("summarise", "report")
    assert (
        names_in(
            standings(
                now, now, Accepted.of([]), {"summarise": [CURRENT]}, ["extract", "summarise", "report"]
            ),
            State.STALE,
        )
        == ()
    )


def test_a_task_that_was_left_out_is_not_missed_by_what_is_below_it() -> None:
    found = standings(chain(extract="x"), chain(), Accepted.of([]), {}, ["report"])

    assert found == {"report": CURRENT}


# Files as they are written


@pytest.mark.parametrize(
    "after",
    [
        "# a comment\n" + PIPELINE.replace("  task", "\n  # another\n  task"),
        PIPELINE.replace("    ", "  ").replace("command = ", "command    ="),
        PIPELINE.replace(
            'task "extract" {', 'task "extract" {\n    description = "reads"\n    timeout = "5m"'
        ),
    ],
    ids=["comments", "layout", "what does not matter"],
)
def test_comments_layout_and_what_does_not_change_what_is_done_make_nothing_stale(after: str) -> None:
    before, now = (sides(text)["daily"].spec for text in (PIPELINE, after))

    assert stale(now, before) == []


def test_a_changed_file_makes_the_tasks_stale_that_use_it_and_those_below() -> None:
    before = sides(PIPELINE)["daily"].spec
    now = sides(PIPELINE, FILES | {"summarise.py": "new"})["daily"].spec

    summarise, report = stale_of(standings(now, before))

    assert (summarise.task, summarise.files, summarise.attributes) == ("summarise", ("summarise.py",), ())
    assert summarise.parts == ("inputs",)
    assert (report.task, report.above) == ("report", ("summarise",))


def test_a_value_that_differs_makes_no_difference_where_it_changes_nothing_that_is_done() -> None:
    """`retry.attempts` by a variable: another value is no other work."""
    text = PIPELINE.replace(
        'task "extract" {', 'task "extract" {\n    retry {\n      attempts = var.attempts\n    }'
    )
    few, many = (
        sides(f'variable "attempts" {{\n  default = {number}\n}}\n{text}')["daily"].spec for number in (1, 9)
    )

    assert few.task("extract").retry.attempts != many.task("extract").retry.attempts
    assert stale(many, few) == []
