"""Notes on commits: how their runs went, where git shows it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pygit2
import pytest
from acceptance_world import Shop
from deployed_world import PROJECT, bare_in, git, weather_in

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="no git here")


@pytest.fixture
def weather(shop: Shop) -> Shop:
    return weather_in(shop)


@pytest.fixture
def bare(place: Path) -> Path:
    return bare_in(place)


# Notes


def notes_of(shop: Shop, revision: str = "HEAD") -> str:
    return git(shop, "log", "-1", "--notes=cronicle", "--format=%N", revision).strip()


@needs_git
def test_git_log_shows_how_the_runs_of_each_commit_went(weather: Shop) -> None:
    first = weather.deploy({"say.sh": "echo one; test $1 = seattle\n"})
    weather.good("backfill", "w", "--from", "2026-01-01", "--to", "2026-01-03")
    second = weather.deploy({"say.sh": "exit 1\n"}, "Breaks it")
    failed = weather.cronicle("run", "w", "--time", "2026-01-02").run

    said = weather.good("notes").out

    assert "2 commits of weather with notes" in said
    user = weather.json("deployments")[0]["actor"]["user"]
    lines = notes_of(weather, first).splitlines()
    assert lines[0].startswith("weather/local: deployed 20")
    assert lines[0].endswith(f" UTC by {user} (deployment 1)")
    assert lines[1] == "weather/local w: 3 succeeded"
    assert notes_of(weather, second).splitlines()[1] == (
        f"weather/local w: 1 failed (last 2026-01-02 03:00, run {failed})"
    )


@pytest.mark.slow
@needs_git
def test_notes_are_the_same_when_written_twice_and_leave_those_of_others(weather: Shop) -> None:
    weather.good("apply", "--auto-approve")
    weather.good("notes")
    git(
        weather,
        *("-c", "user.name=Ben", "-c", "user.email=ben@example.org"),
        *("notes", "--ref=cronicle", "append", "-m", "Ben has looked at it"),
        "HEAD",
    )
    tip = git(weather, "rev-parse", "refs/notes/cronicle")

    said = weather.good("notes", "--json").json
    weather.good("apply", "-e", "staging", "--auto-approve")
    weather.good("notes")

    assert said["changed"] <= 1
    assert tip
    lines = [line for line in notes_of(weather).splitlines() if line]
    assert [line.partition(": ")[0] for line in lines] == [
        "weather/local",
        "weather/staging",
        "Ben has looked at it",
    ]
    assert weather.good("notes", "--json").json["changed"] == 0


@pytest.mark.slow
@needs_git
def test_notes_of_two_clones_are_merged(weather: Shop, bare: Path, place: Path) -> None:
    weather.store = place / "store"
    weather.good("apply", "--auto-approve")
    weather.good("notes", "--push", str(bare))
    pygit2.clone_repository(str(weather.folder), str(place / "elsewhere/weather"))
    other = Shop(place / "elsewhere/weather", weather.home, store=place / "other")
    other.good("apply", "-e", "elsewhere", "--auto-approve")
    other.good("notes")

    other.good("notes", "--push", str(bare))
    weather.good("notes", "--push", str(bare))

    lines = [line.partition(": ")[0] for line in notes_of(weather).splitlines() if line]
    assert sorted(lines) == ["weather/elsewhere", "weather/local"]
    assert other.good("notes", "--push", str(bare), "--json").json["changed"] == 0


@pytest.mark.slow
@needs_git
def test_apply_writes_notes_where_the_project_wants_them(weather: Shop) -> None:
    wish = 'project "weather" {\n  git {\n    notes = true\n  }\n}\n'
    weather.deploy({"cronicle.hcl": wish + PROJECT})

    assert notes_of(weather).startswith("weather/local: deployed ")
