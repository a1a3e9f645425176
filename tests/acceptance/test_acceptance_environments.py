"""Environments: promoted from one to another, gone back, ended, and lasting for some time only."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import attrs
import pygit2
import pytest
from acceptance_world import Shop
from deployed_world import PROJECT, audit, forget, message, weather_in

from cronicle.store.location import open_store


@pytest.fixture
def weather(shop: Shop) -> Shop:
    return weather_in(shop)


# Promoting


def test_what_another_environment_runs_is_promoted_with_the_values_of_this_one(
    weather: Shop, place: Path
) -> None:
    weather.commit({"production.vars.hcl": 'station = "portland"\n'})
    weather.good("apply", "-e", "staging", "--auto-approve")
    revision = weather.json("deployments", "-e", "staging")[0]["revision"]
    weather.commit({"say.sh": "echo later\n"}, "Not to be promoted")
    weather.write({"say.sh": "echo half done\n"})  # and what lies in the working directory is of no concern

    said = weather.good("apply", "-e", "production", "--from", "staging", "--auto-approve")

    assert "+ workflow w" in said.out
    made = weather.json("deployments", "-e", "production")[0]
    assert made["revision"] == revision
    assert made["promoted_from"] == {"environment": "staging", "number": 1}
    assert message(weather, "production").startswith("Promote from staging: weather/production at ")
    assert "Cronicle-Promoted-From: staging 1\n" in message(weather, "production")
    weather.good("run", "w", "-e", "production", "--off-schedule", "--time", "2026-01-01T00:00:00Z")
    assert weather.good("logs", "w@latest/t", "-e", "production").out == "one portland\n"
    [promoted] = [one for one in audit(weather) if one["act"] == "promote"]
    assert promoted["environment"] == "production"
    assert promoted["detail"].endswith(" from staging, deployment 1")
    said = weather.good("apply", "-e", "production", "--from", "staging", "--auto-approve")
    assert said.lines[-1] == "Nothing to change: this is what is deployed."


def test_sources_are_promoted_at_the_pins_that_the_other_has(shop: Shop, place: Path) -> None:
    (place / "lib").mkdir()
    lib = Shop(place / "lib", shop.home).init()
    lib.commit({"say.sh": "echo one\n"})
    shop.commit(
        {
            "cronicle.hcl": 'source "lib" {\n git = "../lib"\n}\nworkflow "w" {\n task "t" {\n'
            '  source = source.lib\n  command = ["sh", "say.sh"]\n }\n}\n'
        }
    )
    shop.good("apply", "-e", "staging", "--auto-approve")
    lib.commit({"say.sh": "echo two\n"})

    shop.good("apply", "-e", "production", "--from", "staging", "--auto-approve")

    pins = [shop.json("deployments", "-e", name)[0]["sources"] for name in ("staging", "production")]
    assert pins[0] == pins[1]


def test_a_revision_that_the_clone_has_lost_is_promoted_from_the_mirror(weather: Shop) -> None:
    assert weather.repository is not None
    first = weather.repository.head.target
    second = weather.commit({"say.sh": "echo two\n"}, "Second")
    weather.good("apply", "-e", "staging", "--auto-approve")
    weather.repository.reset(first, pygit2.enums.ResetMode.HARD)
    forget(weather, second)

    said = weather.good("apply", "-e", "production", "--from", "staging", "--auto-approve")

    assert "warning" not in said.err
    assert weather.json("deployments", "-e", "production")[0]["revision"] == second


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (("--from", "staging"), 1, "nothing has been deployed to"),
        (("--from", "local"), 64, "is the environment that is deployed to"),
        (("--from", "staging", "--revision", "HEAD"), 64, "--from and --revision exclude each other"),
    ],
)
def test_what_cannot_be_promoted_is_told_so(
    weather: Shop, words: tuple[str, ...], code: int, part: str
) -> None:
    weather.good("apply", "--auto-approve")

    weather.cronicle("apply", "--auto-approve", *words).is_clear_error(part, code=code)


@pytest.mark.slow
def test_an_environment_that_has_ended_has_nothing_to_promote(weather: Shop) -> None:
    weather.good("apply", "-e", "staging", "--auto-approve")
    weather.good("environments", "end", "staging", "--auto-approve")

    said = weather.cronicle("apply", "-e", "production", "--from", "staging", "--auto-approve")

    said.is_clear_error("nothing is deployed to weather/staging")


# Going back


@pytest.mark.slow
def test_rollback_shows_what_changes_back(weather: Shop) -> None:
    weather.good("apply", "--auto-approve")
    weather.deploy({"say.sh": "echo two $1\n"}, "Second")

    asked = weather.cronicle("rollback")
    assert asked.code == 1
    assert "weather/local 2 → 1   " in asked.out
    assert "say.sh   changed: 1 line" in asked.out
    assert "no terminal to ask for approval" in asked.err
    assert len(weather.json("deployments")) == 2

    said = weather.good("rollback", "--auto-approve").out
    assert "as deployment 3, which repeats 1" in said
    assert "say.sh   changed: 1 line" in message(weather)


@pytest.mark.slow
def test_rollback_takes_renames_back(weather: Shop) -> None:
    weather.good("apply", "--auto-approve")
    renamed = PROJECT.replace('workflow "w"', 'workflow "v"')
    weather.deploy({"cronicle.hcl": renamed + "moved {\n  from = workflow.w\n  to = workflow.v\n}\n"})

    said = weather.good("rollback", "--auto-approve").out

    assert "~ workflow w   (was v: its history stays)" in said


@pytest.mark.slow
def test_rollback_keeps_what_was_promoted_and_until_when(weather: Shop) -> None:
    weather.good("apply", "-e", "staging", "--auto-approve")
    weather.good("apply", "--from", "staging", "--ttl", "2d", "--auto-approve")
    weather.deploy({"say.sh": "echo two $1\n"})

    made = weather.good("rollback", "--auto-approve", "--json").json

    assert made["promoted_from"] == {"environment": "staging", "number": 1}
    assert made["expires_at"] == weather.json("deployments")[-1]["expires_at"] or made["expires_at"]


# Environments


@pytest.mark.slow
def test_environments_are_listed_with_what_they_run(weather: Shop) -> None:
    weather.good("apply", "--auto-approve")
    weather.good("apply", "-e", "staging", "--ttl", "7d", "--auto-approve")
    weather.good("pause", "--all", "-e", "staging", "--reason", "quiet")

    lines = weather.good("environments").lines
    found = {one["environment"]: one for one in weather.json("environments")}

    assert lines[0].split()[:4] == ["ENVIRONMENT", "STATE", "REVISION", "SINCE"]
    assert lines[1].split()[:2] == ["local", "active"]
    assert lines[1].endswith("the default")
    assert lines[2].split()[:2] == ["staging", "paused"]
    assert "in 7 days" in lines[2] or "in 6 days" in lines[2]
    assert (found["local"]["state"], found["staging"]["state"]) == ("active", "paused")
    assert found["local"]["expires_at"] is None
    assert found["staging"]["workflows"] == ["w"]
    assert [one["environment"] for one in weather.json("environments", "-e", "staging")] == ["staging"]


@pytest.mark.slow
def test_an_environment_is_ended_and_everything_copes_with_that(weather: Shop) -> None:
    weather.good("apply", "-e", "staging", "--auto-approve")
    weather.good("run", "w", "-e", "staging", "--off-schedule", "--time", "2026-01-01T00:00:00Z")
    asked = weather.cronicle("environments", "end", "staging")
    assert "no terminal to ask for approval" in asked.err

    said = weather.good("environments", "end", "staging", "--reason", "done", "--auto-approve")

    assert "✓ ended weather/staging; its history and data stay" in said.out
    assert weather.cronicle("environments").out == ""
    assert weather.json("environments", "--all")[0]["state"] == "ended"
    assert ("end", "staging", "done") in [
        (one["act"], one["environment"], one["reason"]) for one in audit(weather)
    ]
    for words in (
        ("run", "w"),
        ("next", "w"),
        ("backfill", "w", "--from", "2026-01-01", "--to", "2026-01-02"),
    ):
        weather.cronicle(*words, "-e", "staging").is_clear_error("nothing is deployed to weather/staging")
    weather.cronicle("environments", "end", "staging", "--auto-approve").is_clear_error("nothing is deployed")
    assert len(weather.json("runs", "w", "-e", "staging")) == 1
    assert weather.good("show", "w@latest", "-e", "staging").out
    assert "was ended" in weather.good("status", "-e", "staging").out
    assert weather.json("status", "-e", "staging")["workflows"] == []
    assert weather.cronicle("doctor", "-e", "staging").code == 0
    plan = weather.good("plan", "-e", "staging").out
    assert "ended " in plan.splitlines()[0]
    assert "+ workflow w" in plan
    weather.good("serve", "-e", "staging", "--once-until", "2026-01-01T00:00:00Z")


@pytest.mark.slow
def test_a_new_deployment_begins_anew_and_rollback_brings_back_what_was(weather: Shop) -> None:
    weather.good("apply", "-e", "staging", "--auto-approve", "--var", "station=portland")
    weather.good("environments", "end", "staging", "--auto-approve")
    back = weather.good("rollback", "-e", "staging", "--auto-approve").out
    assert "staging 2 → 1   ended" in back
    assert weather.json("deployments", "show", "staging")["values"] == {"station": "portland"}

    weather.good("environments", "end", "staging", "--auto-approve")
    anew = weather.good("apply", "-e", "staging", "--auto-approve").out
    assert "1 to add, 0 to change, 0 to remove." in anew
    assert weather.json("deployments", "show", "staging")["values"] == {"station": "seattle"}


@pytest.mark.slow
def test_the_end_of_an_environment_is_kept_until_somebody_says_otherwise(weather: Shop) -> None:
    weather.good("apply", "--ttl", "7d", "--auto-approve")
    first = weather.json("deployments")[0]["expires_at"]
    assert first is not None
    assert "ends in " in weather.good("status").out
    assert "(apply --ttl says otherwise)" in weather.good("plan").out

    weather.deploy({"say.sh": "echo two\n"})
    assert weather.json("deployments")[0]["expires_at"] == first
    weather.good("apply", "--ttl", "never", "--auto-approve")
    assert weather.json("deployments")[0]["expires_at"] is None
    assert len(weather.json("deployments")) == 3


@pytest.mark.slow
@pytest.mark.parametrize("ttl", ["soon", "0s", "-1d", "999999999d"])
def test_a_time_to_live_that_is_none_is_told_so(weather: Shop, ttl: str) -> None:
    weather.cronicle("apply", f"--ttl={ttl}", "--auto-approve").is_clear_error("--ttl", code=64)


@pytest.mark.slow
def test_a_time_that_has_come_is_said_where_nobody_serves(weather: Shop) -> None:
    weather.good("apply", "--ttl", "7d", "--auto-approve")
    with closing(open_store(str(weather.folder / ".cronicle"), create=False)) as store:
        last = store.find_deployment("weather", "local")
        assert last is not None
        past = attrs.evolve(
            last, expires_at=last.created_at + timedelta.resolution
        )  # as if a week had passed
        assert store.add_deployment(past, based_on=last.number)
    assert weather.json("environments")[0]["state"] == "expired"
    assert "cronicle environments end local" in weather.good("status").out
    weather.deploy({"say.sh": "echo two\n"})
    assert weather.json("environments")[0]["state"] == "active"
