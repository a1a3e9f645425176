"""Loading: which files belong to a project, where values come from, and that every mistake is told once."""

from __future__ import annotations

from typing import Any

import pytest
from trees import DictTree

from cronicle.config.deployed import schedules_from_json, schedules_to_json
from cronicle.config.files import project_files
from cronicle.config.load import Loaded, load_project
from cronicle.config.variables import GivenValues
from cronicle.config.version import satisfies
from grammar.source import SourceFile

TASK = 'workflow "w" {\n  task "t" {\n    command = ["echo", var.v]\n  }\n}\n'


def load(files: dict[str, str], **options: Any) -> Loaded:
    return load_project(DictTree(files), **{"folder_name": "folder", **options})


def value_of(loaded: Loaded, name: str = "v") -> object:
    assert loaded.project is not None, loaded.diagnostics
    return loaded.project.variables[name].value


def summaries(loaded: Loaded) -> list[str]:
    return [each.summary for each in loaded.diagnostics]


def test_all_hcl_files_below_the_folder_are_the_project() -> None:
    tree = DictTree(
        dict.fromkeys(
            [
                "cronicle.hcl",
                "a.hcl",
                "deep/er/b.hcl",
                ".hidden.hcl",
                ".git/c.hcl",
                "deep/.x/d.hcl",
                "local.vars.hcl",
                "x.lock.hcl",
                "other/cronicle.hcl",
                "other/e.hcl",
                "other/deep/f.hcl",
                "ignored/g.hcl",
                "terraform.hcl",
                "readme.md",
            ],
            "",
        )
        | {".cronicleignore": "# not ours\nignored/\n/terraform.hcl\n"}
    )

    assert project_files(tree) == ("a.hcl", "cronicle.hcl", "deep/er/b.hcl")


def test_an_ignored_file_can_be_taken_back() -> None:
    tree = DictTree({"a/x.hcl": "", "a/y.hcl": "", ".cronicleignore": "a/*.hcl\n!a/y.hcl\n"})
    assert project_files(tree) == ("a/y.hcl",)


def test_a_file_of_another_program_is_told_once_with_the_line_to_ignore_it() -> None:
    loaded = load({"main.hcl": 'resource "x" "y" {\n}\nprovider "z" {\n}\n'})

    assert summaries(loaded) == ["main.hcl has no block of Cronicle's language"]
    assert ".cronicleignore: main.hcl" in loaded.diagnostics[0].detail


def test_files_are_one_namespace_and_a_second_project_block_is_told_with_both_places() -> None:
    loaded = load({"a.hcl": 'project "p" {\n}\n', "b.hcl": 'project "q" {\n}\n', "c.hcl": TASK})

    assert summaries(loaded) == ["a second project block", 'unknown variable "v"']
    assert "a.hcl line 1" in loaded.diagnostics[0].detail


def test_an_unreadable_file_is_told_and_the_others_are_read() -> None:
    tree = DictTree({"a.hcl": TASK.replace("var.v", "1 +")}, out=frozenset({"out.hcl"}))
    loaded = load_project(tree, folder_name="p")

    assert summaries(loaded)[0] == "out.hcl cannot be read"
    assert len(loaded.diagnostics) == 2


def test_what_a_broken_file_may_declare_is_not_told_as_missing() -> None:
    loaded = load(
        {"a.hcl": 'variable "v" {\n  default = \n}\n', "b.hcl": "locals {\n  x = (\n}\n", "c.hcl": TASK}
    )

    assert all(each.code != "unknown-reference" for each in loaded.diagnostics)
    assert {each.subject.file.name for each in loaded.diagnostics if each.subject} == {"a.hcl", "b.hcl"}


def test_the_project_is_named_by_its_block_else_by_its_folder() -> None:
    loaded = load({"a.hcl": TASK.replace("var.v", "project.name")})
    assert loaded.project is not None
    assert loaded.project.name == "folder"

    assert summaries(load({"a.hcl": ""}, folder_name="my folder")) == [
        'the folder\'s name "my folder" cannot name the project'
    ]


def test_values_are_taken_from_the_strongest_place() -> None:
    files = {
        "a.hcl": 'variable "v" {\n  default = "default"\n}\n' + TASK,
        "prod.vars.hcl": 'v = "file"\n',
    }
    strong = GivenValues(origin="--var", texts={"v": "strong"})
    weak = GivenValues(origin="CRONICLE_VAR_v", texts={"v": "weak"})

    assert value_of(load(files)) == "default"
    assert value_of(load(files, environment="prod")) == "file"
    assert value_of(load(files, environment="prod", given=[weak])) == "weak"
    assert value_of(load(files, environment="prod", given=[strong, weak])) == "strong"


def test_the_default_environment_chooses_the_values() -> None:
    files = {
        "a.hcl": 'project "p" {\n  default_environment = "prod"\n}\nvariable "v" {\n}\n' + TASK,
        "prod.vars.hcl": 'v = "file"\n',
    }
    loaded = load(files)

    assert value_of(loaded) == "file"
    assert loaded.project is not None
    assert loaded.project.environment == "prod"
    assert loaded.project.variables["v"].origin == "prod.vars.hcl"


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("string", "a b", "a b"),
        ("string", "[1]", "[1]"),
        ("number", "3", 3),
        ("bool", "true", True),
        ("list(string)", '["a", "b"]', ["a", "b"]),
        ("map(number)", "{ a = 1 }", {"a": 1}),
        ("number", "0.5", {"$decimal": "0.5"}),
        ("any", "plain text", "plain text"),
    ],
)
def test_a_value_given_as_text_is_read_by_the_type(type_: str, text: str, value: object) -> None:
    files = {"a.hcl": f'variable "v" {{\n  type = {type_}\n}}\n' + TASK.replace("var.v", "jsonencode(var.v)")}
    assert value_of(load(files, given=[GivenValues(origin="--var", texts={"v": text})])) == value


def test_stored_values_give_the_same_project_again() -> None:
    files = {
        "a.hcl": 'variable "v" {\n  type = set(number)\n  default = [2, 0.5]\n}\n'
        + TASK.replace("var.v", "jsonencode(var.v)")
    }
    loaded = load(files)
    assert loaded.project is not None
    kept = GivenValues(origin="the deployment", stored=loaded.project.values, ignore_unknown=True)

    assert value_of(load(files, given=[kept])) == value_of(loaded)


def test_a_value_for_an_unknown_variable_is_an_error_unless_it_is_to_be_ignored() -> None:
    files = {"a.hcl": 'variable "station" {\n  default = ""\n}\n' + TASK.replace("var.v", "var.station")}

    loaded = load(files, given=[GivenValues(origin="--var", texts={"statoin": "x"})])
    assert "Did you mean station?" in loaded.diagnostics[0].detail
    assert (
        load(files, given=[GivenValues(origin="x", texts={"q": "x"}, ignore_unknown=True)]).project
        is not None
    )


@pytest.mark.parametrize("text", ["[run.id]", "[", "{}", "[[1]]"])
def test_a_text_that_is_no_value_of_the_type_is_an_error(text: str) -> None:
    files = {"a.hcl": 'variable "v" {\n  type = list(string)\n}\n' + TASK.replace("var.v", "var.v[0]")}
    assert load(files, given=[GivenValues(origin="--var", texts={"v": text})]).has_errors


def test_a_file_of_values_holds_values_only() -> None:
    files = {"a.hcl": 'variable "v" {\n  default = ""\n}\n' + TASK}
    given = GivenValues(origin="x.vars.hcl", file=SourceFile("x.vars.hcl", "b {\n}\nv = var.v\nw = 1\n"))

    assert summaries(load(files, given=[given])) == [
        "b in a file of values",
        "var.v may not be used here",
        'x.vars.hcl gives a value for "w", which is no variable',
    ]


def test_a_mistake_in_defaults_is_told_once_for_all_tasks() -> None:
    tasks = "".join(f'  task "t{n}" {{\n    command = ["true"]\n  }}\n' for n in range(5))
    loaded = load({"a.hcl": 'workflow "w" {\n  defaults {\n    timeout = "soon"\n  }\n' + tasks + "}\n"})

    assert summaries(loaded) == ["'soon' is not a duration"]


def test_functions_read_files_of_the_tree_and_nothing_else() -> None:
    files = {"a.hcl": TASK.replace("var.v", 'file("sql/x.sql")'), "sql/x.sql": "select"}
    assert load(files).project is not None

    for path in ("../x", "/etc/passwd", "sql/y.sql"):
        assert load({"a.hcl": TASK.replace("var.v", f'file("{path}")')}).has_errors
    tree = DictTree({"a.hcl": TASK.replace("var.v", 'file("link")')}, out=frozenset({"link"}))
    assert load_project(tree, folder_name="p").has_errors


def test_a_required_version_is_compared_with_that_of_the_program() -> None:
    files = {"a.hcl": 'project "p" {\n  required_version = ">= 2.0"\n}\n'}

    assert summaries(load(files, version="1.9")) == ["this is Cronicle 1.9, and the project needs >= 2.0"]
    assert load(files, version="2.0.1").project is not None
    assert load(files).project is not None


@pytest.mark.parametrize(
    ("version", "constraint", "holds"),
    [
        ("0.1.0", ">= 0.1", True),
        ("0.1.0", "0.1", True),
        ("0.1.0", "= 0.1.1", False),
        ("1.2.3", "~> 1.2", True),
        ("2.0", "~> 1.2", False),
        ("1.3", "~> 1.2.3", False),
        ("1.2.9", "~> 1.2.3", True),
        ("1.2", "> 1.1, < 1.3, != 1.2.1", True),
        ("1.2.1", "> 1.1, != 1.2.1", False),
        ("1.10", "<= 1.9", False),
    ],
)
def test_constraints_on_versions(version: str, constraint: str, holds: bool) -> None:
    assert satisfies(version, constraint) is holds


class Cache(dict[str, bytes]):
    def put(self, key: str, data: bytes) -> None:
        self[key] = data


def test_syntax_trees_are_kept_by_content() -> None:
    files = {"a.hcl": 'variable "v" {\n  default = "x"\n}\n' + TASK, "b.hcl": "locals {\n  a = 1\n}\n"}
    cache = Cache()

    first = load(files, cache=cache)
    second = load(files, cache=cache)
    broken = Cache(dict.fromkeys(cache, b"damaged"))

    assert len(cache) == 2
    assert first == second == load(files, cache=broken)
    assert [w.span.line for w in second.project.workflows.values()] == [4]  # type: ignore[union-attr]


def test_a_kept_tree_tells_mistakes_at_the_same_places() -> None:
    files = {"a.hcl": TASK}
    cache = Cache()

    assert load(files, cache=cache).diagnostics == load(files, cache=cache).diagnostics != ()


def test_schedules_survive_storing() -> None:
    text = """
workflow "w" {
  schedule {
    cron     = ["H 4 * * *", "0 5 * * *"]
    timezone = "Europe/Vienna"
    start    = "2026-03-08"
    end      = "2027-01-01T00:00:00+01:00"
    jitter   = "90s"
    catchup  = "latest"
  }
  schedule "n" {
    every          = "15m"
    catchup_window = "1d"
    enabled        = false
  }
  schedule "once" {
    at = ["2026-03-08T12:00:00Z", "2026-03-09"]
  }
  task "t" {
    command = ["true"]
  }
}
"""
    loaded = load({"a.hcl": text})
    assert loaded.project is not None, loaded.diagnostics
    schedules = loaded.project.workflows["w"].schedules

    assert schedules_from_json(schedules_to_json(schedules)) == schedules
    assert schedules_to_json(schedules)[0]["start"] == "2026-03-07T23:00:00Z"
    assert schedules[0].seed == "folder/w"
    assert schedules_from_json([{"cron": ["0 4 * * *"]}])[0].crons == ("0 4 * * *",)
