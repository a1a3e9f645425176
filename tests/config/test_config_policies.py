"""What workflows and projects say to the scheduler: compiled into specs, and into what a deployment keeps."""

from __future__ import annotations

from datetime import date

import pytest
from trees import DictTree

from cronicle.config.compile import compile_workflow
from cronicle.config.load import load_project
from cronicle.config.project import Project
from cronicle.runs.policy import AfterState, Overlap, Policy
from cronicle.runs.spec import HookSpec, RunSpec, WaitSpec, spec_from_bytes, spec_to_bytes
from cronicle.schedule.rule import Schedule

TASK = 'task "t" {\n command = ["true"]\n }\n'
DAY = 86400.0


def loaded(text: str, **files: str) -> tuple[Project, DictTree]:
    tree = DictTree({"w.hcl": text, **{name.replace("_", "."): data for name, data in files.items()}})
    found = load_project(tree, folder_name="p")
    assert found.project is not None, found.diagnostics
    return found.project, tree


def compiled(inner: str, *, around: str = "", workflow: str = "w") -> RunSpec:
    project, tree = loaded(f'workflow "w" {{\n{inner}\n{TASK}}}\n{around}')
    return compile_workflow(project, project.workflows[workflow], tree)


def schedule(inner: str, *, around: str = "", **files: str) -> Schedule:
    project, _ = loaded(f'{around}\nworkflow "w" {{\nschedule {{\n{inner}\n}}\n{TASK}}}', **files)
    return project.workflows["w"].schedules[0]


def codes(text: str, **files: str) -> list[str]:
    tree = DictTree({"w.hcl": text, **{name.replace("_", "."): data for name, data in files.items()}})
    return [each.code for each in load_project(tree, folder_name="p").diagnostics]


# Policies


def test_a_workflow_that_says_nothing_limits_nothing() -> None:
    spec = compiled("")

    assert spec.policy == Policy()
    assert spec.policy.limits_nothing
    assert spec.timeout is None


def test_all_rules_of_a_workflow_are_in_its_spec() -> None:
    spec = compiled(
        """
  overlap              = "queue"
  queue_limit          = 3
  max_active_runs      = 2
  depends_on_past      = true
  start_within         = "1h"
  requires             = [workflow.other]
  on_deploy            = true
  timeout              = "2h"
  priority             = -4
  lock                 = "warehouse"
  late_after           = "30m"
  fresh_within         = "2d"
  pause_after_failures = 5
""",
        around=f'workflow "other" {{\n{TASK}}}',
    )

    assert spec.timeout == 7200
    assert spec.policy == Policy(
        overlap=Overlap.QUEUE,
        queue_limit=3,
        max_active_runs=2,
        depends_on_past=True,
        start_within=3600,
        requires=("other",),
        on_deploy=True,
        priority=-4,
        lock={"known": "warehouse"},
        late_after=1800,
        fresh_within=2 * DAY,
        pause_after_failures=5,
    )
    assert spec_from_bytes(spec_to_bytes(spec)) == spec


def test_a_workflow_that_uses_what_the_run_before_has_left_starts_after_its_success() -> None:
    spec = compiled(
        """
  task "b" {
    env    = { LAST = try(previous.task.t.output.last, "") }
    script = "echo ${can(previous.run.id)}"
  }
"""
    )

    assert spec.previous == ("t",)
    assert spec.policy.depends_on_past
    assert compiled("").previous is None


def test_a_workflow_may_run_after_others_each_of_which_is_named_once() -> None:
    project, _ = loaded(
        f'workflow "a" {{\n{TASK}}}\nworkflow "b" {{\n{TASK}}}\n'
        f'workflow "w" {{\nafter = [workflow.b, workflow.a, workflow.b]\nafter_state = "finished"\n{TASK}}}'
    )

    policy = project.workflows["w"].rules.policy
    assert (policy.after, policy.after_state) == (("b", "a"), AfterState.FINISHED)


def test_a_lock_that_a_run_decides_stays_an_expression() -> None:
    lock = compiled('param "site" {\n default = "eu"\n}\nlock = "site/${param.site}/${run.date}"').policy.lock

    assert lock is not None
    assert set(lock) == {"expression"}


def test_workflows_on_the_way_round_are_all_named_with_their_places() -> None:
    tree = DictTree(
        {
            "a.hcl": f'workflow "a" {{\nafter = [workflow.b]\n{TASK}}}',
            "b.hcl": f'workflow "b" {{\nafter = [workflow.a]\n{TASK}}}',
        }
    )
    (found,) = load_project(tree, folder_name="p").diagnostics

    assert found.code == "workflow-cycle"
    assert "workflow.a waits for workflow.b (a.hcl line 2)" in found.detail
    assert "workflow.b waits for workflow.a (b.hcl line 2)" in found.detail


def test_a_workflow_after_itself_is_a_circle_too() -> None:
    assert codes(f'workflow "w" {{\nafter = [workflow.w]\n{TASK}}}') == ["workflow-cycle"]


# Tasks


def test_a_wait_has_its_defaults() -> None:
    text = 'workflow "w" {\ntask "t" {\ncommand = ["true"]\nwait {\n}\n}\n}'
    project, tree = loaded(text)

    assert compile_workflow(project, project.workflows["w"], tree).tasks[0].wait == WaitSpec(
        every=60.0, timeout=None, not_yet=75, on_timeout="fail"
    )


def test_defaults_give_tasks_a_wait_and_a_lock() -> None:
    spec = compiled('defaults {\nlock = "disk"\nwait {\nevery = "5m"\n}\n}')

    assert spec.tasks[0].lock == {"known": "disk"}
    assert spec.tasks[0].wait == WaitSpec(every=300.0)


# Hooks


def test_hooks_of_the_project_come_after_the_own_ones_of_every_workflow() -> None:
    project, tree = loaded(
        f"""
project "p" {{
  on_failure {{
    command = ["mail", run.id]
    after   = 3
  }}
}}
workflow "a" {{
  on_failure {{
    script = "true"
  }}
  {TASK}
}}
workflow "b" {{
  {TASK}
}}
"""
    )
    a, b = (compile_workflow(project, project.workflows[name], tree).hooks for name in ("a", "b"))

    assert [(hook.event, hook.after) for hook in a] == [("on_failure", 1), ("on_failure", 3)]
    assert b == a[1:]
    assert set(b[0].command or {}) == {"expression"}


def test_a_hook_of_the_workflow_itself_is_known_when_it_is_deployed() -> None:
    spec = compiled('pause_after_failures = 2\non_pause {\ncommand = ["mail", environment]\n}')

    assert spec.hooks == (HookSpec(event="on_pause", command={"known": ["mail", "local"]}),)


# Schedules


def test_a_calendar_is_made_of_dates_weekdays_and_a_file() -> None:
    found = schedule(
        'cron = "0 4 * * *"\nexclude = calendar.off',
        around='calendar "off" {\ndates = ["2026-12-25"]\nweekdays = ["sat", "sun"]\nfile = "off.txt"\n}',
        off_txt="# bank holidays\n2026-01-01 # New Year\n\n  2026-01-06\n",
    )

    assert found.only is None
    assert found.exclude is not None
    assert found.exclude.dates == {date(2026, 12, 25), date(2026, 1, 1), date(2026, 1, 6)}
    assert date(2026, 11, 28) in found.exclude  # a Saturday
    assert date(2026, 11, 29) in found.exclude
    assert date(2026, 11, 30) not in found.exclude


def test_bad_lines_of_a_calendar_are_told_with_their_file_and_line() -> None:
    tree = DictTree(
        {
            "w.hcl": f'calendar "off" {{\nfile = "off.txt"\n}}\nworkflow "w" {{\n{TASK}}}',
            "off.txt": "2026-01-01\n  2026-02-30 # no such day\nMonday\n",
        }
    )
    found = load_project(tree, folder_name="p").diagnostics

    places = [
        (each.subject.file.name, each.subject.line, each.subject.text) for each in found if each.subject
    ]
    assert places == [("off.txt", 2, "2026-02-30"), ("off.txt", 3, "Monday")]
    assert {each.code for each in found} == {"not-a-date"}


def test_a_schedule_may_fire_on_start_with_params_of_its_own() -> None:
    found = schedule('on = "start"')
    assert found.on_start
    assert not found.crons

    project, _ = loaded(
        f"""
workflow "w" {{
  param "levels" {{
    type    = list(number)
    default = []
  }}
  schedule {{
    every  = "1h"
    params = {{ levels = ["1", 2] }}
  }}
  {TASK}
}}
"""
    )
    assert project.workflows["w"].schedules[0].params == {"levels": [1, 2]}


# What the scheduler needs of a project


def test_a_project_that_says_nothing_keeps_runs_for_ever_and_has_no_heartbeat() -> None:
    project, _ = loaded(f'workflow "w" {{\n{TASK}}}')

    assert project.settings.to_json() == {
        "heartbeat": None,
        "retention": {
            "runs": None,
            "logs": 400 * DAY,
            "run_data": 30 * DAY,
            "total_size": None,
            "prepared": 30 * DAY,
            "prepared_size": 20 * 10**9,
        },
        "git": {"remote": "origin", "key_file": None, "push": False, "notes": False},
        "project": {"require_signed": False},
    }


def test_heartbeat_and_retention_are_plain_json() -> None:
    project, _ = loaded(
        f"""
project "p" {{
  require_signed = "./keys/signers"
  git {{
    remote   = "backup"
    key_file = "/deploy_key"
    push     = true
    notes    = true
  }}
  heartbeat {{
    every   = "5m"
    command = ["curl", "-fsS", "https://watcher.example/${{environment}}"]
  }}
  retention {{
    runs          = "800d"
    total_size    = "2GiB"
    prepared      = "7d"
    prepared_size = "1GB"
  }}
}}
workflow "w" {{
  {TASK}
}}
"""
    )

    assert project.settings.to_json() == {
        "heartbeat": {"every": 300.0, "command": ["curl", "-fsS", "https://watcher.example/local"]},
        "retention": {
            "runs": 800 * DAY,
            "logs": 400 * DAY,
            "run_data": 30 * DAY,
            "total_size": 2 * 1024**3,
            "prepared": 7 * DAY,
            "prepared_size": 10**9,
        },
        "git": {"remote": "backup", "key_file": "/deploy_key", "push": True, "notes": True},
        "project": {"require_signed": "keys/signers"},
    }


# Renames


def test_a_name_that_has_moved_on_is_followed_to_what_it_is_now() -> None:
    project, _ = loaded(
        f"""
moved {{
  from = workflow.first
  to   = workflow.second
}}
moved {{
  from = workflow.second
  to   = workflow.w
}}
moved {{
  from = workflow.w.task.old
  to   = workflow.w.task.t
}}
workflow "w" {{
  {TASK}
}}
"""
    )

    assert [move.pair for move in project.moved] == [
        ("workflow.first", "workflow.w"),
        ("workflow.second", "workflow.w"),
        ("workflow.w.task.old", "workflow.w.task.t"),
    ]


@pytest.mark.parametrize("word", ["overlap", "queue_limit", "pause_after_failures", "start_within"])
def test_a_misspelt_word_proposes_the_one_that_is_meant(word: str) -> None:
    misspelt = word[:-2] + word[-1]
    tree = DictTree({"w.hcl": f'workflow "w" {{\n{misspelt} = 1\n{TASK}}}'})
    (found,) = load_project(tree, folder_name="p").diagnostics

    assert found.code == "unknown-attribute"
    assert word in found.detail
