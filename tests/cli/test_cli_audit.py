"""The listing of the audit log: page by page, however long it is, and harmless whatever stands in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cli_world import ANA, World

from cronicle.store.acts import AuditFilter, AuditRecord
from cronicle.store.records import Actor
from cronicle.views import audit as views


@pytest.fixture
def long(world: World) -> World:
    """A store with a log of some pages."""
    for number in range(2 * views.PAGE + 10):
        world.store.add_audit(ANA, world.now, "run", f"R{number}", project="weather", environment="local")
    return world


def test_all_of_it_comes_as_json_lines_newest_first(long: World, cronicle: Any) -> None:
    said = cronicle("audit", "--jsonl", "--limit", "0", "--act", "run")

    lines = [json.loads(line) for line in said.lines]
    assert [line["subject"] for line in lines] == [
        f"R{number}" for number in reversed(range(2 * views.PAGE + 10))
    ]
    assert list(lines[0]) == [
        *(
            "sequence",
            "at",
            "actor",
            "act",
            "project",
            "environment",
            "workflow",
            "subject",
            "detail",
            "reason",
        )
    ]
    assert lines[0]["actor"] == {"user": "ana", "host": "pluto", "command": ANA.command}


def test_no_more_than_a_page_is_in_memory(long: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    read = type(long.store).list_audit

    def counted(store: Any, wanted: Any = None, **options: Any) -> tuple[AuditRecord, ...]:
        found = read(store, wanted, **options)
        asked.append(len(found))
        return found

    monkeypatch.setattr(type(long.store), "list_audit", counted)
    lines = views.all_lines(long.store, AuditFilter(), None, None)

    next(lines)
    assert asked == [views.PAGE]
    assert sum(1 for _ in lines) > 2 * views.PAGE
    assert max(asked) == views.PAGE


def test_a_page_ends_with_the_command_for_the_next(long: World, cronicle: Any) -> None:
    first = cronicle("audit", "--limit", "3", "--act", "run", "--user", "ana@pluto")
    more = first.err.strip().removeprefix("more: cronicle ")

    second = cronicle(*more.split(), "--limit", "2", "--json")

    assert [line["subject"] for line in json.loads(second.out)] == [
        f"R{2 * views.PAGE + 6}",
        f"R{2 * views.PAGE + 5}",
    ]
    assert cronicle("audit", "--limit", "1", "--act", "bind").err == ""


POISON = "\x1b]8;;https://example.org\x07link\x1b]8;;\x07\r\n\u202eevil\t"


def test_nothing_in_it_acts_on_a_terminal(world: World, cronicle: Any) -> None:
    actor = Actor(user=f"mallory{POISON}", host="h", command=f"cronicle run {POISON}")
    world.store.add_audit(actor, world.now, "run", POISON, POISON, workflow=POISON, detail=POISON)

    for words in ((), ("--json",), ("--jsonl",), (POISON,)):
        said = cronicle("audit", *words)
        assert "https://example.org" in said.out
        for character in "\x1b\x07\r\u202e":
            assert character not in said.out
    assert len(cronicle("audit", "--act", "run").lines) == 2


def test_it_tells_of_the_project_with_all_environments_and_elsewhere_of_the_whole_store(
    world: World, cronicle: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.store.add_audit(ANA, world.now, "prune", "store")
    world.store.add_audit(ANA, world.now, "run", "R1", project="weather", environment="production")
    world.store.add_audit(ANA, world.now, "run", "R2", project="sales", environment="local")

    def subjects(*words: str) -> list[str]:
        return [line["subject"] for line in json.loads(cronicle("audit", "--json", *words).out)]

    assert subjects() == ["R1", "store", "weather"]
    assert subjects("-e", "local") == ["store", "weather"]
    monkeypatch.chdir(tmp_path)
    assert subjects("--store", str(world.folder)) == ["R2", "R1", "store", "weather"]
    assert cronicle("audit", "--store", str(world.folder), "--project", "nothing").code == 1


def test_where_nobody_did_anything_it_says_so(world: World, cronicle: Any) -> None:
    said = cronicle("audit", "--act", "accept")

    assert (said.code, said.out, said.err) == (0, "", "nobody did such a thing\n")
    assert cronicle("audit", "--act", "accept", "--json").out == "[]\n"
