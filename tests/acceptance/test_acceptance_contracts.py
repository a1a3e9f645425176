"""What scripts rely on: exit codes, JSON, streams, lists on stdin, and what signals do."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from acceptance_world import Bell, Shop, Started

PROJECT = 'project "weather" { }\n'
START = Callable[..., Started]


def workflow(*tasks: str, name: str = "w") -> str:
    inner = "\n".join(tasks)
    return f'workflow "{name}" {{\n  schedule {{ cron = "0 4 * * *" }}\n{inner}\n}}\n'


def script(name: str, *lines: str, rest: str = "") -> str:
    text = "\n".join(lines)
    return f'task "{name}" {{\n  script = <<-EOT\n{text}\n  EOT\n{rest}\n}}\n'


@pytest.fixture
def simple(shop: Shop) -> Shop:
    files = {
        "cronicle.hcl": PROJECT,
        "good.hcl": workflow(script("a", "echo out; echo err >&2"), name="good"),
        "bad.hcl": workflow(script("a", "exit 3"), name="bad"),
    }
    shop.deploy(files)
    return shop


def test_exit_codes_tell_how_it_went(simple: Shop) -> None:
    assert simple.cronicle("run", "good").code == 0
    assert simple.cronicle("run", "bad").code == 1
    assert simple.cronicle("run", "gone").code == 1
    assert simple.cronicle("plan", "--detailed-exitcode").code == 0
    assert simple.cronicle("--version").code == 0
    for wrong in (["run"], ["run", "good", "--gone"], ["gone"], [], ["backfill", "good"], ["run", "a", "b"]):
        said = simple.cronicle(*wrong)
        assert said.code == 64, (wrong, said)
        assert said.out == ""
        assert said.err


def test_data_goes_to_stdout_and_all_else_to_stderr(simple: Shop) -> None:
    said = simple.good("run", "good")
    assert said.out == ""
    assert f"{said.run} a succeeded" in said.err

    for words in (["run", "bad"], ["retry", "bad@latest"]):
        failed = simple.cronicle(*words, "--json")
        assert failed.code == 1
        assert failed.json["state"] == "failed"
        assert "exit code 3" in failed.err

    days = ("--from", "2020-01-01", "--to", "2020-01-02")
    made = simple.good("backfill", "good", *days, "--json")
    assert made.json["state"] == "succeeded"
    assert "succeeded: 2 of 2" in made.err

    log = simple.good("logs", said.run)
    assert sorted(log.out.splitlines()) == ["err", "out"]
    simple.write({"good.hcl": workflow(script("a", "echo other"), name="good")})
    simple.commit()
    assert (
        simple.good("plan", "--json").json["revision"]
        == simple.good("apply", "--auto-approve", "--json").json["revision"]
    )


RUN_KEYS = {
    "id",
    "project",
    "environment",
    "workflow",
    "instance",
    "series",
    "logical_time",
    "date",
    "interval_start",
    "interval_end",
    "state",
    "reason",
    "cause",
    "counts",
    "revision",
    "deployment",
    "backfill",
    "retry_of",
    "created_at",
    "started_at",
    "ended_at",
    "lateness",
    "params",
    "tasks",
}
TASK_KEYS = {"task", "key", "state", "reason", "fingerprint", "carried_from", "output", "attempts"}
ATTEMPT_KEYS = {
    "attempt",
    "outcome",
    "reason",
    "exit_code",
    "signal",
    "host",
    "pid",
    "started_at",
    "ended_at",
    "cpu_time",
    "peak_memory",
}
BACKFILL_KEYS = {"id", "workflow", "from", "to", "revision", "state", "total", "done", "failed", "created_at"}


def test_json_has_the_keys_that_were_promised(simple: Shop) -> None:
    run = simple.json("run", "good")
    assert run == simple.show(run["id"])
    assert run.keys() >= RUN_KEYS
    assert run["tasks"][0].keys() >= TASK_KEYS
    assert run["tasks"][0]["attempts"][0].keys() >= ATTEMPT_KEYS
    for name in ("logical_time", "created_at", "started_at", "ended_at"):
        assert run[name].endswith("Z")
    days = ("--from", "2020-01-01", "--to", "2020-01-02")
    for backfill in (
        simple.json("backfill", "good", *days, "--dry-run"),
        simple.json("backfill", "good", *days),
    ):
        assert backfill.keys() >= BACKFILL_KEYS
    assert (simple.show(backfill["id"])["id"], backfill["total"]) == (backfill["id"], 2)


def test_common_options_stand_before_or_after_the_command(simple: Shop, place: Path) -> None:
    run = simple.json("run", "good")
    store = str(simple.folder / ".cronicle")

    outside = Shop(place, simple.home)
    for words in (
        ["--store", store, "--json", "runs"],
        ["runs", "--json", "--store", store],
        [f"--store={store}", "runs", "--json"],
        ["-e", "local", "--store", store, "--json", "runs"],
    ):
        assert [one["id"] for one in outside.good(*words).json] == [run["id"]]
    assert simple.good("runs", "--json", CRONICLE_STORE=store).json[0]["id"] == run["id"]


def test_lists_of_runs_are_read_from_stdin(simple: Shop) -> None:
    runs = [simple.cronicle("run", "bad", "--time", f"2020-01-0{day}").run for day in (1, 2)]

    retried = simple.cronicle(
        "retry", "-", "--json", stdin="\n".join([runs[0], "GONE123456", runs[1]]) + "\n"
    )

    assert retried.code == 1
    assert [run["retry_of"] for run in retried.json] == runs
    assert [run["retry_of"] for run in simple.json("runs")[:2]] == runs[::-1]
    assert "error: GONE123456: the store has no run" in retried.err
    assert simple.cronicle("retry", "-", "--json", stdin="").json == []
    nothing = simple.cronicle("cancel", "-", stdin=f"{runs[0]}\nGONE123456\n")
    assert nothing.code == 1
    assert f"run {runs[0]} has ended" in nothing.err
    assert "GONE123456" in nothing.err
    assert simple.cronicle("cancel", "-", stdin="").code == 0


# Signals and requests

FOR_EVER = "while :; do sleep 0.05; done"


def trapping(shop: Shop, bell: Bell) -> Shop:
    """A deployed workflow whose first task runs until it is told to end, and leaves a mark then."""
    lines = ("trap 'echo told >> \"$CRONICLE_DATA/told\"; exit 5' TERM", f"echo here > {bell.path}", FOR_EVER)
    below = script("b", "echo b", rest="depends_on = [task.a]")
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": workflow(script("a", *lines), below)})
    return shop


def told(shop: Shop) -> bool:
    return (shop.folder / ".cronicle" / "data" / "weather" / "local" / "told").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_cancelled(
    shop: Shop, bell: Bell, start: START, number: signal.Signals
) -> None:
    trapping(shop, bell)
    running = start("run", "w", "--json")
    bell.wait()

    running.process.send_signal(number)
    said = running.end()

    assert said.code == 130
    assert "cancelling; once more ends everything at once" in said.err
    assert told(shop)
    assert (said.json["state"], said.json["reason"]) == ("cancelled", "interrupted")
    assert [task["state"] for task in said.json["tasks"]] == ["cancelled", "cancelled"]
    shop.cronicle("resume", said.run).is_clear_error("has ended: it was cancelled", "cronicle retry")
    running = start("retry", said.run)
    bell.wait()
    running.interrupt()
    assert running.end().code == 130


def test_a_second_interrupt_ends_everything(shop: Shop, bell: Bell, start: START) -> None:
    lines = ("trap '' TERM INT", f"echo $$ > {bell.path}", FOR_EVER)
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": workflow(script("a", *lines))})
    running = start("run", "w")
    pid = bell.wait().strip()

    running.interrupt()
    running.until("once more ends everything at once")
    running.interrupt()
    said = running.end()

    assert said.code == 130
    assert not Path("/proc", pid).exists()
    assert f"cronicle resume {said.run}" in said.err
    assert shop.cronicle("resume", said.run).code == 1
    shown = shop.show(said.run)
    assert (shown["state"], shown["reason"]) == ("cancelled", "interrupted")
    assert shown["tasks"][0]["attempts"][0]["outcome"] in ("cancelled", "lost")


def test_a_run_is_cancelled_from_elsewhere(shop: Shop, bell: Bell, start: START) -> None:
    trapping(shop, bell)
    running = start("run", "w")
    bell.wait()
    (run,) = (one["id"] for one in shop.json("runs"))

    asked = shop.good("cancel", "-", "--reason", "not today", stdin=f"{run}\n")
    said = running.end()

    assert "asked the process that drives it to cancel it" in asked.out
    assert said.code == 1  # nobody has interrupted this command
    shown = shop.show(run)
    assert (shown["state"], shown["reason"]) == ("cancelled", "not today")
    assert told(shop)


def test_an_interrupted_backfill_pauses_and_is_resumed(
    shop: Shop, bell: Bell, start: START, place: Path
) -> None:
    lines = (
        f"echo $CRONICLE_DATE > {bell.path}",
        f"until test -e {place}/go; do sleep 0.02; done",
        "echo $CRONICLE_DATE",
    )
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": workflow(script("a", *lines))})
    running = start("backfill", "w", "--from", "2020-01-01", "--to", "2020-01-05", "--parallel", "1")
    bell.wait()

    running.interrupt()
    running.until("pausing: what runs is finished; once more ends everything at once")
    (place / "go").touch()
    said = running.end()

    assert said.code == 130
    assert f"cronicle resume {said.backfill}" in said.err
    shown = shop.show(said.backfill)
    assert (shown["state"], shown["reason"], shown["done"]) == ("paused", "interrupted", 1)

    resumed = shop.json("resume", said.backfill)
    assert (resumed["state"], resumed["done"]) == ("succeeded", 5)
    assert sorted(run["date"] for run in shop.json("runs")) == [f"2020-01-0{day}" for day in range(1, 6)]


def test_a_backfill_interrupted_twice_ends_at_once_and_is_resumed(
    shop: Shop, bell: Bell, start: START, place: Path
) -> None:
    lines = (f"echo $CRONICLE_DATE > {bell.path}", f"until test -e {place}/go; do sleep 0.02; done")
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": workflow(script("a", *lines))})
    running = start("backfill", "w", "--from", "2020-01-01", "--to", "2020-01-03", "--parallel", "1")
    bell.wait()

    running.interrupt()
    running.until("once more ends everything at once")
    running.interrupt()
    said = running.end()

    assert said.code == 130
    assert f"cronicle resume {said.backfill}" in said.err
    (place / "go").touch()
    assert shop.json("resume", said.backfill)["state"] == "succeeded"
    results = {run["date"] for run in shop.json("runs") if run["state"] == "succeeded"}
    assert results == {"2020-01-01", "2020-01-02", "2020-01-03"}


def test_a_backfill_is_paused_from_elsewhere(shop: Shop, bell: Bell, start: START, place: Path) -> None:
    lines = (f"echo $CRONICLE_DATE > {bell.path}", f"until test -e {place}/go; do sleep 0.02; done")
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": workflow(script("a", *lines))})
    running = start("backfill", "w", "--from", "2020-01-01", "--to", "2020-01-03", "--parallel", "1")
    bell.wait()
    (backfill,) = (one["id"] for one in shop.json("backfills"))

    shop.good("pause", backfill, "--reason", "lunch")
    (place / "go").touch()
    said = running.end()

    assert said.code == 1
    assert "lunch" in said.err
    assert shop.show(backfill)["state"] == "paused"
    assert "cancelled" in shop.good("cancel", backfill).out


def test_one_live_run_for_a_logical_time(shop: Shop, bell: Bell, start: START) -> None:
    trapping(shop, bell)
    running = start("run", "w")
    bell.wait()
    (run,) = (one["id"] for one in shop.json("runs"))

    shop.cronicle("run", "w").is_clear_error(
        f"run {run} is for the same logical time", f"cronicle logs -f {run}"
    )
    shop.cronicle("resume", run).is_clear_error(
        f"another process drives run {run}", f"cronicle logs -f {run}"
    )
    running.interrupt()
    assert running.end().code == 130
