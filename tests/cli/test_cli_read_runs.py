"""`cronicle runs`, and the addresses of runs."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path

import pytest
from cli_world import REVISION, ZONE

from cronicle.errors import CronicleError
from cronicle.operations.addresses import Addresses, addresses_from
from cronicle.operations.create_run import ticked
from cronicle.operations.deployed import Target
from cronicle.runs.states import Cause
from cronicle.schedule.rule import Schedule
from cronicle.schedule.ticks import ticks_on


@pytest.fixture(autouse=True)
def deployed(world) -> None:
    world.deploy()


@pytest.fixture
def book(world) -> Addresses:
    project = world.store.find_project("weather")
    return Addresses(world.store, lambda: Target(project, "local"))


def test_runs_shows_each_run_on_one_line(world, cronicle):
    """Newest first, times in the schedule's zone, and which of two is the result."""
    world.run(id="4C0V8E5N2R", cause=Cause.BACKFILL).succeed()
    world.run(id="7K2M9QX4TA").fail()

    said = cronicle("runs", "daily")

    assert said.code == 0
    assert said.out == (
        "  RUN         LOGICAL TIME      STATE      CAUSE     REVISION  STARTED   TOOK   TASKS\n"
        "  7K2M9QX4TA  2015-12-31 23:55  failed     manual    8d41e07   5 s ago   5.0 s  2 of 4\n"
        "  4C0V8E5N2R  2015-12-31 23:55  succeeded  backfill  8d41e07   12 s ago  3.8 s  4       the result\n"
    )


def test_a_terminal_gets_marks_and_colours(world, cronicle, monkeypatch):
    world.run().fail()
    monkeypatch.setattr("cronicle.cli.output.is_terminal", lambda stream=None: True)

    coloured = cronicle("runs").out
    monkeypatch.setenv("NO_COLOR", "1")
    plain = cronicle("runs").out

    assert "\x1b[31m✗ failed\x1b[0m" in coloured
    assert "✗ failed" in plain
    assert "\x1b" not in plain


def test_a_page_says_how_much_there_is_and_where_it_goes_on(world, cronicle):
    for day in ("2015-12-27", "2015-12-28", "2015-12-29", "2015-12-30", "2015-12-31"):
        world.run(day).succeed()

    first = cronicle("runs", "daily", "--limit", "2")
    before = first.err.split("--before ")[1].strip()
    second = cronicle("runs", "daily", "--limit", "2", "--before", before)
    third = cronicle("runs", "daily", "--limit", "2", "--before", second.lines[-1].split()[0])

    assert first.err.startswith("2 of 5   more: cronicle runs daily --before ")
    assert [
        line.split()[1] for line in (first.lines + second.lines + third.lines) if "succeeded" in line
    ] == [
        "2015-12-31",
        "2015-12-30",
        "2015-12-29",
        "2015-12-28",
        "2015-12-27",
    ]
    assert third.err == ""


def test_the_json_has_the_words_of_the_glossary(world, cronicle):
    world.run(id="4C0V8E5N2R").succeed()
    world.run(id="7K2M9QX4TA", start=False)

    value = json.loads(cronicle("runs", "--json").out)
    lines = [json.loads(line) for line in cronicle("runs", "--jsonl").lines]

    assert value == lines
    assert [run["id"] for run in value] == ["7K2M9QX4TA", "4C0V8E5N2R"]
    assert value[0]["state"] == "queued"
    assert value[0]["started_at"] is None
    assert value[1]["logical_time"] == "2016-01-01T07:55:00Z"
    assert value[1]["date"] == "2015-12-31"
    assert value[1].keys() >= {
        *("id", "project", "environment", "workflow", "instance", "series", "logical_time", "date"),
        *("interval_start", "interval_end", "state", "reason", "cause", "counts", "revision", "deployment"),
        *("backfill", "retry_of", "created_at", "started_at", "ended_at", "lateness"),
    }


@pytest.mark.parametrize(
    ("words", "days"),
    [
        (["--state", "failed"], ["30"]),
        (["--failed"], ["30"]),
        (["--state", "failed,running"], ["31", "30"]),
        (["--cause", "backfill"], ["29"]),
        (["--from", "2015-12-30"], ["31", "30"]),
        (["--to", "2015-12-30"], ["30", "29"]),
        (["--from", "2015-12-30", "--to", "2015-12-30"], ["30"]),
        (["--to", "2015-12-31T07:55:00Z"], ["30", "29"]),
        (["--to", "2015-12-31T07:54:59Z"], ["29"]),
        (["--revision", "8d41e07"], ["31", "30"]),
        (["--revision", "f" * 40], ["29"]),
        (["--backfill", "9XG"], ["29"]),
        (["--series", "late"], []),
    ],
)
def test_runs_are_narrowed_by(world, cronicle, words, days):
    made = world.backfill("2015-12-29", id="9XG3T0B1ZC")
    world.run("2015-12-29", cause=Cause.BACKFILL, backfill=made.id, revision="f" * 40).succeed()
    world.run("2015-12-30").fail()
    world.run("2015-12-31")

    found = json.loads(cronicle("runs", *words, "--json").out)

    assert [run["date"][-2:] for run in found] == days


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--state", "broken"], 64, "--state 'broken' is not known"),
        (["--cause", "magic"], 64, "--cause 'magic' is not known"),
        (["--from", "yesterday"], 64, "--from: 'yesterday' is not a time"),
        (
            ["--from", "2015-12-31", "--to", "2015-12-30"],
            64,
            "--from 2015-12-31 is later than --to 2015-12-30",
        ),
        (["--limit", "0"], 64, "--limit"),
        (["--before", "zzz"], 1, "the store has no run and no backfill 'zzz'"),
        (["--backfill", "zzz"], 1, "the store has no run and no backfill 'zzz'"),
        (["dayly"], 1, "no workflow 'dayly' is deployed"),
        (["--revision", "--x"], 64, "no run has a revision '--x'"),
        (["--revision", "@/etc/passwd"], 64, "no run has a revision '@/etc/passwd'"),
    ],
)
def test_what_cannot_be_listed_is_named(cronicle, words, code, message):
    said = cronicle("runs", *words)

    assert (said.code, said.out) == (code, "")
    assert message in said.err


def test_outside_any_project_the_list_covers_the_whole_store(world, cronicle, monkeypatch, tmp_path: Path):
    world.project("other", path="/elsewhere")
    world.run().succeed()
    world.run(project="other").succeed()
    monkeypatch.chdir(tmp_path)

    said = cronicle("runs", "--store", str(world.folder))
    without = cronicle("runs")

    assert [line.split()[1] for line in said.lines] == ["WORKFLOW", "other/daily", "weather/daily"]
    assert without.code == 1
    assert "this folder is in no project" in without.err


def test_reading_where_there_is_no_store_says_so(cronicle, tmp_path: Path):
    said = cronicle("runs", "--store", str(tmp_path / "nothing"))

    assert said.code == 1
    assert "there is no store in" in said.err
    assert not (tmp_path / "nothing").exists()


def test_control_characters_of_names_do_not_reach_the_terminal(world, cronicle):
    world.run(workflow="daily\x1b[2J\x9b1m\nforged line", counts=False).succeed()
    world.run().succeed()

    for said in (cronicle("runs"), cronicle("runs", "--json"), cronicle("status")):
        assert "\x1b" not in said.out
        assert "\x9b" not in said.out
    assert "daily\\x1b[2J\\x9b1m\\nforged line" in cronicle("runs").out


# Addresses


def test_an_id_is_found_by_a_prefix_in_any_case_and_spelling(world, book):
    run = world.run(id="7K2M9QX4T0")

    assert book.run("7k2").id == run.id
    assert book.run("7K2M9QX4TO").id == run.id  # an O is read as a 0
    assert book.run_or_backfill("7K2M9QX4T0").id == run.id


def test_an_ambiguous_prefix_lists_the_candidates_and_a_whole_id_is_not_one(world, book):
    world.run("2015-12-30", id="7K2M9QX4TA").fail()
    backfill = world.backfill("2015-12-25", id="7K2M9QX4TB")

    with pytest.raises(CronicleError) as error:
        book.run("7k2")

    assert error.value.message == "several ids begin with '7k2'"
    assert "  7K2M9QX4TA  daily 2015-12-30T23:55:00-08:00  failed" in error.value.remedy
    assert "  7K2M9QX4TB  backfill of daily  running" in error.value.remedy
    assert book.backfill("7K2M9QX4TB").id == backfill.id
    assert book.shortest("7K2M9QX4TA") == "7K2M9QX4TA"


def test_the_shortest_prefix_has_three_characters_at_least(world, book):
    world.run("2015-12-30", id="7K2M9QX4TA")
    world.run("2015-12-29", id="7K2M0QX4TA")

    assert book.shortest("7K2M9QX4TA") == "7K2M9"
    assert book.shortest("4C0V8E5N2R") == "4C0"


def test_a_run_is_no_backfill_and_a_backfill_no_run(world, book):
    run, backfill = world.run(), world.backfill("2015-12-25", id="9XG3T0B1ZC")

    with pytest.raises(CronicleError, match="is a backfill of daily, not a run"):
        book.run(backfill.id)
    with pytest.raises(CronicleError, match="is a run of daily, not a backfill"):
        book.backfill(run.id)


def test_a_logical_time_means_its_result_else_the_newest_run(world, book):
    world.run("2015-12-30", id="4C0V8E5N2R").succeed()
    world.run("2015-12-30", id="5C0V8E5N2R").fail()
    world.run("2015-12-31", id="6C0V8E5N2R").fail()
    world.run("2015-12-31", id="7C0V8E5N2R", counts=False).succeed()

    assert book.run("daily@2015-12-30").id == "4C0V8E5N2R"
    assert book.run("daily@2015-12-31T07:55:00Z").id == "4C0V8E5N2R"
    assert book.run("daily@2015-12-30T23:55:00-08:00").id == "4C0V8E5N2R"
    assert book.run("daily@2015-12-31").id == "7C0V8E5N2R"


def test_latest_and_back_go_by_logical_time_and_not_by_when_it_executed(world, book):
    for day in ("2015-12-31", "2015-12-29", "2015-12-30"):
        world.run(day).succeed()
    world.run("2015-12-31").fail()

    assert book.run("daily@latest").times.date == "2015-12-31"
    assert book.run("daily~0").times.date == "2015-12-31"
    assert book.run("daily~1").times.date == "2015-12-30"
    assert book.run("daily~2").times.date == "2015-12-29"
    with pytest.raises(CronicleError, match="daily has runs for only 3 logical times"):
        book.run("daily~3")


def test_a_date_with_several_logical_times_asks_which(world, book):
    hourly = Schedule(crons=("0 * * * *",), timezone=ZONE)
    for tick in ticks_on(hourly, date(2015, 12, 31))[:4]:
        world.run(**ticked(tick)).succeed()

    with pytest.raises(CronicleError) as error:
        book.run("daily@2015-12-31")

    assert error.value.message.startswith(
        "daily has runs for 4 logical times on 2015-12-31: 2015-12-31T00:00:00-08:00"
    )
    assert error.value.remedy == "Give one of them: daily@2015-12-31T00:00:00-08:00"


def test_runs_of_labelled_schedules_need_the_label(world, cronicle):
    world.run(series="late", id="4C0V8E5N2R").succeed()

    refused = cronicle("show", "daily@latest")
    found = cronicle("show", "daily@latest", "--series", "late")

    assert refused.code == 64
    assert "Choose one: --series late" in refused.err
    assert "run 4C0V8E5N2R" in found.out


def test_a_workflow_name_alone_is_answered_with_the_right_address(cronicle):
    said = cronicle("show", "daily")

    assert said.code == 1
    assert "daily@latest" in said.err


@pytest.mark.parametrize(
    "text", ["", "!", "ab", "daily@", "@latest", "daily~x", "../../etc/passwd", "7k2\x1b[2J"]
)
def test_what_is_no_address_is_refused_as_wrong_usage(cronicle, text):
    said = cronicle("show", text)

    assert said.code == 64
    assert "is not the address of a run" in said.err
    assert "\x1b" not in said.err


def test_a_dash_reads_addresses_from_stdin():
    lines = io.StringIO("7K2\n\n  daily@2015-12-31 \n")

    assert addresses_from(["4C0", "-"], lines) == ("4C0", "7K2", "daily@2015-12-31")
    assert addresses_from(["-"], io.StringIO("")) == ()


def test_the_revision_of_a_dirty_run_is_marked(world, cronicle):
    world.run(dirty=True, counts=False).succeed()

    assert f"{REVISION[:7]}*" in cronicle("runs").out
    assert "does not count" in cronicle("runs").out


def test_a_long_history_is_counted_up_to_a_bound_only(world, cronicle, monkeypatch):
    monkeypatch.setattr("cronicle.cli.runs.COUNTED", 2)
    for day in ("2015-12-29", "2015-12-30", "2015-12-31"):
        world.run(day).succeed()

    assert cronicle("runs", "--limit", "1").err.startswith("1 of 2 or more   more: cronicle runs --before ")
