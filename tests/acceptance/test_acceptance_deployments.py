"""Deployments as git shows them, and pushed from there; any two compared."""

from __future__ import annotations

import shutil
from pathlib import Path

import pygit2
import pytest
from acceptance_world import Shop
from deployed_world import PROJECT, REF, audit, bare_in, git, message, shown, weather_in

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="no git here")


@pytest.fixture
def weather(shop: Shop) -> Shop:
    return weather_in(shop)


@pytest.fixture
def bare(place: Path) -> Path:
    return bare_in(place)


# What git shows


def test_the_commit_of_a_deployment_has_its_plan_in_the_message(weather: Shop) -> None:
    weather.good("apply", "--auto-approve")
    weather.deploy({"say.sh": "echo two $1\n"}, "Second")

    said = message(weather)

    subject, _, rest = said.partition("\n\n")
    assert subject.startswith("Deploy: weather/local at ")
    assert "~ workflow w" in rest
    assert " ago" not in said  # it is read years later
    assert "say.sh   changed: 1 line   (inferred input" in rest
    assert "0 to add, 1 to change, 0 to remove." in rest
    assert rest.splitlines()[-2].startswith("Cronicle-Deployment: 2")
    assert "\033" not in said


def test_what_is_sensitive_stands_in_no_commit(shop: Shop) -> None:
    files = {
        "cronicle.hcl": 'variable "key" {\n sensitive = true\n}\nworkflow "w" {\n task "t" {\n'
        '  command = ["echo"]\n  env = { KEY = var.key }\n }\n}\n'
    }
    shop.commit(files)
    shop.good("apply", "--auto-approve", "--var", "key=canary-one")
    shop.good("apply", "--auto-approve", "--var", "key=canary-two")
    assert shop.repository is not None

    commit: pygit2.Commit | None = shown(shop.repository)
    while commit is not None:
        assert "canary" not in commit.message
        commit = commit.parents[0] if len(commit.parents) == 2 else None


def test_a_plan_of_thousands_of_lines_is_cut(shop: Shop) -> None:
    many = "\n".join(f'workflow "w{n}" {{\n task "t" {{\n  command = ["true"]\n }}\n}}' for n in range(150))
    shop.commit({"cronicle.hcl": many})
    shop.good("apply", "--auto-approve")

    lines = message(shop).splitlines()

    assert len(lines) < 220
    assert any(line.startswith("… ") and line.endswith(" further lines") for line in lines)


@needs_git
def test_git_log_is_the_list_of_deployments(weather: Shop) -> None:
    weather.good("apply", "--auto-approve")
    weather.deploy({"say.sh": "echo two\n"}, "Second")
    weather.good("rollback", "--auto-approve")

    subjects = git(weather, "log", "--first-parent", "-3", "--format=%s", REF).splitlines()
    trailers = git(weather, "log", "-1", "--format=%(trailers:key=Cronicle-Deployment,valueonly)", REF)

    assert [one.partition(" at ")[0] for one in subjects] == [
        "Roll back to deployment 1: weather/local",
        "Deploy: weather/local",
        "Deploy: weather/local",
    ]
    assert trailers.strip() == "3"


@pytest.mark.slow
def test_a_ref_that_is_gone_is_written_again_as_a_whole(weather: Shop) -> None:
    weather.good("apply", "--auto-approve")
    weather.deploy({"say.sh": "echo two\n"}, "Second")
    assert weather.repository is not None
    weather.repository.references.delete(REF)
    weather.deploy({"say.sh": "echo three\n"}, "Third")

    third = shown(weather.repository)
    second = third.parents[0]

    assert "Cronicle-Deployment: 3" in third.message
    assert "Cronicle-Deployment: 2" in second.message
    assert "~ task t: say.sh" in second.message
    assert "Cronicle-Deployment: 1" in second.parents[0].message


# Pushing


@pytest.mark.slow
def test_apply_pushes_what_git_shows(weather: Shop, bare: Path) -> None:
    assert weather.repository is not None
    weather.repository.remotes.create("origin", str(bare))

    said = weather.good("apply", "--auto-approve", "--push", "origin")

    assert "pushed to origin" in said.out
    assert shown(pygit2.Repository(str(bare))).id == shown(weather.repository).id
    weather.commit({"say.sh": "echo two\n"})
    made = weather.good("apply", "--auto-approve", "--push", "origin", "--json").json
    assert made["pushed"] == {"remote": "origin", "problem": None}
    assert shown(pygit2.Repository(str(bare))).id == shown(weather.repository).id
    pushed = audit(weather)[-1]
    assert (pushed["act"], pushed["subject"], pushed["detail"]) == ("push", "deployment 2", "to origin")


@pytest.mark.slow
def test_a_push_that_fails_leaves_the_deployment_and_says_how_to_push_again(
    weather: Shop, bare: Path, place: Path
) -> None:
    assert weather.repository is not None
    weather.repository.remotes.create("origin", str(bare))
    bare.rename(place / "away.git")

    said = weather.cronicle("apply", "--auto-approve", "--push", "origin")

    assert said.code == 1
    assert "✓ deployed" in said.out
    assert "warning: the remote origin is the path" in said.err
    assert "cronicle deployments --push origin -e local" in said.err
    (place / "away.git").rename(bare)
    again = weather.good("deployments", "--push", "origin")
    assert f"weather/local   {REF}" in again.out
    assert shown(pygit2.Repository(str(bare))).id == shown(weather.repository).id


@pytest.mark.slow
def test_rollback_and_end_push_as_well_and_the_project_may_say_so(weather: Shop, bare: Path) -> None:
    assert weather.repository is not None
    weather.repository.remotes.create("backup", str(bare))
    git_block = 'project "weather" {\n  git {\n    remote = "backup"\n    push   = true\n  }\n}\n'
    weather.commit({"cronicle.hcl": git_block + PROJECT})
    there = pygit2.Repository(str(bare))

    weather.good("apply", "--auto-approve")
    assert "Cronicle-Deployment: 1" in shown(there).message
    weather.deploy({"say.sh": "echo two\n"})
    weather.good("rollback", "--auto-approve")
    assert shown(there).message.startswith("Roll back to deployment 1")
    weather.good("environments", "end", "local", "--auto-approve", "--reason", "moved to k8s")
    assert shown(there).message.startswith("End: weather/local\n\nmoved to k8s\n\nCronicle-Deployment: 4\n")


@pytest.mark.slow
def test_two_clones_of_one_store_push_one_chain(weather: Shop, bare: Path, place: Path) -> None:
    assert weather.repository is not None
    weather.repository.remotes.create("origin", str(bare))
    store = place / "store"
    weather.store = store
    weather.good("apply", "--auto-approve", "--push", "origin")
    pygit2.clone_repository(str(weather.folder), str(place / "clone"))
    other = Shop(place / "clone", weather.home, store=store)
    other.repository = pygit2.Repository(str(other.folder))
    other.repository.remotes.create("hub", str(bare))

    other.commit({"say.sh": "echo two\n"})
    other.good("apply", "--auto-approve")  # not pushed: that clone shows it alone
    other.commit({"say.sh": "echo three\n"})
    other.good("apply", "--auto-approve", "--push", "hub")
    weather.commit({"say.sh": "echo four\n"})
    weather.good("apply", "--auto-approve", "--push", "origin")

    chain = [shown(pygit2.Repository(str(bare)))]
    while len(chain[-1].parents) == 2:
        chain.append(chain[-1].parents[0])
    numbers = [one.message.partition("Cronicle-Deployment: ")[2].split()[0] for one in chain]
    assert numbers == ["4", "3", "2", "1"]


@pytest.mark.slow
def test_deployments_of_another_store_are_not_pushed_over(weather: Shop, bare: Path, place: Path) -> None:
    assert weather.repository is not None
    weather.repository.remotes.create("origin", str(bare))
    weather.good("apply", "--auto-approve", "--push", "origin")
    before = shown(pygit2.Repository(str(bare))).id
    pygit2.clone_repository(str(weather.folder), str(place / "elsewhere/weather"))
    other = Shop(place / "elsewhere/weather", weather.home, store=place / "store")
    other.repository = pygit2.Repository(str(other.folder))
    other.commit({"cronicle.hcl": PROJECT.replace("seattle", "portland")})

    said = other.cronicle("apply", "--auto-approve", "--push", str(bare))

    assert said.code == 1
    assert "shows deployments of weather/local that were not made in this store" in said.err
    assert shown(pygit2.Repository(str(bare))).id == before
    assert other.json("deployments")[0]["deployment"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("remote", ["ext::sh -c touch% pwned", "orign", "--force"])
def test_what_is_no_remote_is_told_so_and_the_deployment_stands(weather: Shop, remote: str) -> None:
    said = weather.cronicle("apply", "--auto-approve", f"--push={remote}")

    assert said.code == 1
    assert "warning: " in said.err
    assert len(weather.json("deployments")) == 1
    assert not (weather.folder / "pwned").exists()


# Comparing


@pytest.mark.slow
def test_any_two_deployments_are_compared_as_a_plan(weather: Shop) -> None:
    weather.good("apply", "--auto-approve")
    weather.deploy({"say.sh": "echo two $1\n"}, "Second")
    weather.good("apply", "--auto-approve", "--var", "station=portland")
    weather.good("apply", "-e", "staging", "--auto-approve")

    forth, back = (weather.good("deployments", *words).out for words in (("1", "3"), ("3", "1")))
    other = weather.good("deployments", "staging", "local/3").out

    assert forth.startswith("weather/local 1 → 3   ")
    assert '"First"' in forth
    assert "say.sh   changed: 1 line" in forth
    assert 'station "seattle" → "portland"' in forth
    assert 'station "portland" → "seattle"' in back
    assert other.startswith("weather/staging 1 → local 3   ")
    assert "say.sh   changed" not in other
    assert "Nothing differs." in weather.good("deployments", "2", "staging").out
    plan = weather.json("deployments", "1", "3")
    assert (plan["old"]["deployment"], plan["new"]["deployment"]) == (1, 3)
    assert plan["changes"][0]["tasks"][0]["files"][0]["path"] == "say.sh"


@pytest.mark.slow
def test_one_deployment_is_shown_with_all_about_it(weather: Shop) -> None:
    weather.good("apply", "--auto-approve")
    weather.deploy({"say.sh": "echo two $1\n"}, "Second")

    said = weather.good("deployments", "show", "2").out

    rows = {line.split()[0]: line for line in said.splitlines() if line and not line.startswith(" ")}
    assert rows["deployment"].endswith("weather/local 2")
    assert '"Second"' in rows["revision"]
    assert "cronicle apply --auto-approve" in rows["command"]
    assert rows["var.station"].endswith('"seattle"')
    assert "~ workflow w" in said
    document = weather.json("deployments", "show", "2")
    assert document["plan"]["changes"][0]["action"] == "update"
    assert document["values"] == {"station": "seattle"}
    assert weather.json("deployments", "2") == document


@pytest.mark.slow
def test_who_deployed_what_and_when_is_listed(weather: Shop) -> None:
    weather.good("apply", "-e", "staging", "--auto-approve")
    weather.good("apply", "--from", "staging", "--auto-approve")
    weather.deploy({"say.sh": "echo two $1\n"}, "Second")
    weather.good("rollback", "--auto-approve")
    weather.good("environments", "end", "staging", "--auto-approve")

    lines = weather.good("deployments").lines

    assert lines[1].split()[:2] == ["2", "ended"]
    assert "ended the environment" in lines[1]
    assert lines[2].split()[:3] == ["3", "in", "force"]
    assert "repeats 1: First" in lines[2]
    assert "from staging/1: First" in lines[4]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (("9",), 1, "there is no deployment 9 of weather/local"),
        (("staging",), 1, "nothing has been deployed to weather/staging yet"),
        (("1", "2", "3"), 64, "one deployment is shown, or two are compared"),
        (("show",), 64, "one deployment is shown, or two are compared"),
        (("1/2/3",), 64, "names no deployment"),
        (("1", "--push", "origin"), 64, "--push is about all deployments"),
    ],
)
def test_deployments_that_are_not_there_are_told_of(
    weather: Shop, words: tuple[str, ...], code: int, part: str
) -> None:
    weather.good("apply", "--auto-approve")

    weather.cronicle("deployments", *words).is_clear_error(part, code=code)
