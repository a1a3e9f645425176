"""Sensitive values at a run: what decides may not be sensitive, and no event holds one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cronicle.runs import events as ev
from cronicle.runs.machine import RunMachine
from cronicle.runs.scope import BadReference, InstanceView, RunView, evaluate_condition, evaluate_open
from cronicle.runs.sensitive import (
    constant_texts,
    has_sensitive,
    hidden,
    hidden_tree,
    plain,
    sealed,
    variable_texts,
)
from cronicle.runs.spec import Lazy, RunSpec, TaskSpec
from grammar.parse import parse_expression
from grammar.serial import expression_from_json, expression_to_json
from grammar.source import SourceFile
from grammar.text import expression_text

AT = datetime(2026, 11, 23, tzinfo=UTC)
VIEW = RunView(
    run={"date": "2026-11-23"}, params={}, project="p", environment="e", task=lambda _: None, task_names=()
)


def tree(text: str) -> Lazy:
    expr, diagnostics = parse_expression(SourceFile("test", text))
    assert not diagnostics
    return {"expression": expression_to_json(expr)}


@pytest.mark.parametrize("lazy", [{"known": {"$sensitive": True}}, tree('sensitive("a") == run.date')])
def test_what_decides_may_not_be_sensitive(lazy: Lazy) -> None:
    with pytest.raises(BadReference, match=r"when is sensitive.*nonsensitive") as caught:
        evaluate_condition(lazy, VIEW, InstanceView())

    assert "true" not in caught.value.detail.lower()


def test_an_element_makes_instances_of_a_run_sensitive() -> None:
    with pytest.raises(BadReference, match="for_each is sensitive"):
        evaluate_open(tree('{ (run.date) = sensitive("x") }'), VIEW, InstanceView(), "for_each")


def test_the_event_of_instances_has_no_sensitive_value() -> None:
    instances = {"a": {"$sensitive": "swordfish"}, "b": {"user": "u", "password": {"$sensitive": "herring"}}}
    task = TaskSpec(name="t", command={"known": ["true"]}, for_each={"known": instances}, sensitive=True)
    machine = RunMachine(RunSpec(project="p", workflow="w", tasks=(task,)))

    facts = [ev.RunQueued(at=AT, run_id="R1"), ev.RunStarted(at=AT)]
    told = [event for fact in facts for event in machine.advance(fact)]

    expanded = next(event for event in told if isinstance(event, ev.InstancesExpanded))
    assert expanded.instances == {
        "a": {"$sensitive": None},
        "b": {"user": "u", "password": {"$sensitive": None}},
    }


def test_texts_and_numbers_are_masked_and_keys_bools_and_short_texts_are_not() -> None:
    task = TaskSpec(
        name="t",
        command=tree(
            'sensitive(["word", { secretkey = "inner", n = 12345 }, "ab", true, -6789.5, "x${run.date}y"])'
        ),
        env={"A": {"known": {"$sensitive": {"key": ["deep", {"$decimal": "0.125"}, 7, None]}}}},
        sensitive=True,
    )
    spec = RunSpec(project="p", workflow="w", tasks=(task,), sensitive={"v": {"$sensitive": {"k": "whole"}}})

    assert set(constant_texts(task)) == {"word", "inner", "12345", "6789.5", "deep", "0.125"}
    assert set(variable_texts(spec)) == {"whole"}


VALUE = {
    "a": [1, {"$sensitive": {"b": {"$sensitive": "x"}}}],
    "m": {"$map": {"$sensitive": "y", "z": {"$sensitive": 1}}},
}


def test_a_value_is_hidden_or_taken_whatever_is_marked_in_it() -> None:
    assert hidden(VALUE, "…") == {"a": [1, "…"], "m": {"$map": {"$sensitive": "y", "z": "…"}}}
    assert plain(VALUE) == {"a": [1, {"b": "x"}], "m": {"$map": {"$sensitive": "y", "z": 1}}}


def test_a_tree_is_shown_without_its_constants() -> None:
    lazy = tree('"${sensitive("swordfish")} ${run.date}"')

    assert has_sensitive([lazy])
    assert (
        expression_text(expression_from_json(hidden_tree(lazy["expression"])))
        == '"${(sensitive value)} ${run.date}"'
    )


def test_sealing_tells_values_apart_and_hides_them() -> None:
    one, two = ({"known": ["a", {"$sensitive": value}]} for value in ("x", "y"))

    assert sealed(one, "salt") != sealed(two, "salt")
    assert sealed(one, "salt") != sealed(one, "pepper")
    assert sealed(one, "salt") == sealed(one, "salt")
    assert '"x"' not in str(sealed(one, "salt"))
    assert sealed({"known": ["a"]}, "salt") == {"known": ["a"]}
