"""`status`, `backfills`, `deployments`, `next` and `doctor`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_world import OWNER

from cronicle.runs.states import BackfillState, Cause

WEEKLY = [{"cron": ["0 4 * * 0"], "timezone": "UTC", "name": "late"}]


def test_status_is_one_screen_with_the_next_command_on_each_line(world, cronicle):
    world.deploy(world.workflow(), world.workflow("weekly", schedules=WEEKLY))
    world.run(id="4C0V8E5N2R", day="2015-12-30").succeed()
    world.run(id="7K2M9QX4TA").fail()
    world.run(id="5K2M9QX4TA", day="2015-12-29").begin("extract")
    made = world.backfill("2015-12-25", "2015-12-26")
    world.run(id="6K2M9QX4TA", day="2015-12-25", cause=Cause.BACKFILL, backfill=made.id).fail()

    said = cronicle("status")

    assert said.code == 0
    assert said.lines[0] == (
        "no scheduler runs, so ticks make no runs: cronicle serve        "
        "next tick  daily  Fri 2016-01-01 23:55 (in 23 h)"
    )
    assert [line.split("  ")[-1].strip() for line in said.lines[2:]] == [
        "cronicle logs -f 5K2M9QX4TA",
        f"cronicle show {made.id}",
        "cronicle explain 7K2M9QX4TA",
        "cronicle explain 6K2M9QX4TA",
        "cronicle run weekly --series late",
    ]
    assert "1 of 2 (50 %), 1 failed" in said.out


def test_status_shows_what_no_process_drives(world, cronicle):
    world.deploy()
    world.run(id="5K2M9QX4TA", day="2015-12-29").begin("extract")
    made = world.backfill("2015-12-25")
    world.die()

    said = cronicle("status")

    assert "running, but no process drives it  0 of 3 tasks  cronicle resume 5K2M9QX4TA" in said.out
    assert f"no process drives it: cronicle resume {made.id}" in said.out
    assert json.loads(cronicle("status", "--json").out)["live"][0]["driven"] is False


def test_status_tells_a_failure_until_its_logical_time_has_a_result(world, cronicle):
    world.deploy()
    world.run(id="7K2M9QX4TA", day="2015-12-30").fail()
    world.run(id="4C0V8E5N2R", day="2015-12-31").succeed()

    before = json.loads(cronicle("status", "--json").out)["workflows"][0]
    world.run(id="5K2M9QX4TA", day="2015-12-30", cause=Cause.RETRY, retry_of="7K2M9QX4TA").succeed()
    after = json.loads(cronicle("status", "--json").out)["workflows"][0]

    assert before["last"]["id"] == after["last"]["id"] == "4C0V8E5N2R"
    assert before["failure"]["id"] == "7K2M9QX4TA"
    assert after["failure"] is None


def test_status_before_anything_is_deployed_says_what_to_do(world, cronicle):
    said = cronicle("status")

    assert said.code == 0
    assert "nothing is deployed: cronicle apply" in said.out


def test_backfills_lists_progress_and_how_to_go_on(world, cronicle):
    world.deploy()
    old = world.backfill("2015-12-25", id="9XG3T0B1ZA")
    new = world.backfill("2015-12-26", "2015-12-27", id="9XG3T0B1ZB")
    world.store.set_backfill_state(new.id, BackfillState.PAUSED, "10 failures", world.now, owner="owner-1")

    lines = cronicle("backfills").lines

    assert lines[1].split()[:7] == [new.id, "daily", "2015-12-26", "2015-12-27", "paused", "0", "of"]
    assert lines[1].endswith("paused (10 failures): cronicle resume 9XG3T0B1ZB")
    assert lines[2].split()[0] == old.id
    assert [one["id"] for one in json.loads(cronicle("backfills", "daily", "--json").out)] == [new.id, old.id]
    assert cronicle("backfills", "other").err == "no backfills\n"


def test_deployments_lists_who_deployed_what_and_when(world, cronicle):
    world.deploy()
    world.deploy(revision="f" * 40, at=world.now - timedelta(hours=2))

    said = cronicle("deployments")
    value = json.loads(cronicle("deployments", "--json").out)

    assert said.lines[1].split() == ["2", "in", "force", "local", "fffffff", "2", "h", "ago", "ana", "1"]
    assert said.lines[2].split()[:3] == ["1", "local", "8d41e07"]
    assert [(one["deployment"], one["revision"][:7]) for one in value] == [(2, "fffffff"), (1, "8d41e07")]
    assert value[0]["actor"]["user"] == "ana"
    assert value[0]["subject"] is None


def test_deployments_shows_the_subject_of_a_commit_that_can_be_read(world, cronicle, project_folder):
    from cronicle.git.repository import Identity, init_repository

    repository = init_repository(project_folder)
    when = datetime(2015, 11, 1, tzinfo=UTC)
    revision = repository.commit_files(
        ["cronicle.hcl"], "Median\x1b[2J\n\nmore", Identity("ana", "a@b"), when
    )
    (project_folder / ".git/refs/cronicle/deployments/weather").mkdir(parents=True)
    world.deploy(revision=revision)

    said = cronicle("deployments")

    assert "\x1b" not in said.out
    assert "Median" in said.lines[1]


def test_next_prints_the_ticks_strictly_after(cronicle):
    """The contract of `next --cron`: UTC, local and nominal, across the autumn fold."""
    words = ["next", "--cron", "30 1 * * *", "--timezone", "America/New_York", "--count", "2", "--json"]

    value = json.loads(cronicle(*words, "--from", "2026-10-31T05:30:00Z").out)

    assert value == [
        {
            "time": "2026-11-01T05:30:00Z",
            "local": "2026-11-01T01:30:00-04:00",
            "nominal": "2026-11-01T01:30:00",
        },
        {
            "time": "2026-11-02T06:30:00Z",
            "local": "2026-11-02T01:30:00-05:00",
            "nominal": "2026-11-02T01:30:00",
        },
    ]


def test_next_says_an_expression_in_words(cronicle):
    said = cronicle("next", "--cron", "55 23 * * *", "--from", "2026-01-01T00:00:00Z", "-n", "1")

    assert said.err == "55 23 * * *   at 23:55 every day   UTC\n"
    assert said.out.startswith("  Thu 2026-01-01 23:55  UTC")


def test_an_expression_that_never_fires_is_an_empty_list(cronicle):
    said = cronicle("next", "--cron", "0 0 31 2 *", "--json")

    assert (said.code, said.out) == (0, "[]\n")
    assert cronicle("next", "--cron", "0 0 31 2 *").code == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--cron", "61 * * * *"], 1, "61 is not in 0-59"),
        (["--cron", "* * *"], 1, "cron expression"),
        (["--cron", "* * * * *", "--timezone", "Mars/Base"], 1, "unknown time zone 'Mars/Base'"),
        (["--cron", "* * * * *", "--from", "yesterday"], 64, "'yesterday' is not a time"),
        (["daily", "--cron", "* * * * *"], 64, "--cron stands for itself"),
        (["daily", "--timezone", "UTC"], 64, "--timezone is for --cron"),
        (["daily", "--all"], 64, "--all is for all workflows"),
        (["--all", "--cron", "* * * * *"], 64, "--cron stands for itself"),
        (["weekly"], 64, "all schedules of workflow 'weekly' have labels"),
        (["dayly"], 1, "no workflow 'dayly' is deployed"),
    ],
)
def test_next_names_what_is_wrong(world, cronicle, words, code, message):
    world.deploy(world.workflow(), world.workflow("weekly", schedules=WEEKLY))

    said = cronicle("next", *words)

    assert (said.code, said.out) == (code, "")
    assert message in said.err


def test_next_lists_the_ticks_of_all_workflows_in_order(world, cronicle):
    world.deploy(world.workflow(), world.workflow("weekly", schedules=WEEKLY))

    lines = cronicle("next", "-n", "3").lines
    value = json.loads(cronicle("next", "-n", "2", "--json").out)

    assert [line.strip().split("  ")[0] for line in lines] == ["daily", 'weekly "late"', "daily"]
    assert [(one["workflow"], one["time"]) for one in value] == [
        ("daily", "2016-01-02T07:55:00Z"),
        ("weekly", "2016-01-03T04:00:00Z"),
    ]


def test_next_of_all_says_how_long_runs_took_so_far_and_leaves_out_what_is_disabled(world, cronicle):
    disabled = [{**WEEKLY[0], "enabled": False}]
    world.deploy(world.workflow(), world.workflow("weekly", schedules=disabled))
    world.run(id="4C0V8E5N2R", day="2015-12-30").succeed()

    said = cronicle("next", "--all", "-n", "2")
    value = json.loads(cronicle("next", "--all", "-n", "2", "--json").out)

    assert [line.split()[0] for line in said.lines] == ["daily", "daily"]
    assert all("takes " in line for line in said.lines)
    assert [one["expected_duration"] > 0 for one in value] == [True, True]
    assert "scheduler" not in said.err


def test_next_of_one_that_has_never_succeeded_expects_nothing(world, cronicle):
    world.deploy()

    assert json.loads(cronicle("next", "--all", "-n", "1", "--json").out)[0]["expected_duration"] is None
    assert "takes" not in cronicle("next", "--all").out


def test_next_says_calendars_and_the_start_of_a_scheduler_in_words(world, cronicle):
    schedules = [
        {"cron": ["30 4 * * *"], "only": {"weekdays": [0, 6]}, "exclude": {"dates": ["2016-01-03"]}},
        {"on": "start"},
    ]
    world.deploy(world.workflow(schedules=schedules))

    said = cronicle("next", "daily", "-n", "3")

    assert said.err.splitlines() == [
        "30 4 * * *   at 04:30 every day   UTC   only on Saturdays and Sundays   not on 2016-01-03",
        "when the scheduler starts   UTC",
    ]
    assert [line.split()[1] for line in said.lines] == ["2016-01-02", "2016-01-09", "2016-01-10"]


def test_status_says_which_process_makes_the_runs_of_ticks(world, cronicle):
    world.deploy()
    assert world.store.lead(OWNER) is not None
    leader = world.store.find_leader()

    assert (
        cronicle("status").lines[0].startswith(f"scheduler: process {leader.pid} on {leader.host}, started ")
    )


def test_next_outside_a_project_needs_none_for_an_expression(cronicle, monkeypatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)

    assert cronicle("next", "--cron", "@daily", "-n", "1").code == 0


def checks(said) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in json.loads(said.out)}


def test_doctor_finds_an_installation_sound(world, cronicle):
    world.now = datetime(2026, 11, 23, tzinfo=UTC)

    said = cronicle("doctor", "--json")

    assert said.code == 0
    found = checks(said)
    assert {"python", "libraries", "sqlite", "parser", "processes", "store", "files", "clock"} <= found.keys()
    assert all(check["grade"] != "bad" for check in found.values())
    assert found["store"]["said"].count("intact") == 1


def test_doctor_finds_a_damaged_store(world, cronicle):
    world.now = datetime(2026, 11, 23, tzinfo=UTC)
    world.store.close()
    path = world.folder / "store.sqlite3"
    path.write_bytes(b"not a database, though long enough to look at" * 100)

    said = cronicle("doctor")

    assert said.code == 1
    assert "WRONG store" in said.out
    assert "is not a SQLite database" in said.out
    assert "put a backup of it in its place" in said.out


def test_doctor_finds_a_clock_that_went_back(world, cronicle):
    world.deploy()
    world.now = datetime(2026, 11, 23, tzinfo=UTC)
    world.run(created_at=world.now + timedelta(days=1))

    said = cronicle("doctor", "--json")

    assert said.code == 1
    assert checks(said)["clock"]["grade"] == "bad"
    assert "the newest run was made at 2026-11-24" in checks(said)["clock"]["said"]


def test_doctor_tells_of_processes_that_died(world, cronicle):
    world.now = datetime(2026, 11, 23, tzinfo=UTC)
    world.deploy()
    world.run()
    world.die()

    said = cronicle("doctor", "--json")

    assert checks(said)["processes of runs"]["grade"] == "note"
    assert "1 died and left 1 run unfinished" in checks(said)["processes of runs"]["said"]


def test_doctor_works_outside_any_project(world, cronicle, monkeypatch, tmp_path: Path):
    world.now = datetime(2026, 11, 23, tzinfo=UTC)
    monkeypatch.chdir(tmp_path)

    said = cronicle("doctor", "--json")

    assert said.code == 0
    assert checks(said)["store"]["grade"] == "note"


def test_doctor_looks_at_the_repository(world, cronicle, project_folder):
    from cronicle.git.repository import Identity, init_repository

    world.now = datetime(2026, 11, 23, tzinfo=UTC)
    repository = init_repository(project_folder)
    repository.exclude(".cronicle/")
    empty = checks(cronicle("doctor", "--json"))
    repository.commit_files(["cronicle.hcl"], "Begin", Identity("ana", "a@b"), world.now)
    clean = checks(cronicle("doctor", "--json"))
    (project_folder / "cronicle.hcl").write_text("# changed")
    dirty = checks(cronicle("doctor", "--json"))

    assert empty["repository"]["grade"] == "bad"
    assert clean["repository"]["said"].endswith(", clean")
    assert clean["project"]["said"] == str(project_folder)
    assert dirty["repository"]["grade"] == "note"
    assert "1 file is not as committed" in dirty["repository"]["said"]


def test_on_a_terminal_status_has_a_mark_on_each_line(world, cronicle, monkeypatch):
    world.deploy(world.workflow(), world.workflow("weekly", schedules=WEEKLY))
    world.run(id="7K2M9QX4TA").fail()
    world.run(workflow="weekly", series="late", day="2015-12-27").succeed()
    monkeypatch.setattr("cronicle.cli.output.is_terminal", lambda stream=None: True)
    monkeypatch.setattr("cronicle.cli.status.is_terminal", lambda stream=None: True)
    monkeypatch.setenv("NO_COLOR", "1")

    lines = cronicle("status").lines

    assert lines[2] == "  ✗  daily          2015-12-31 23:55  failed 7 s ago     cronicle explain 7K2M9QX4TA"
    assert lines[3] == '  ✓  weekly "late"  2015-12-27 23:55  succeeded 0 s ago'
