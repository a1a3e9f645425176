"""The examples, served: what stands in a crontab is done at its times, and nothing fires for the past unasked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

from acceptance_world import ROOT
from serve_world import Served

CRONS = {
    '"30 2 * * *"': '"*/4 * * * * *"',
    '"15 * * * *"': '"*/3 * * * * *"',
    '"*/10 * * * *"': '"* * * * * *"',
}
"""What is due by night, each hour and each ten minutes, every few seconds."""


def take(served: Served, example: str) -> None:
    """Make the project of an example, in place of an empty one."""
    for path in sorted((ROOT / "examples" / example).rglob("*")):
        if path.is_file():
            target = served.folder / path.relative_to(ROOT / "examples" / example)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            target.chmod(path.stat().st_mode)


def replace(served: Served, file: str, old: str, new: str) -> None:
    path = served.folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_crontab_is_served(served: Served) -> None:
    take(served, "crontab")
    for file, cron in zip(("backup.hcl", "logs.hcl", "disk.hcl"), CRONS, strict=True):
        replace(served, file, cron, CRONS[cron])
    served.deploy()
    served.good("run", "playground")

    scheduler = served.serve()
    for name in ("backup", "logs", "disk[/]"):
        served.until(
            lambda: served.runs(name, states=("succeeded",)),  # noqa: B023 - called in the loop
            f"a run of {name}",
        )
    scheduler.term()

    assert scheduler.end() == 0
    data = served.store_folder / "data" / "crontab" / "local"
    (copy,) = (data / "backups").iterdir()
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT count(*) FROM visit").fetchone() == (1000,)
    assert (data / "logs" / "app.log.1.gz").exists()
    by_cause = {run.cause for run in served.runs() if run.workflow != "playground"}
    assert by_cause == {"schedule"}
    assert not served.runs(states=("failed",))


def test_the_weather_of_the_past_is_not_made_unasked(served: Served) -> None:
    take(served, "weather")
    served.deploy()
    soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()

    assert served.serve("--once-until", soon).end() == 0
    assert served.runs() == ()

    replace(served, "daily.hcl", '    end     = "2016-01-01"\n', "")
    served.commit()
    said = served.good("apply", "--auto-approve")
    before, _, _ = said.out.partition("✓")
    assert "no runs by itself" in before
    assert "cronicle backfill daily --from 2016-01-01 --to " in before
    soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    assert served.serve("--once-until", soon).end() == 0
    assert served.runs() == ()
