"""Who did what: each command either writes its acts into the audit log, or changes nothing that a person does."""

from __future__ import annotations

import getpass
import importlib
import json
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from acceptance_world import Shop

from cronicle.cli.app import COMMANDS, GROUPS

FILES = {
    "cronicle.hcl": 'project "weather" { }\n\nvariable "token" {\n  default   = ""\n  sensitive = true\n}\n',
    "daily.hcl": """
workflow "daily" {
  schedule {
    cron = "0 4 * * *"
  }
  task "extract" {
    command = ["sh", "extract.sh"]
  }
}
""",
    "extract.sh": "echo row\n",
}
BROKEN = FILES | {"extract.sh": "exit 1\n"}

ACTS: Mapping[str, Sequence[str]] = {
    "apply": ["bind", "deploy"],
    "rollback": ["rollback"],
    "run": ["run"],
    "retry": ["retry"],
    "backfill": ["backfill"],
    "cancel": ["cancel"],
    "resume": ["resume"],
    "mark": ["mark"],
    "accept": ["accept"],
    "shell": ["shell"],
    "reproduce": ["reproduce"],
    "trial": ["trial"],
    "bisect": ["bisect"],
    "pause": ["pause"],
    "unpause": ["unpause"],
    "environments end": ["end"],
    "db prune": ["prune"],
    "db backup": ["backup"],
    "db copy": ["copy"],
    "db upgrade": ["upgrade"],
}
"""Commands that do what the audit log tells of, and the acts that each does (`apply` binds the first time only)."""

READS = {
    *("init", "validate", "fmt", "console", "lsp", "graph"),  # files of the user; there is no store
    *(
        "plan",
        "deployments",
        "backfills",
        "status",
        "runs",
        "show",
        "logs",
        "explain",
        "next",
        "audit",
        "doctor",
    ),
    "wait",
    "stale",
    "diff",
    "environments",
    "notes",  # what it writes is in git, and so is who did
    "serve",  # what it makes is asked for by schedules; `serve --takeover` is a request, and on record as one
}
"""Commands that are nobody's act."""


def commands() -> set[str]:
    """Every command that there is, those of groups one by one."""
    found = {name for name in COMMANDS if name not in GROUPS}
    for name in GROUPS:
        app = importlib.import_module(COMMANDS[name][0]).app
        found |= {f"{name} {one.name or one.callback.__name__}" for one in app.registered_commands}
        found |= {name} if app.registered_callback is not None else set()  # which does something by itself
    return found


def test_every_command_is_known_to_write_its_acts_or_to_do_none() -> None:
    """A new command is to be put on one of the lists, and on the former with a step in the test below."""
    assert set(ACTS) & READS == set()
    assert set(ACTS) | READS == commands()


class Log:
    """The audit log as it grows."""

    def __init__(self, shop: Shop, store: Path) -> None:
        self._shop = shop
        self._store = store
        self._seen = 0

    def new(self) -> list[Any]:
        """What was written since this was asked for last, oldest first."""
        if not self._store.exists():
            return []
        lines = [json.loads(line) for line in self._shop.good("audit", "--jsonl", "--limit", "0").lines]
        new = [line for line in lines if line["sequence"] > self._seen]
        self._seen = max((line["sequence"] for line in lines), default=0)
        return new[::-1]


def test_each_act_is_in_the_log_with_who_where_what_and_how(shop: Shop, place: Path) -> None:
    store = shop.folder / ".cronicle"
    log = Log(shop, store)
    done: set[str] = set()

    def give(*words: str, code: int = 0, command: str | None = None) -> list[Any]:
        """Give a command; the acts that it has written, of which each is as it should be."""
        name = command or words[0]
        said = shop.cronicle(*words)
        assert said.code == code, (words, said)
        lines = log.new()
        assert [line["act"] for line in lines] == ACTS[name], (words, said)
        for line in lines:
            assert line["actor"]["user"] == getpass.getuser()
            assert line["actor"]["host"] == socket.gethostname()
            assert line["actor"]["command"].startswith(f"cronicle {words[0]}")
            if not name.startswith("db"):
                assert line["project"] == "weather"
        done.add(name)
        return lines

    shop.commit(FILES)
    bind, deploy = give("apply", "--auto-approve", "--var", "token=hunter2hunter2")
    assert (bind["subject"], deploy["subject"], deploy["environment"]) == ("weather", "deployment 1", "local")
    assert deploy["actor"]["command"] == "cronicle apply --auto-approve --var 'token=…'"
    (ran,) = give("run", "daily", "--time", "2026-01-01")
    assert (ran["workflow"], ran["environment"]) == ("daily", "local")

    shop.commit(BROKEN)
    assert shop.cronicle("apply", "--auto-approve").code == 0
    assert [line["act"] for line in log.new()] == ["deploy"]
    (accepted,) = give("accept", "daily/extract", "--reason", "the same row")
    assert (accepted["subject"], accepted["reason"]) == ("daily/extract", "the same row")
    number = shop.json("accept", "--list")[0]["id"]
    shop.good("accept", "--revoke", str(number), "--reason", "no, it is not")
    (revoked,) = log.new()
    assert (revoked["act"], revoked["subject"]) == ("revoke", "daily/extract")
    assert (revoked["reason"], revoked["detail"]) == ("no, it is not", f"acceptance {number}")
    give("run", "daily", "--time", "2026-01-02", code=1)
    failed = shop.json("runs", "daily", "--failed", "--limit", "1")[0]["id"]
    (retried,) = give("retry", failed, code=1)
    assert failed in retried["detail"]
    (opened,) = give("shell", f"{failed}/extract", "--", "true")
    assert (opened["subject"], opened["detail"], opened["workflow"]) == (failed, "extract", "daily")
    (marked,) = give("mark", failed, "--succeeded", "--reason", "done by hand")
    assert marked["reason"] == "done by hand"
    (again,) = give("reproduce", ran["subject"])
    assert again["workflow"] == "daily"
    give("trial", "daily", "--revision", "HEAD", "--last", "1", code=1)
    (back,) = give("rollback", "--auto-approve")
    assert back["detail"].endswith(", as deployment 1")

    give("pause", "daily", "--reason", "db upgrade", "--until", "2090-01-01")
    give("unpause", "daily")
    give("backfill", "daily", "--from", "2026-02-01", "--to", "2026-02-03")

    shop.good("run", "daily", "--time", "2026-03-01", "--detach")
    assert [line["act"] for line in log.new()] == ["run"]
    waiting = shop.json("runs", "daily", "--limit", "1")[0]["id"]
    (resumed,) = give("resume", waiting)
    assert (resumed["subject"], resumed["workflow"]) == (waiting, "daily")
    shop.good("run", "daily", "--time", "2026-03-02", "--detach")
    log.new()
    waiting = shop.json("runs", "daily", "--limit", "1")[0]["id"]
    (cancelled,) = give("cancel", waiting, "--reason", "wrong day")
    assert (cancelled["subject"], cancelled["reason"]) == (waiting, "wrong day")

    shop.good("apply", "--auto-approve", "-e", "staging")
    assert [line["act"] for line in log.new()] == ["deploy"]
    shop.good("apply", "--auto-approve", "-e", "production", "--from", "staging")
    (promoted,) = log.new()
    assert (promoted["act"], promoted["environment"]) == ("promote", "production")
    words = ("environments", "end", "staging", "--auto-approve", "--reason", "done with it")
    (ended,) = give(*words, command="environments end")
    assert (ended["environment"], ended["reason"]) == ("staging", "done with it")
    (backup,) = give("db", "backup", str(place / "copy.sqlite3"), command="db backup")
    assert backup["subject"] == str(place / "copy.sqlite3")

    # These need another backend, years, or an old store: test_acceptance_copy.py, test_cli_db.py. What `bisect`
    # makes are runs as those of `trial`.
    assert set(ACTS) - done == {"bisect", "db copy", "db prune", "db upgrade"}


@pytest.mark.parametrize(
    "words",
    [
        ("apply", "--auto-approve"),
        ("run", "nothing"),
        ("retry", "ABCDEFGHJK"),
        ("cancel", "ABCDEFGHJK"),
        ("resume", "ABCDEFGHJK"),
        ("mark", "ABCDEFGHJK", "--succeeded", "--reason", "why"),
        ("pause", "nothing"),
        ("unpause", "daily"),
        ("backfill", "nothing", "--from", "2026-01-01", "--to", "2026-01-02"),
        ("rollback", "--auto-approve"),
        ("rollback",),
        ("run", "daily", "--dry-run"),
        ("backfill", "daily", "--from", "2026-01-01", "--to", "2026-01-02", "--dry-run"),
        ("db", "prune", "--dry-run"),
        ("db", "prune"),
        ("db", "upgrade"),
    ],
    ids=" ".join,
)
def test_what_is_refused_or_changes_nothing_is_no_act(shop: Shop, words: tuple[str, ...]) -> None:
    shop.deploy(FILES)
    before = shop.json("audit")

    shop.cronicle(*words)

    assert shop.json("audit") == before


@pytest.mark.slow
def test_values_of_variables_and_passwords_stand_nowhere_in_the_log(shop: Shop) -> None:
    shop.commit(FILES)
    shop.good("apply", "--auto-approve", "--var=token=hunter2hunter2")
    shop.good("run", "daily", "--revision", "HEAD", "--var", "token=swordfish99", "--time", "2026-01-01")

    log = shop.good("audit", "--jsonl", "--limit", "0").out

    assert log.count("token=…") == 3
    assert "hunter2" not in log
    assert "swordfish" not in log
    assert "hunter2" not in shop.good("audit").out


@pytest.mark.slow
def test_an_interrupted_run_was_cancelled_by_whoever_has_interrupted_it(
    shop: Shop, start: Any, bell: Any
) -> None:
    shop.deploy(FILES | {"extract.sh": f"echo here > {bell.path}\nsleep 60\n"})
    under_way = start("run", "daily", "--time", "2026-01-01")
    bell.wait()
    under_way.interrupt()
    under_way.end()

    line = shop.json("audit", "--limit", "1")[0]

    assert (line["act"], line["reason"], line["workflow"]) == ("cancel", "interrupted", "daily")


@pytest.mark.slow
def test_a_person_reads_a_line_an_act_and_how_to_see_more(shop: Shop) -> None:
    shop.deploy(FILES)
    shop.good("pause", "daily", "--reason", "a \x1b[31mred\x1b[0m\nday")

    said = shop.good("audit", "--limit", "1")

    heading, line = said.lines
    assert heading.split() == ["WHEN", "WHO", "ACT", "WHERE", "TO", "WHAT", "WHY", "COMMAND"]
    for part in (f"{getpass.getuser()}@{socket.gethostname()}", "pause", "weather/local", "daily", "red"):
        assert part in line
    assert "\x1b" not in said.out
    more = said.err.strip().removeprefix("more: cronicle ")
    assert " deploy " in shop.good(*more.split()).lines[1]


@pytest.mark.slow
def test_the_log_is_narrowed_by_what_one_asks(shop: Shop) -> None:
    shop.deploy(FILES)
    run = shop.json("run", "daily", "--time", "2026-01-01")["id"]
    shop.good("pause", "daily")

    def acts(*words: str) -> list[str]:
        return [line["act"] for line in shop.json("audit", *words)]

    assert acts() == ["pause", "run", "deploy", "bind"]
    assert acts("daily") == ["pause", "run"]
    assert acts(run) == acts(run[:4]) == acts("daily@2026-01-01") == ["run"]
    assert acts("--act", "deploy") == ["deploy"]
    assert acts("--user", getpass.getuser()) == acts()
    assert acts("--user", f"{getpass.getuser()}@{socket.gethostname()}") == acts()
    assert acts("--user", "nobody") == acts("--from", "2090-01-01") == acts("--to", "2001-01-01") == []
    assert acts("-e", "production") == ["bind"]
    assert acts("nothing") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--limit", "0"), "cronicle audit --jsonl --limit 0"),
        (("--from", "yesterday"), "--from"),
        (("--from", "2026-02-01", "--to", "2026-01-01"), "is later than"),
    ],
)
def test_what_makes_no_sense_is_refused(shop: Shop, words: tuple[str, ...], said: str) -> None:
    shop.deploy(FILES)

    shop.cronicle("audit", *words).is_clear_error(said, code=64)
