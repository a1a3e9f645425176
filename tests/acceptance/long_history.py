"""A long history made by a script, with one bad change planted in it, and nothing checked out on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pygit2
from acceptance_world import Shop

PROJECT = """
project "weather" { }

variable "limit" {
  type    = string
  default = "10"
}

workflow "daily" {
  schedule {
    cron = "0 4 * * *"
  }
  task "extract" {
    command  = ["sh", "extract.sh"]
    produces = ["rows.txt"]
  }
  task "check" {
    command = ["sh", "check.sh", task.extract.output.rows, var.limit]
    inputs  = ["check.sh", "limits.txt"]
  }
  task "report" {
    command    = ["python3", "report.py"]
    depends_on = [task.check]
  }
}
"""

FIRST = {
    "cronicle.hcl": PROJECT,
    "extract.sh": 'echo 3 > "$CRONICLE_DATA/rows.txt"\necho rows=3 >> "$CRONICLE_OUTPUT"\n',
    "check.sh": """
set -eu
most=$(cat limits.txt)
test "$1" -lt "$most"
test "$2" -gt 0
echo ok >> "$CRONICLE_DATA/done"
""",
    "limits.txt": "100\n",
    "report.py": "import rules\n\nprint(rules.TITLE)\n",
    "rules.py": 'TITLE = "a report"\n',
    "notes.txt": "",
}

PLANTS: Mapping[str, tuple[str, str, str, tuple[str, ...]]] = {
    "script": ("check.sh", 'test "$2" -gt 0', "exit 3", ("check",)),
    "upstream": ("extract.sh", "rows=3", "rows=300", ("check",)),
    "inputs": ("limits.txt", "100", "2", ("check",)),
    "module": ("rules.py", 'TITLE = "a report"', "TITEL = 1", ("report",)),
    "variable": ("cronicle.hcl", 'default = "10"', 'default = "0"', ("check",)),
}
"""The file, what is put in place of what, and the tasks that fail then."""

BUSY = "extract.sh", "check.sh", "rules.py"
"""Files to which every commit of a busy history adds a comment: no two commits do the same."""


@attrs.define
class LongHistory:
    """Commits on `main` of a shop, each on top of others."""

    repository: pygit2.Repository
    commits: list[str] = attrs.field(factory=list)

    def commit(self, files: Mapping[str, str], parents: Iterable[str], message: str) -> str:
        """A commit with exactly these files."""
        builder = self.repository.TreeBuilder()
        for name, text in files.items():
            builder.insert(name, self.repository.create_blob(text.encode()), 0o100644)
        made = len(self.commits)
        who = pygit2.Signature("Ana", "ana@example.org", 1_700_000_000 + made * 3600, 0)
        commit = self.repository.create_commit(
            None, who, who, message, builder.write(), [pygit2.Oid(hex=one) for one in parents]
        )
        self.commits.append(str(commit))
        return str(commit)

    def check_out(self, commit: str) -> None:
        """Make `main` point there, with its files in the working directory."""
        self.repository.references.create("refs/heads/main", pygit2.Oid(hex=commit), force=True)
        self.repository.checkout("refs/heads/main", strategy=pygit2.enums.CheckoutStrategy.FORCE)


def changed(files: Mapping[str, str], number: int, *, busy: bool) -> dict[str, str]:
    """The files after one more harmless commit."""
    new = {**files, "notes.txt": files["notes.txt"] + f"{number}\n"}
    if busy or number % 20 == 0:
        name = BUSY[number % len(BUSY)]
        new[name] = files[name] + f"# {number}\n"
    return new


def planted(files: Mapping[str, str], plant: str) -> dict[str, str]:
    """The files with the bad change."""
    name, old, new, _ = PLANTS[plant]
    assert old in files[name]
    return {**files, name: files[name].replace(old, new)}


def write_line(shop: Shop, plant: str, *, length: int, at: int, busy: bool) -> tuple[LongHistory, str]:
    """A history in a line; and the bad commit in it."""
    assert shop.repository is not None
    history = LongHistory(shop.repository)
    files: Mapping[str, str] = FIRST
    tip = history.commit(files, [], "The first")
    for number in range(1, length):
        files = changed(files, number, busy=busy)
        if number == at:
            files = planted(files, plant)
        tip = history.commit(files, [tip], f"Change {number}")
    history.check_out(tip)
    return history, history.commits[at]


def write_merged(shop: Shop, plant: str, *, length: int) -> tuple[LongHistory, str]:
    """A history with side branches, of which each is merged; the bad change is in one of them."""
    assert shop.repository is not None
    history = LongHistory(shop.repository)
    files: dict[str, str] = dict(FIRST)
    tip = history.commit(files, [], "The first")
    bad = ""
    is_planted = False
    while len(history.commits) < length:
        start, side = tip, dict(files)
        for number in range(8):
            files = {**files, "notes.txt": files["notes.txt"] + f"main {number}\n"}
            tip = history.commit(files, [tip], f"On main {number}")
        branch = start
        name = f"side-{len(history.commits)}.txt"
        for number in range(8):
            side = {**side, name: f"{number}\n", "rules.py": side["rules.py"] + f"# {number} of {name}\n"}
            plants_here = not is_planted and len(history.commits) > length * 2 // 3 and number == 5
            if plants_here:
                side, is_planted = planted(side, plant), True
            branch = history.commit(side, [branch], f"On a side branch {number}")
            bad = branch if plants_here else bad
        merged = {**files, name: side[name]}
        for file in ("rules.py", PLANTS[plant][0]):
            merged[file] = side[file]
        files = merged
        tip = history.commit(files, [tip, branch], f"Merge {name}")
    history.check_out(tip)
    return history, bad


def production(shop: Shop) -> tuple[dict[str, tuple[bytes, int]], Any]:
    """All that production has: its data to the byte, and its history."""
    folder = shop.folder / ".cronicle" / "data"
    data = {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    runs = [run for run in shop.json("runs", "--limit", "10000") if run["experiment"] is None]
    return data, [shop.show(run["id"]) for run in runs]


def shadow(path: Path) -> set[Path]:
    """The isolated data folders of a shop."""
    return set((path / ".cronicle" / "isolated").iterdir())
