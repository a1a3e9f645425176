"""The commands themselves, killed and cancelled: what they say, how they end, and what the next one does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from faults_world import Project, deployed_project, wait_until

WORKFLOW = """
workflow "w" {
  schedule {
    cron     = "0 0 * * *"
    timezone = "UTC"
  }
  task "work" {
    script = <<-EOT
      echo "$CRONICLE_DATE $CRONICLE_ATTEMPT" >> "$CRONICLE_DATA/effects"
      if [ "$CRONICLE_DATE $CRONICLE_ATTEMPT" = "2026-01-03 1" ]; then
        setsid sleep 300 &
        sleep 300
      fi
    EOT
  }
  on_failure {
    script = "echo $CRONICLE_DATE >> $CRONICLE_DATA/told"
  }
}
"""
BACKFILL = ("backfill", "w", "--from", "2026-01-01", "--to", "2026-01-05", "--slots", "1")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return deployed_project(tmp_path, WORKFLOW, tmp_path / "store")


def lines(project: Project, name: str) -> list[str]:
    path = project.store / "data" / "project" / "local" / name
    return path.read_text().splitlines() if path.exists() else []


def backfill_of(project: Project) -> dict[str, object]:
    code, out, _ = project.cronicle("backfills", "--json")
    assert code == 0
    (backfill,) = json.loads(out)
    assert isinstance(backfill, dict)
    return backfill


def test_a_killed_backfill_is_told_of_by_the_next_command_and_resumed(project: Project) -> None:
    killed = project.start(*BACKFILL)
    wait_until(lambda: "2026-01-03 1" in lines(project, "effects"), "the third tick")
    killed.kill()
    killed.communicate()
    name = str(backfill_of(project)["id"])

    code, _, errors = project.cronicle("resume", name, "--slots", "1")

    assert code == 0, errors
    assert f"process {killed.pid} on " in errors
    assert "had died; it left 1 run, 1 attempt recorded as lost" in errors
    assert f"go on with it: cronicle resume {name}" in errors
    assert "Traceback" not in errors
    assert lines(project, "effects") == [
        *("2026-01-01 1", "2026-01-02 1", "2026-01-03 1"),
        *("2026-01-03 2", "2026-01-04 1", "2026-01-05 1"),
    ]
    assert (backfill_of(project)["state"], backfill_of(project)["done"]) == ("succeeded", 5)


def test_a_backfill_is_cancelled_by_another_process(project: Project) -> None:
    running = project.start(*BACKFILL)
    wait_until(lambda: "2026-01-03 1" in lines(project, "effects"), "the third tick")

    code, _, errors = project.cronicle("cancel", str(backfill_of(project)["id"]))

    assert code == 0, errors
    _, errors = running.communicate(timeout=10)
    assert running.returncode == 1
    assert "Traceback" not in errors
    backfill = backfill_of(project)
    assert (backfill["state"], backfill["done"], backfill["owner"]) == ("cancelled", 3, None)
    code, _, errors = project.cronicle("resume", str(backfill["id"]))
    assert code == 1
    assert "has ended: it was cancelled" in errors


def test_hooks_of_a_backfill_are_told_if_asked_for(tmp_path: Path) -> None:
    failing = WORKFLOW.replace('echo "$CRONICLE_DATE $CRONICLE_ATTEMPT" >>', "exit 1 >>")
    project = deployed_project(tmp_path, failing, tmp_path / "store")
    days = ("--from", "2026-01-01", "--to", "2026-01-02")

    project.cronicle("backfill", "w", *days)
    assert lines(project, "told") == []

    project.cronicle("backfill", "w", *days, "--hooks")
    assert sorted(lines(project, "told")) == ["2026-01-01", "2026-01-02"]
