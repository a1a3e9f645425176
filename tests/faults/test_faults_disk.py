"""A disk that is full while a command drives: one clear message, exit code 1, and all goes on once there is room."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    project = tmp_path / "project"
    project.mkdir()
    (project / "cronicle.hcl").write_text(WORKFLOW)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CRONICLE_STORE": str(small_disk / "store"),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=project, env=environ, capture_output=True, text=True, check=False, timeout=60
        )

    def cronicle(*words: str) -> subprocess.CompletedProcess[str]:
        return run(sys.executable, "-m", "cronicle", *words)

    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "First"]):
        assert run("git", *words).returncode == 0
    applied = cronicle("apply", "--auto-approve")
    assert applied.returncode == 0, applied.stderr

    full = cronicle("backfill", "w", "--from", "2026-01-01", "--to", "2026-01-05", "--parallel", "1")

    assert full.returncode == 1, full.stderr
    assert "is full" in full.stderr
    assert "Make room" in full.stderr
    assert "Traceback" not in full.stderr
    (small_disk / "store" / "data").joinpath(project.name, "local", "fill").unlink()
    store = open_store(str(small_disk / "store"), create=False)
    (backfill,) = {run.backfill for run in store.list_runs(RunFilter())}

    resumed = cronicle("resume", str(backfill))

    assert resumed.returncode == 0, resumed.stderr
    runs = store.list_runs(RunFilter(limit=100))
    assert sorted(run.logical_time.day for run in runs) == [1, 2, 3, 4, 5]
    assert {run.state for run in runs} == {"succeeded"}
    lost = [one for run in runs for one in store.list_attempts(run.id) if one.outcome == "lost"]
    assert [one.task for one in lost] == ["fill"]
    store.close()
