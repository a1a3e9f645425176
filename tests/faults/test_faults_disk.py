"""A disk that is full while a command drives: one clear message, exit code 1, and all goes on once there is room."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults_world import deployed_project

from cronicle.store.location import open_store
from cronicle.store.records import RunFilter

WORKFLOW = """
workflow "w" {
  schedule {
    cron     = "0 0 * * *"
    timezone = "UTC"
  }
  task "fill" {
    script = <<-EOT
      if [ "$CRONICLE_DATE $CRONICLE_ATTEMPT" = "2026-01-03 1" ]; then
        cat /dev/zero > "$CRONICLE_DATA/fill" || true
      fi
    EOT
  }
  task "after" {
    command    = ["true"]
    depends_on = [task.fill]
  }
}
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 8 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no program to mount a file system")
    if done.returncode:
        pytest.skip("mounting a file system is not possible here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_ends_a_backfill_with_a_clear_error_and_it_goes_on_after(
    tmp_path: Path, small_disk: Path
) -> None:
    project = deployed_project(tmp_path, WORKFLOW, small_disk / "store")

    code, _, errors = project.cronicle(
        "backfill", "w", "--from", "2026-01-01", "--to", "2026-01-05", "--parallel", "1"
    )

    assert code == 1, errors
    assert "is full" in errors
    assert "Make room" in errors
    assert "Traceback" not in errors
    (project.store / "data" / "project" / "local" / "fill").unlink()
    store = open_store(str(project.store), create=False)
    (backfill,) = {run.backfill for run in store.list_runs(RunFilter())}

    code, _, errors = project.cronicle("resume", str(backfill))

    assert code == 0, errors
    runs = store.list_runs(RunFilter(limit=100))
    assert sorted(run.logical_time.day for run in runs) == [1, 2, 3, 4, 5]
    assert {run.state for run in runs} == {"succeeded"}
    lost = [one for run in runs for one in store.list_attempts(run.id) if one.outcome == "lost"]
    assert [one.task for one in lost] == ["fill"]
    store.close()
