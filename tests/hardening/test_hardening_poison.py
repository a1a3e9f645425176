"""A store in which one cell is damaged: the others go on, and the damaged one is said to be so."""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from hardening_world import Site

from cronicle.cli.app import run_command_line

FLOW = """
project "weather" {}
pool "db" {
  slots = 1
}
workflow "daily" {
  schedule {
    cron     = "0 0 * * *"
    timezone = "Europe/Vienna"
  }
  on_failure {
    command = ["true"]
  }
  task "a" {
    command = ["sh", "-c", "echo rows=3 > $CRONICLE_OUTPUT"]
    pool    = pool.db
  }
  task "b" {
    for_each = toset(["x", "y"])
    command  = ["echo", task.a.output.rows]
  }
}
workflow "bad" {
  task "f" {
    command = ["false"]
  }
}
"""

DAMAGE = {"a text": "char(27) || ']0;x'", "a number": str(1 << 62), "nothing": "NULL", "an empty text": "''"}
WHOLE_PROJECT = {"project", "deployment", "migration", "counter"}
"""Tables of which one row is what everything else in the project's folder hangs on."""

NEEDED = {("spec", "show"), ("spec", "explain"), ("backfill", "explain")}
"""What cannot be said of a run without a row of another table."""

ACTS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@pytest.fixture(scope="module")
def pristine() -> Iterator[Site]:
    """A project with a backfill, a run that succeeded and, last, one that failed."""
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="cronicle-hardening-", dir=parent) as made:
        site = Site.make(Path(made).resolve())
        site.deploy(FLOW)
        site.good("backfill", "daily", "--from", "2026-01-01", "--to", "2026-01-02")
        assert site.cronicle("run", "bad").code == 1
        database = apsw.Connection(str(site.store / "store.sqlite3"))
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        shutil.copy(site.store / "store.sqlite3", site.home / "pristine")
        yield site


def columns(site: Site) -> Iterator[tuple[str, str]]:
    database = apsw.Connection(str(site.home / "pristine"), flags=apsw.SQLITE_OPEN_READONLY)
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    for table in tables:
        if database.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchall():
            for row in database.execute(f"PRAGMA table_info({table})").fetchall():
                yield table, str(row[1])
    database.close()


def damaged(site: Site, table: str, column: str, value: str) -> bool:
    """Put the store back and damage the cell of the newest row; False where the schema itself prevents that."""
    path = site.store / "store.sqlite3"
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.copy(site.home / "pristine", path)
    database = apsw.Connection(str(path))
    try:
        database.execute("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF")
        for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        newest = f"(SELECT max(rowid) FROM {table})"
        database.execute(f'UPDATE {table} SET "{column}" = {value} WHERE rowid = {newest}')
    except apsw.Error:
        return False
    finally:
        database.close()
    return True


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cell_breaks_no_list_and_no_other_run(
    pristine: Site, monkeypatch: pytest.MonkeyPatch, capsys: Any, caplog: Any, damage: str
) -> None:
    caplog.set_level(logging.CRITICAL)
    monkeypatch.chdir(pristine.folder)
    for name, value in pristine.environ.items():
        monkeypatch.setenv(name, value)
    listed = pristine.runs() if damaged(pristine, "run", "reason", "reason") else []
    last, good = listed[0]["id"], listed[-1]["id"]
    assert [run["workflow"] for run in listed] == ["bad", "daily", "daily"]
    tried = 0

    for table, column in columns(pristine):
        if not damaged(pristine, table, column, DAMAGE[damage]):
            continue
        tried += 1
        for words in (["runs"], ["status"], ["show", good], ["explain", good], ["show", last], ["backfills"]):
            what = f"{words[0]} with {damage} in {table}.{column}"
            code = run_command_line(words)
            out, err = capsys.readouterr()
            assert code in (0, 1), what
            assert "internal error" not in err, (what, err)
            assert "Traceback" not in err, (what, err)
            assert not ACTS.search(out + err), what
            if code:
                assert err.count("error: ") == 1, (what, err)
                assert "\n\n" in err, (what, err)
            if table not in WHOLE_PROJECT and last not in words:
                assert code == 0 or (table, words[0]) in NEEDED, (what, err)
                assert words[0] not in {"runs", "show"} or code or good in out, what
    assert tried > 20
