"""`cronicle show`: all about a run or a backfill."""

from __future__ import annotations

import io
import json

import pytest
from cli_world import spec, task

from cronicle.runs import events as ev
from cronicle.runs.states import Cause
from cronicle.store.experiments import Experiment


@pytest.fixture(autouse=True)
def deployed(world) -> None:
    world.deploy()


def test_show_tells_all_about_a_run(world, cronicle):
    world.run(id="7K2M9QX4TA", params={"region": "eu"}).fail()

    said = cronicle("show", "7k2")

    assert said.code == 0
    assert said.out == (
        "failed   daily@2015-12-31   run 7K2M9QX4TA   after 5.0 s\n"
        "\n"
        "  logical time  Thu 2015-12-31 23:55   America/Los_Angeles\n"
        "  interval      2015-12-30 23:55 to 2015-12-31 23:55\n"
        "  cause         manual\n"
        "  asked for by  ana on host pluto, 2016-01-01 00:00:01 (7 s ago)\n"
        "  command       cronicle run daily --time 2015-12-31\n"
        "  revision      8d41e07000000000000000000000000000000000   deployment 1 of local\n"
        "  counts        yes; its logical time has no result yet\n"
        '  parameter     region = "eu"\n'
        "  started       2016-01-01 00:00:03 (5 s ago)\n"
        "  ended         2016-01-01 00:00:08 (0 s ago)\n"
        "\n"
        "  succeeded extract   0.2 s\n"
        "      #1  succeeded  0.2 s  2016-01-01 00:00:03  pluto, process 7\n"
        "      command      python3 extract.py\n"
        "      fingerprint  1:aa\n"
        "      inputs       extract.py (inferred)\n"
        "\n"
        "  failed summarise[rain]   2.6 s   exit code 1, attempt 3 of 3\n"
        "      #1  exit code 1  0.2 s  2016-01-01 00:00:05  pluto, process 7\n"
        "      #2  exit code 1  0.2 s  2016-01-01 00:00:06  pluto, process 7\n"
        "      #3  exit code 1  0.2 s  2016-01-01 00:00:07  pluto, process 7\n"
        "      command      python3 summarise.py rain\n"
        "      fingerprint  1:aa\n"
        "\n"
        "  succeeded summarise[wind]   0.2 s\n"
        "      #1  succeeded  0.2 s  2016-01-01 00:00:04  pluto, process 7\n"
        "      command      python3 summarise.py wind\n"
        "      fingerprint  1:aa\n"
        "\n"
        "  skipped report   an upstream failed\n"
    )


def test_show_of_a_task_shows_that_task_only(world, cronicle):
    world.run(id="7K2M9QX4TA").fail()

    whole = cronicle("show", "7k2/summarise")
    instance = cronicle("show", "7k2/summarise[rain]#2")
    value = json.loads(cronicle("show", "7k2/summarise[rain]", "--json").out)

    assert "summarise[rain]" in whole.out
    assert "summarise[wind]" in whole.out
    assert "extract" not in whole.out
    assert "#2  exit code 1" in instance.out
    assert "#1" not in instance.out
    assert [(one["task"], one["key"], len(one["attempts"])) for one in value["tasks"]] == [
        ("summarise", "rain", 3)
    ]


def test_the_json_of_one_run_is_an_object_with_its_tasks(world, cronicle):
    world.run(id="7K2M9QX4TA").fail()

    value = json.loads(cronicle("show", "7k2", "--json").out)

    assert value["id"] == "7K2M9QX4TA"
    assert value["actor"] == {
        "user": "ana",
        "host": "pluto",
        "command": "cronicle run daily --time 2015-12-31",
    }
    assert [(one["task"], one["key"], one["state"], one["reason"]) for one in value["tasks"]] == [
        ("extract", None, "succeeded", None),
        ("summarise", "rain", "failed", "exit_code"),
        ("summarise", "wind", "succeeded", None),
        ("report", None, "skipped", "upstream_failed"),
    ]
    assert value["tasks"][1]["attempts"][2]["exit_code"] == 1
    assert value["tasks"][1]["attempts"][2]["started_at"] == "2016-01-01T08:00:07.800000Z"


def test_several_addresses_are_an_array_and_a_list_on_stdin_always_is(world, cronicle, monkeypatch):
    world.run("2015-12-30", id="7K2M9QX4TA").succeed()
    world.run("2015-12-31", id="4C0V8E5N2R").succeed()

    several = json.loads(cronicle("show", "7k2", "daily@latest", "--json").out)
    monkeypatch.setattr("sys.stdin", io.StringIO("7K2M9QX4TA\n\n"))
    listed = json.loads(cronicle("show", "-", "--json").out)
    lines = cronicle("show", "7k2", "4c0", "--jsonl").lines

    assert [one["id"] for one in several] == ["7K2M9QX4TA", "4C0V8E5N2R"]
    assert [one["id"] for one in listed] == ["7K2M9QX4TA"]
    assert [json.loads(line)["id"] for line in lines] == ["7K2M9QX4TA", "4C0V8E5N2R"]


def test_show_of_a_live_run_says_who_drives_it_or_that_nobody_does(world, cronicle):
    world.run(id="7K2M9QX4TA").begin("extract")

    driven = cronicle("show", "7k2").out
    world.die()
    left = cronicle("show", "7k2").out

    assert "driven by     process 4321 on pluto: cronicle run daily" in driven
    assert "#1  is running  0.0 s" in driven
    assert "driven by     no process: cronicle resume 7K2M9QX4TA" in left


def test_show_says_what_was_carried_over_and_from_where(world, cronicle):
    carried = ev.TaskCarriedOver(
        at=world.now, task="extract", key=None, from_run="4C0V8E5N2R", output={"rows": 3}
    )
    world.run(
        id="7K2M9QX4TA", cause=Cause.RETRY, retry_of="4C0V8E5N2R", facts=lambda run: (carried,)
    ).succeed()

    text = cronicle("show", "7k2").out

    assert "cause         retry of 4C0V8E5N2R" in text
    assert "carried over extract" in text
    assert "carried over from  4C0V8E5N2R" in text
    assert "output             rows = 3" in text


def test_show_says_whether_a_run_is_the_result(world, cronicle):
    world.run(id="4C0V8E5N2R").succeed()
    world.run(id="7K2M9QX4TA").succeed()
    world.run(id="5K2M9QX4TA", counts=False).succeed()

    assert "counts        yes: it is the result, before 2 other runs" in cronicle("show", "7k2").out
    assert "counts        yes; the result of its logical time is 7K2M9QX4TA" in cronicle("show", "4c0").out
    assert "counts        no: an experiment" in cronicle("show", "5k2").out


def test_show_of_a_backfill_says_how_far_it_is(world, cronicle):
    made = world.backfill("2015-12-25", "2015-12-26", id="9XG3T0B1ZC")
    world.run("2015-12-25", cause=Cause.BACKFILL, backfill=made.id).fail()

    text = cronicle("show", "9xg").out
    value = json.loads(cronicle("show", "9xg", "--json").out)

    assert text.startswith("running   backfill 9XG3T0B1ZC   daily   2015-12-25 to 2015-12-26\n")
    assert "  progress      1 of 2 (50 %), 1 failed\n" in text
    assert "  its runs      cronicle runs --backfill 9XG3T0B1ZC\n" in text
    assert (value["from"], value["to"], value["total"], value["done"], value["failed"]) == (
        "2015-12-25",
        "2015-12-26",
        2,
        1,
        1,
    )


@pytest.mark.parametrize("cause", [Cause.REPRODUCE, Cause.RETRY])
def test_what_was_made_to_be_looked_at_is_not_what_a_logical_time_means(world, cronicle, cause):
    world.run(id="7K2M9QX4TA").fail()
    again = Experiment(of="7K2M9QX4TA")
    world.run(id="9K2M9QX4TA", cause=cause, counts=False, experiment=again).fail()

    assert json.loads(cronicle("show", "daily@2015-12-31", "--json").out)["id"] == "7K2M9QX4TA"


def test_a_run_without_a_schedule_is_called_by_its_time(world, cronicle):
    world.run(None, run_spec=spec(task("a")), id="7K2M9QX4TA").succeed()

    text = cronicle("show", "7k2").out

    assert text.startswith("succeeded   daily@2016-01-01T08:00:00+00:00   run 7K2M9QX4TA")
    assert "interval" not in text


def test_control_characters_are_written_out(world, cronicle):
    nasty = "\x1b]8;;http://evil\x07\n\u202ereversed"
    run = world.run(id="7K2M9QX4TA", params={"p": nasty}, run_spec=spec(task("a")))
    run.begin("a").end("a", output={"rows": nasty}, detail=nasty)

    for words in (["show", "7k2"], ["show", "7k2", "--json"], ["explain", "7k2"]):
        said = cronicle(*words)
        assert "\x1b" not in said.out
        assert "\x07" not in said.out
        assert "\u202e" not in said.out
    value = json.loads(cronicle("show", "7k2", "--json").out)
    assert value["params"]["p"] == nasty


def test_the_keys_come_in_the_order_of_their_use(world, cronicle):
    world.run(id="7K2M9QX4TA").do("extract")

    listed = json.loads(cronicle("runs", "--json").out)[0]
    value = json.loads(cronicle("show", "7k2", "--json").out)

    assert list(listed)[:4] == ["id", "project", "environment", "workflow"]
    own = ["params", "actor", "previous", "tasks", "hooks", "rerun", "runbook"]
    assert list(value) == [*listed, *own]
    assert list(value["tasks"][0])[:3] == ["task", "key", "state"]
    assert list(value["tasks"][0]["attempts"][0])[:2] == ["attempt", "outcome"]
