"""`rerun` through the command line: a mail is not sent twice, and nothing is repeated by accident."""

from __future__ import annotations

import os
import pty
from pathlib import Path

import pytest
from acceptance_world import Said, Shop

PIPELINE = """
workflow "daily" {
  WORKFLOW
  schedule {
    cron  = "0 4 * * *"
    start = "2020-01-01"
    end   = "2020-02-01"
  }
  task "extract" {
    script = "echo extract >> $CRONICLE_DATA/done; ! test -e $CRONICLE_DATA/no-$CRONICLE_DATE"
  }
  task "mail" {
    script       = "echo mail $CRONICLE_DATE >> $CRONICLE_DATA/done; ! test -e $CRONICLE_DATA/no-mail"
    depends_on   = [task.extract]
    trigger_rule = "all_done"
    TASK
  }
  task "archive" {
    script     = "echo archive >> $CRONICLE_DATA/done"
    depends_on = [task.mail]
  }
}
"""
RANGE = ("--from", "2020-01-01", "--to", "2020-01-02")


def deploy(shop: Shop, *, workflow: str = "", task: str = "", more: str = "") -> str:
    text = PIPELINE.replace("WORKFLOW", workflow).replace("TASK", task)
    return shop.deploy({"cronicle.hcl": 'project "weather" { }\n' + more, "daily.hcl": text})


def data(shop: Shop) -> Path:
    folder = shop.folder / ".cronicle" / "data" / "weather" / "local"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def done(shop: Shop) -> list[str]:
    return (data(shop) / "done").read_text().splitlines()


def tasks(shop: Shop, run: str) -> dict[str, tuple[str, str | None, str | None]]:
    shown = shop.show(run)["tasks"]
    return {task["task"]: (task["state"], task["reason"], task["carried_from"]) for task in shown}


@pytest.fixture
def failed(shop: Shop) -> str:
    """A run whose mail is sent, and whose first task failed; the mail says that it is not sent twice."""
    deploy(shop, task='rerun = "never"')
    (data(shop) / "no-2020-01-02").touch()
    said = shop.cronicle("run", "daily", "--time", "2020-01-02")
    assert said.code == 1
    (data(shop) / "no-2020-01-02").unlink()
    return said.run


def test_a_mail_that_was_sent_is_carried_over_by_a_retry_and_everybody_says_why(
    shop: Shop, failed: str
) -> None:
    said = shop.good("retry", failed)

    assert f'mail says rerun = "never": it succeeded in run {failed}, and is carried over as done' in said.err
    assert sorted(done(shop)) == ["archive", "archive", "extract", "extract", "mail 2020-01-02"]
    assert tasks(shop, said.run)["mail"] == ("succeeded", "rerun_never", failed)
    explained = shop.good("explain", f"{said.run}/mail").out
    assert (
        f'mail was not executed in this run: it succeeded in run {failed}, and says rerun = "never"'
        in explained
    )
    shown = shop.good("show", said.run).out
    assert 'it is done, and says rerun = "never"' in shown
    [mail] = [task for task in shop.show(said.run)["tasks"] if task["task"] == "mail"]
    assert mail["rerun"] == "never"


def test_to_name_what_succeeded_does_not_help(shop: Shop, failed: str) -> None:
    said = shop.cronicle("retry", failed, "--from", "mail")

    said.is_clear_error(
        f'task mail is not executed again: it succeeded in run {failed}, and says rerun = "never"'
    )


def test_a_mail_that_failed_may_have_gone_out(shop: Shop) -> None:
    deploy(shop, task='rerun = "never"')
    (data(shop) / "no-mail").touch()
    run = shop.cronicle("run", "daily", "--time", "2020-01-02").run
    (data(shop) / "no-mail").unlink()

    refused = shop.cronicle("retry", run)

    refused.is_clear_error(
        f"there is nothing to retry of run {run}: mail failed after it had begun",
        f"If it has not: cronicle retry {run} --from mail",
        f"If it has: cronicle mark {run} --succeeded --reason",
    )
    assert done(shop).count("mail 2020-01-02") == 1
    shop.good("retry", run, "--from", "mail")
    assert done(shop)[-2:] == ["mail 2020-01-02", "archive"]


def test_beside_a_mail_that_may_have_gone_out_the_rest_is_retried(shop: Shop) -> None:
    deploy(shop, task='rerun = "never"')
    for name in ("no-mail", "no-2020-01-02"):
        (data(shop) / name).touch()
    run = shop.cronicle("run", "daily", "--time", "2020-01-02").run
    for name in ("no-mail", "no-2020-01-02"):
        (data(shop) / name).unlink()

    said = shop.cronicle("retry", run)

    assert said.code == 1
    assert "executes extract" in said.err
    assert f"it failed in run {run} after it had begun, and stays failed" in said.err
    assert f"If it has done nothing: cronicle retry {run} --from mail" in said.err
    assert done(shop) == ["extract", "mail 2020-01-02", "extract"]
    again = shop.json("runs", "daily")[0]["id"]
    assert tasks(shop, again)["mail"] == ("failed", "exit_code", run)
    assert f"failed in run {run} after it had begun" in shop.good("explain", again).out


def test_a_backfill_that_remakes_days_sends_no_mail_twice(shop: Shop, failed: str) -> None:
    asked = shop.good("backfill", "daily", *RANGE, "--dry-run")
    assert 'mail: where done already, not executed again   (rerun = "never")' in asked.out

    shop.good("backfill", "daily", *RANGE, "--all")

    sent = [line for line in done(shop) if line.startswith("mail")]
    assert sorted(sent) == ["mail 2020-01-01", "mail 2020-01-02"]
    shop.good("backfill", "daily", *RANGE, "--all", "--only", "mail")
    assert [line for line in done(shop) if line.startswith("mail")] == sent


def test_what_is_deployed_has_a_say_in_the_retry_of_an_older_run(shop: Shop) -> None:
    deploy(shop)
    run = shop.good("run", "daily", "--time", "2020-01-02").run
    deploy(shop, task='rerun = "never"')

    said = shop.good("retry", run, "--from", "extract")

    assert f'mail says rerun = "never": it succeeded in run {run}' in said.err
    assert done(shop).count("mail 2020-01-02") == 1


def test_a_rename_of_the_task_sends_no_mail_either(shop: Shop, failed: str) -> None:
    moved = "moved {\n  from = workflow.daily.task.mail\n  to = workflow.daily.task.post\n}\n"
    text = PIPELINE.replace("WORKFLOW", "").replace("TASK", 'rerun = "never"')
    text = text.replace('task "mail"', 'task "post"').replace("task.mail", "task.post")
    shop.deploy({"cronicle.hcl": 'project "weather" { }\n' + moved, "daily.hcl": text})

    shop.good("backfill", "daily", "--from", "2020-01-02", "--to", "2020-01-02", "--all")

    assert done(shop).count("mail 2020-01-02") == 1


def test_a_workflow_that_is_never_repeated_is_not_and_says_who_says_so(shop: Shop) -> None:
    deploy(shop, workflow='rerun = "never"')
    (data(shop) / "no-2020-01-02").touch()
    run = shop.cronicle("run", "daily", "--time", "2020-01-02").run

    shop.cronicle("retry", run).is_clear_error(
        f'run {run} is not retried: workflow daily says rerun = "never"', "cronicle mark"
    )
    shop.cronicle("backfill", "daily", *RANGE).is_clear_error(
        '1 of 2 ticks from 2020-01-01 to 2020-01-02 has run before, and workflow daily says rerun = "never"',
        "--missing",
    )
    shop.good("backfill", "daily", *RANGE, "--missing")
    assert [one["date"] for one in shop.json("runs", "daily")] == ["2020-01-01", "2020-01-02"]
    assert "rerun" in shop.good("show", run).out


def test_confirm_needs_somebody_to_agree(shop: Shop) -> None:
    deploy(shop, task='rerun = "confirm"')
    run = shop.good("run", "daily", "--time", "2020-01-02").run
    before = done(shop)

    assert "so nothing was executed" in shop.cronicle("backfill", "daily", *RANGE, "--all").err
    refused = shop.cronicle("retry", run, "--from", "extract")

    assert refused.code == 1
    assert "there is no terminal to ask for approval, so nothing was executed" in refused.err
    assert (
        "To execute mail again without being asked, give the same command with --auto-approve." in refused.err
    )
    assert done(shop) == before
    # What does not execute the task again asks nobody.
    shop.good("retry", run, "--from", "archive")
    shop.good("retry", run, "--from", "extract", "--auto-approve")
    assert done(shop).count("mail 2020-01-02") == 2
    asked = shop.good("backfill", "daily", *RANGE, "--dry-run", "--all")
    assert 'mail may be executed again for 1 tick   (rerun = "confirm")' in asked.out
    shop.good("backfill", "daily", *RANGE, "--all", "--auto-approve")
    assert done(shop).count("mail 2020-01-02") == 3


def test_on_a_terminal_one_is_asked(shop: Shop) -> None:
    deploy(shop, workflow='rerun = "confirm"')
    run = shop.good("run", "daily", "--time", "2020-01-02").run

    assert answered(shop, "n", "retry", run, "--from", "mail").code == 1
    assert done(shop).count("mail 2020-01-02") == 1
    said = answered(shop, "y", "retry", run, "--from", "mail")

    assert said.code == 0
    assert "Execute mail, archive again? [y/N]" in said.err
    assert done(shop).count("mail 2020-01-02") == 2


def answered(shop: Shop, answer: str, *words: str) -> Said:
    """A command whose stdin is a terminal, at which this is typed."""
    import subprocess

    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        ended = subprocess.run(
            shop.words(*words),
            cwd=shop.folder,
            env=shop.environ,
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    return Said(ended.returncode, ended.stdout, ended.stderr)


def test_a_plan_names_the_change_as_one_that_makes_nothing_stale(shop: Shop) -> None:
    deploy(shop)
    shop.commit({"daily.hcl": PIPELINE.replace("WORKFLOW", "").replace("TASK", 'rerun = "never"')})

    planned = shop.good("plan").out

    assert "rerun" in planned
    assert "does not change what it does" in planned


def test_what_was_sent_is_sent_even_if_its_day_was_marked_as_failed_since(shop: Shop) -> None:
    deploy(shop, task='rerun = "never"')
    run = shop.good("run", "daily", "--time", "2020-01-02").run
    shop.good("mark", run, "--failed", "--reason", "the numbers were wrong")

    shop.good("backfill", "daily", "--from", "2020-01-02", "--to", "2020-01-02", "--missing")

    assert sorted(done(shop)) == ["archive", "archive", "extract", "extract", "mail 2020-01-02"]
