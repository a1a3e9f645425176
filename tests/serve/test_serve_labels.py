"""Tasks with `runs_on`: which process executes them, and what users are told where none can."""

from __future__ import annotations

import sys

import pytest
from serve_world import Served, workflow

NOON = 'cron = "0 12 * * *"'
NEEDS_GPU = """
workflow "learn" {
  schedule {
    cron = "0 12 * * *"
  }
  task "load" {
    command = ["true"]
  }
  task "learn" {
    depends_on = [task.load]
    command    = ["true"]
    runs_on    = ["gpu"]
  }
}
"""


def test_what_is_left_to_a_process_without_the_labels_waits_until_one_that_has_them_serves(
    served: Served,
) -> None:
    served.deploy_workflows(NEEDS_GPU, workflow("w", schedule=NOON))
    first = served.serve()

    said = served.good("run", "learn", "--detach")

    waits = "waiting for a process with the label gpu"
    assert waits in said.err
    serves = f"process {first.process.pid} on"
    for words in (("explain", said.run), ("explain", f"{said.run}/learn"), ("show", said.run), ("status",)):
        shown = served.good(*words).out
        assert waits in shown
        assert serves in shown
        assert sys.platform in shown
    assert waits in served.good("runs", "learn").out
    shown = served.show(said.run)
    assert (shown["state"], shown["owner"], shown["runs_on"]) == ("queued", None, ["gpu"])
    (live,) = served.good("status", "--json").json["live"]
    assert live["lacks_labels"]
    other = served.good("run", "w", "--detach")
    served.until(lambda: served.show(other.run)["state"] == "succeeded", "the end of what needs none")

    served.serve("--takeover", "--label", "gpu")

    served.until(lambda: served.show(said.run)["state"] == "succeeded", "its end, there")
    assert "gpu" in served.good("status", "--json").json["scheduler"]["labels"]


def test_a_backfill_that_needs_labels_waits_for_them_as_a_whole(served: Served) -> None:
    served.deploy_workflows(NEEDS_GPU)
    served.serve()

    said = served.good("backfill", "learn", "--from", "2026-01-01", "--to", "2026-01-03", "--detach")

    assert "waiting for a process with the label gpu" in said.err
    assert "waiting for a process with the label gpu" in served.good("backfills").out
    assert "waiting for a process with the label gpu" in served.good("show", said.backfill).out
    settings = served.folder.parent / "settings.toml"
    settings.write_text('labels = ["gpu"]\n')
    served.serve("--takeover", CRONICLE_SETTINGS=str(settings))
    served.until(lambda: served.show(said.backfill)["state"] == "succeeded", "its end")


@pytest.mark.parametrize(
    "words",
    [("run", "learn"), ("backfill", "learn", "--from", "2026-01-01", "--to", "2026-01-03")],
    ids=["run", "backfill"],
)
def test_what_this_machine_cannot_execute_is_refused_before_anything_is_made(
    served: Served, words: tuple[str, ...]
) -> None:
    served.deploy_workflows(NEEDS_GPU)

    said = served.cronicle(*words)

    said.is_clear_error(
        "learn needs the label gpu", "it has", sys.platform, "--detach", "--label gpu", "settings"
    )
    assert served.good("runs", "--json").json == []
    assert served.good("backfills", "--json").json == []
    assert served.cronicle(*words, "--label", "gpu").code == 0


def test_tasks_that_are_not_chosen_need_nothing(served: Served) -> None:
    served.deploy_workflows(NEEDS_GPU)

    loaded = served.good("run", "learn", "--only", "load")

    assert served.show(loaded.run)["runs_on"] == []


def test_a_retry_and_a_resumption_are_refused_where_the_labels_are_missing(served: Served) -> None:
    served.deploy_workflows(NEEDS_GPU)
    done = served.good("run", "learn", "--label", "gpu")
    served.cronicle("retry", done.run, "--from", "learn").is_clear_error(
        f"the retry of run {done.run} needs the label gpu"
    )
    left = served.good("run", "learn", "--detach", "--time", "2026-01-01")
    served.cronicle("resume", left.run).is_clear_error(f"run {left.run} needs the label gpu")
    assert served.show(left.run)["state"] == "queued"
    shown = served.good("show", left.run).out  # nobody serves, so that it waits for anybody
    assert f"no process: cronicle resume {left.run}" in shown
    assert "runs on       gpu" in shown

    assert served.cronicle("resume", left.run, "--label", "gpu").code == 0
    assert served.cronicle("retry", done.run, "--from", "learn", "--label", "gpu").code == 0


def test_what_would_wait_is_foretold_by_plan_where_somebody_serves(served: Served) -> None:
    served.deploy_workflows(NEEDS_GPU)
    foretold = "runs of learn will wait, since no process that serves has the label gpu"
    assert foretold not in served.good("plan").err
    served.serve()
    assert foretold in served.good("plan").err


def test_doctor_shows_the_labels_of_this_machine(served: Served) -> None:
    settings = served.folder.parent / "settings.toml"
    settings.write_text('labels = ["gpu"]\n')
    served.environ["CRONICLE_SETTINGS"] = str(settings)
    (check,) = [one for one in served.cronicle("doctor", "--json").json if one["name"] == "labels"]
    assert check["grade"] == "good"
    assert {"gpu", sys.platform} <= set(check["said"].split(", "))


@pytest.mark.parametrize("text", ['labels = "gpu"', 'labels = ["a gpu"]', "labels = [1]"])
def test_labels_of_the_settings_file_that_are_none_are_refused(served: Served, text: str) -> None:
    settings = served.folder.parent / "settings.toml"
    settings.write_text(text)
    served.environ["CRONICLE_SETTINGS"] = str(settings)
    served.cronicle("doctor").is_clear_error(
        "`labels` must be a list of labels", 'labels = ["gpu", "zone:b"]'
    )


def test_a_label_of_the_command_line_that_is_none_is_refused(served: Served) -> None:
    served.cronicle("serve", "--label", "a gpu").is_clear_error("--label 'a gpu' is not a label", code=64)
