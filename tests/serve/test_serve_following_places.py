"""Where a process that follows is started, with which values, and what it refuses to deploy."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from pathlib import Path

import pygit2
import pytest
from following_world import EVERY, FILES, HOOK, FollowingClone, Team, version
from serve_world import workflow

VARIABLE = 'variable "greeting" {\n  default = "hello"\n}\n'
GREETS = workflow("w", "echo ${shellquote(var.greeting)} >> $CRONICLE_DATA/greetings")


@pytest.fixture
def team(place: Path) -> Team:
    (place / "home").mkdir()
    return Team(place)


@pytest.fixture
def served(place: Path, team: Team):
    team.push(FILES)
    world = FollowingClone(place, team)
    yield world
    world.close()


def test_a_fresh_clone_needs_nothing_but_to_be_followed(served: FollowingClone, team: Team) -> None:
    scheduler = served.follow()
    scheduler.says("as deployment 1.")
    served.until_looked(2)

    second = team.push(version(2))
    served.until_deployed(second)

    ref = served.repository.references["refs/cronicle/deployments/shop/local"].peel()
    assert str(ref.parents[-1].id) == second


def test_what_is_wrong_before_the_first_deployment_is_told_once(served: FollowingClone, team: Team) -> None:
    team.push({"w.hcl": "workflow {"})
    scheduler = served.follow()
    scheduler.says("cannot be deployed, its files have errors")
    team.hide()
    scheduler.says("it is out of reach")
    team.show()
    scheduler.says("can be followed again")
    team.push(FILES)

    scheduler.says("as deployment 1.")
    assert scheduler.count("cannot be deployed") == 1


@pytest.mark.slow
def test_it_may_be_started_elsewhere_if_the_project_is_named(
    place: Path, served: FollowingClone, team: Team
) -> None:
    served.store = place / "store"
    served.good("apply", "--auto-approve")
    served.follow("--project", "shop", cwd=place)

    second = team.push(version(2))
    served.until_deployed(second)

    assert "refs/cronicle/deployments/shop/local" in served.repository.references


@pytest.mark.slow
def test_it_may_be_started_in_a_bare_clone(place: Path, served: FollowingClone, team: Team) -> None:
    served.store = place / "store"
    served.good("apply", "--auto-approve")
    served.folder.rename(place / "gone")
    bare = team.clone(place / "bare.git", bare=True)
    served.follow("--project", "shop", cwd=place / "bare.git")

    second = team.push(version(2))
    served.until_deployed(second)

    ref = bare.references["refs/cronicle/deployments/shop/local"].peel()
    assert str(ref.parents[-1].id) == second


@pytest.mark.slow
def test_variables_have_the_values_that_apply_would_give_them(served: FollowingClone, team: Team) -> None:
    team.push({"v.hcl": VARIABLE, "w.hcl": GREETS})
    scheduler = served.follow("--var", "greeting=servus")
    greetings = served.data / "greetings"
    served.until(lambda: greetings.exists() and "servus" in greetings.read_text(), "a greeting")
    scheduler.kill()

    served.follow(CRONICLE_VAR_greeting="moin")
    team.push({"w.hcl": f"{GREETS}\n# changed\n"})
    served.until(lambda: "moin" in greetings.read_text(), "another greeting")

    (deployment,) = served.reading(lambda store: store.list_deployments("shop", limit=1))
    assert deployment.values == {"greeting": "moin"}
    assert deployment.actor.command.startswith("cronicle serve --follow origin/main")
    first = served.reading(lambda store: store.find_deployment("shop", "local", 1))
    assert "servus" not in first.actor.command


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cronicle.hcl": 'project "other" { }\n'}, "its project is called 'other', and 'shop' follows"),
        (
            {"cronicle.hcl": 'project "shop" {\n  required_version = "< 0.0.1"\n}\n'},
            "the project needs < 0.0.1",
        ),
        ({"v.hcl": 'variable "needed" {\n}\nlocals { a = var.needed }\n'}, "needed"),
    ],
)
def test_what_may_not_be_deployed_here_is_not(
    served: FollowingClone, team: Team, change: dict[str, str], said: str
) -> None:
    scheduler = served.follow()
    scheduler.says("as deployment 1.")
    before = served.deployed()
    team.push(change)

    scheduler.says(said)
    served.until_looked()
    assert served.deployed() == before
    assert served.reading(lambda store: [one.name for one in store.list_projects()]) == ["shop"]


@pytest.mark.slow
def test_a_commit_without_the_projects_files_removes_no_workflow(served: FollowingClone, team: Team) -> None:
    scheduler = served.follow()
    scheduler.says("as deployment 1.")
    team.push({"README": "moved elsewhere"})
    scheduler.says("as deployment 2.")
    team.remove("cronicle.hcl", "w.hcl")

    scheduler.says("has no .hcl file of the project (any more)")
    served.until_looked()
    assert len(served.deployed()) == 2


@pytest.mark.slow
def test_another_history_is_another_project(served: FollowingClone, team: Team, place: Path) -> None:
    scheduler = served.follow()
    scheduler.says("as deployment 1.")
    team.git.references.delete("refs/heads/main")
    team.push(version(7), "From nothing")

    scheduler.says("begins with another commit than that of shop")
    served.until_looked()
    assert len(served.deployed()) == 1


@pytest.mark.slow
def test_a_project_in_a_folder_is_followed_there(place: Path, team: Team) -> None:
    team.push({"jobs/cronicle.hcl": HOOK, "jobs/w.hcl": workflow("w"), "README": "x"})
    served = FollowingClone(place, team)
    served.store = place / "store"
    try:
        scheduler = served.follow(cwd=served.folder / "jobs")
        scheduler.says("as deployment 1.")
        served.until_looked(1)
        team.remove("jobs")
        scheduler.says("has no folder 'jobs' with files of the project (any more)")
        served.until_looked()
        assert len(served.deployed()) == 1
    finally:
        served.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--follow", "main"], ["'main' names no remote", "--follow origin/main"]),
        (["--follow", "upstream/main"], ["names no remote", "origin"]),
        (["--follow-every", "5s"], ["--follow-every", "--follow origin/main"]),
        (["--var", "a=b"], ["--var", "--follow origin/main"]),
        (["--follow", "origin/main", "--follow-every", "soon"], ["--follow-every"]),
        (["--follow", "origin/main", "--follow-every", "0s"], ["--follow-every"]),
        (["--follow", "origin/main", "-e", "a", "-e", "b"], ["one environment"]),
        (["--follow", "origin/main", "--dry-run"], ["--dry-run"]),
    ],
)
def test_what_cannot_be_followed_is_told_at_once(
    served: FollowingClone, words: list[str], parts: list[str]
) -> None:
    served.cronicle("serve", *words).is_clear_error(*parts, code=64)


@pytest.mark.slow
def test_outside_of_a_clone_the_project_has_to_be_named(place: Path, served: FollowingClone) -> None:
    served.store = place / "store"
    served.good("apply", "--auto-approve")

    served.cronicle("serve", *EVERY, cwd=place).is_clear_error("no clone of a project", "--project NAME")
    served.folder.rename(place / "gone")
    said = served.cronicle("serve", *EVERY, "--project", "shop", cwd=place)
    said.is_clear_error("there is no clone of shop", str(served.folder))


@pytest.mark.slow
def test_the_hook_has_secrets_and_what_it_prints_is_logged_without_them(
    served: FollowingClone, team: Team
) -> None:
    script = 'printf %s \\"$TOKEN\\" > \\"$CRONICLE_DATA/token\\"; echo with $TOKEN >&2; exit 3'
    hook = f'on_deploy_failed {{\n    script = "{script}"\n    env    = {{ TOKEN = secret.token }}\n  }}'
    secret = 'secret "token" {\n  env = "SHOP_TOKEN"\n}\n'
    team.push({"cronicle.hcl": f'project "shop" {{\n  {hook}\n}}\n{secret}'})
    scheduler = served.follow(SHOP_TOKEN="swordfish")
    scheduler.says("as deployment 1.")
    team.push({"w.hcl": "workflow {"})

    assert "exit code 3" in scheduler.says("Hook on_deploy_failed of shop/local")
    assert "with " in scheduler.says("Hook on_deploy_failed of shop/local: ")
    assert (served.data / "token").read_text() == "swordfish"
    assert "swordfish" not in scheduler.log
    served.until(lambda: served.followed().problems[0].told, "all were told")


@pytest.mark.slow
def test_what_the_message_of_a_pushed_commit_accepts_is_accepted(served: FollowingClone, team: Team) -> None:
    scheduler = served.follow()
    scheduler.says("as deployment 1.")
    served.until_looked(1)
    second = team.push(version(2), "The same in other words\n\nCronicle-Accept: w/a it does the same\n")
    served.until_deployed(second)

    (accepted,) = served.json("accept", "--list")
    assert accepted["reason"].startswith("it does the same")


@pytest.mark.slow
def test_a_project_that_calls_its_default_environment_otherwise_is_followed_there(
    served: FollowingClone, team: Team
) -> None:
    scheduler = served.follow()
    scheduler.says("as deployment 1.")
    served.until_looked(1)

    team.push({"cronicle.hcl": 'project "shop" {\n  default_environment = "production"\n}\n'})
    scheduler.says("as deployment 1.")
    served.until(lambda: served.runs("w", environment="production", states=("succeeded",)), "a run there")

    (followed,) = served.reading(lambda store: store.list_followed())
    assert (followed.environment, followed.problems) == ("production", ())
    assert "follows origin/main: at " in served.good("status").out
    served.until(lambda: not served.runs("w", environment="local", states=("running",)), "the others end")


@pytest.mark.slow
def test_an_environment_that_is_named_is_followed_and_no_other(served: FollowingClone, team: Team) -> None:
    team.push({"production.vars.hcl": 'greeting = "servus"\n', "v.hcl": VARIABLE, "w.hcl": GREETS})
    scheduler = served.follow("-e", "production")
    scheduler.says("as deployment 1.")
    served.until(lambda: served.runs("w", environment="production", states=("succeeded",)), "a run")

    assert served.reading(lambda store: [one[:2] for one in store.list_environments()]) == [
        ("shop", "production")
    ]
    greetings = served.store_folder / "data/shop/production/greetings"
    assert set(greetings.read_text().split()) == {"servus"}
    assert "follows origin/main" in served.good("status", "-e", "production").out


@pytest.mark.slow
def test_a_server_that_says_nothing_delays_neither_ticks_nor_the_end(served: FollowingClone) -> None:
    served.good("apply", "--auto-approve")
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/shop"
        served.repository.remotes.set_url("origin", url)
        scheduler = served.follow()
        connection, _ = silent.accept()  # it has asked, and waits for half a minute
        with closing(connection):
            served.until_looked(3)
            begun = time.monotonic()
            scheduler.term()

            assert scheduler.end() == 0
            assert time.monotonic() - begun < 20

    assert {run.state for run in served.runs("w") if run.ended_at} == {"succeeded"}
    assert scheduler.count("out of reach") == 0


@pytest.mark.slow
def test_a_project_that_wants_its_deployments_pushed_gets_that(served: FollowingClone, team: Team) -> None:
    team.push({"cronicle.hcl": 'project "shop" {\n  git {\n    push = true\n  }\n}\n'})
    served.follow()
    second = team.push(version(2))
    served.until_deployed(second)

    pushed = pygit2.Repository(str(team.origin)).references["refs/cronicle/deployments/shop/local"].peel()
    assert str(pushed.parents[-1].id) == second
