"""Sensitive values in specs: marked where they stand, sealed in what is hashed, known by their variables."""

from __future__ import annotations

import json

import pytest
from attrs import evolve, fields
from trees import DictTree

from cronicle.config.compile import compile_workflow
from cronicle.config.fingerprint import part_hash, with_salt
from cronicle.config.load import load_project
from cronicle.config.project import Project
from cronicle.config.variables import GivenValues
from cronicle.errors import UsageError
from cronicle.operations.params import param_values
from cronicle.plan.compare import Side, plan_changes
from cronicle.plan.renames import with_renamed_tasks
from cronicle.runs.scope import InstanceView, RunView, evaluate_attempt
from cronicle.runs.sensitive import constant_texts, variable_texts
from cronicle.runs.spec import RunSpec, TaskSpec, spec_from_bytes, spec_hash, spec_to_bytes

HEAD = """
variable "token" {
  type      = string
  sensitive = true
}
variable "spare" {
  sensitive = true
  default   = null
}
locals {
  header = "Bearer ${var.token}"
}
"""
SALT = "5a17"


def loaded(text: str, token: str | None, head: str = HEAD) -> tuple[Project, DictTree]:
    """A project with a value for the variable, or else with what a deployment has of it."""
    tree = DictTree({"w.hcl": f'{head}\nworkflow "w" {{\n{text}\n}}\n'})
    given = GivenValues(origin="the deployment", stored={"token": {"$sensitive": "swordfish"}})
    if token is not None:
        given = GivenValues(origin="--var", texts={"token": token})
    found = load_project(tree, folder_name="p", given=[given])
    assert found.project is not None, found.diagnostics
    return found.project, tree


def compiled(text: str, token: str = "swordfish", salt: str = SALT) -> RunSpec:
    project, tree = loaded(text, token)
    spec = compile_workflow(project, project.workflows["w"], tree, salt=salt)
    assert spec_from_bytes(spec_to_bytes(spec)) == spec
    return spec


TASK = (
    'task "t" {\ncommand = ["curl", "-H", local.header, run.date]\nenv = { T = var.token, D = "plain" }\n}\n'
)


def test_a_value_is_marked_where_it_stands_and_the_rest_is_not() -> None:
    task = compiled(TASK).task("t")

    assert task.sensitive
    assert task.env == {"D": {"known": "plain"}, "T": {"known": {"$sensitive": "swordfish"}}}
    assert task.command is not None
    words = task.command["expression"][1]
    assert words[2] == ["call", "sensitive", [["template", ["Bearer swordfish"]]], False]
    assert words[:2] == [["template", ["curl"]], ["template", ["-H"]]]


def test_a_spec_names_the_variables_that_are_to_be_masked_and_only_those() -> None:
    spec = compiled(TASK)

    assert spec.sensitive == {
        "token": {"$sensitive": "swordfish"}
    }  # by way of the local, and not the spare one
    assert set(variable_texts(spec)) == {"swordfish"}
    assert set(constant_texts(spec.task("t"))) == {"swordfish", "Bearer swordfish"}


def test_without_anything_sensitive_a_spec_is_what_it_was() -> None:
    spec = compiled('task "t" {\ncommand = ["true"]\nenv = { N = nonsensitive(length(var.token)) }\n}')

    assert (spec.sensitive, spec.salt, spec.task("t").sensitive) == ({}, "", False)


def test_a_fingerprint_changes_with_the_value_and_with_nothing_else() -> None:
    first, same, other = (compiled(TASK, token) for token in ("swordfish", "swordfish", "herring"))

    assert first == same
    parts = [spec.task("t").fingerprint_parts for spec in (first, other)]
    assert {name for name in parts[0] if parts[0][name] != parts[1][name]} == {"command", "env"}


def test_nobody_without_the_salt_can_make_a_hash_that_is_shown() -> None:
    spec = compiled(TASK)
    task = spec.task("t")

    shown = {task.fingerprint.partition(":")[2], *task.fingerprint_parts.values()}
    assert part_hash(task.env) not in shown
    assert part_hash(task.command) not in shown
    assert compiled(TASK, salt="other").task("t").fingerprint_parts["env"] not in shown
    hashes = {spec_hash(spec_to_bytes(compiled(TASK, salt=salt))) for salt in (SALT, "other")}
    assert len(hashes) == 2


def test_a_spec_with_the_salt_of_another_store_is_as_if_it_was_compiled_for_it() -> None:
    text = TASK + 'task "below" {\ncommand = ["true"]\ndepends_on = [task.t]\n}'

    assert with_salt(compiled(text, salt="other"), SALT) == compiled(text)
    assert with_salt(compiled(text), SALT) == compiled(text)


def test_a_renamed_task_has_the_fingerprint_of_its_new_name() -> None:
    text = TASK + 'task "below" {\ncommand = ["cat", task.t.stdout]\nenv = { T = var.token }\n}'

    renamed = with_renamed_tasks(compiled(text), {"t": "u"})

    new = compiled(text.replace('"t"', '"u"').replace("task.t", "task.u"))
    assert [task.deep_fingerprint for task in renamed.tasks] == [task.deep_fingerprint for task in new.tasks]


def test_a_plan_says_that_something_sensitive_changes_and_not_what() -> None:
    old, new = (compiled(TASK, token) for token in ("swordfish", "herring"))

    plan = plan_changes({"w": Side(spec=old)}, {"w": Side(spec=new)})

    assert "swordfish" not in json.dumps(plan.to_json())
    assert "herring" not in json.dumps(plan.to_json())
    changes = {change.name: (change.old, change.new) for change in plan.changes[0].tasks[0].attributes}
    assert changes["env.T"] == ("(sensitive value)", "(sensitive value)")
    assert changes["command"][1] == {"expression": '["curl", "-H", (sensitive value), run.date]'}


def test_a_value_that_was_deployed_as_sensitive_stays_so() -> None:
    head = HEAD.replace("sensitive = true", "")
    project, _ = loaded(TASK, None, head)

    assert project.values["token"] == {"$sensitive": "swordfish"}


def test_a_run_evaluates_with_the_value_or_without_it() -> None:
    env = '{ A = "${run.date}", B = [var.token][0] }'
    task = compiled(f'task "t" {{\nscript = "${{run.date}} ${{upper(var.token)}}"\nenv = {env}\n}}').task("t")
    view = RunView(
        run={"date": "2026-11-23"},
        params={},
        project="p",
        environment="local",
        task=lambda _: None,
        task_names=(),
    )

    without = evaluate_attempt(task, view, InstanceView())
    with_value = evaluate_attempt(task, evolve(view, secrets={}), InstanceView())

    assert without.argv[-1] == "2026-11-23 ***"
    assert without.env == {"A": "2026-11-23", "B": "***"}
    assert without.sensitive == ()
    assert with_value.argv[-1] == "2026-11-23 SWORDFISH"
    assert with_value.env == {"A": "2026-11-23", "B": "swordfish"}
    assert set(with_value.sensitive) == {"SWORDFISH", "swordfish"}


def test_of_a_script_only_the_sensitive_parts_are_hidden_and_masked() -> None:
    script = '"echo begin\\ncurl ${shellquote(var.token)} ${environment}%{ if true }!%{ endif }"'
    task = compiled(f'task "t" {{\nscript = {script}\n}}').task("t")

    parts = [
        "echo begin\ncurl ",
        ["value", ["call", "sensitive", [["template", ["'swordfish'"]]], False]],
        " local!",
    ]
    assert task.script == {"expression": ["template", parts]}
    assert set(constant_texts(task)) == {"'swordfish'"}


def test_a_condition_of_a_parameter_may_compare_with_something_sensitive() -> None:
    judged = 'condition = param.size != var.token\nerror_message = "No, ${param.size} and ${var.token}."'
    text = (
        f'param "size" {{\ndefault = ""\nvalidation {{\n{judged}\n}}\n}}\ntask "t" {{\ncommand = ["true"]\n}}'
    )

    spec = compiled(text)

    assert spec.salt == SALT  # by which its hash tells nothing
    with pytest.raises(UsageError) as caught:
        param_values(spec, ["size=swordfish"])
    assert "not valid: ***" in caught.value.message
    assert param_values(spec, ["size=herring"]) == {"size": "herring"}


LATE = {"command", "script", "for_each", "when", "lock", "env", "stdin", "produces"}
"""What is sealed for fingerprints, but for `lock` and `produces`, which are never sensitive."""


def test_every_attribute_that_may_be_known_later_is_looked_at_for_sensitive_values() -> None:
    assert {each.name for each in fields(TaskSpec) if "Lazy" in str(each.type)} == LATE
