"""Clones whose history was rewritten or cut off, worktrees, and what a revision names but does not hold."""

from __future__ import annotations

import shutil
from pathlib import Path

import pygit2
import pytest
from acceptance_world import Shop
from deployed_world import PROJECT, forget, git, message, shown, weather_in

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="no git here")


@pytest.fixture
def weather(shop: Shop) -> Shop:
    return weather_in(shop)


# Rewritten history, cut-off history, other worktrees


def test_a_plan_says_when_history_was_rewritten(weather: Shop) -> None:
    weather.good("apply", "--auto-approve")
    assert weather.repository is not None
    first = weather.repository.head.target
    weather.deploy({"say.sh": "echo two\n"}, "Second")
    deployed = str(weather.repository.head.target)
    weather.repository.reset(first, pygit2.enums.ResetMode.HARD)
    weather.commit({"say.sh": "echo other\n"}, "Forced")

    plan = weather.good("plan")

    assert (
        f"history was rewritten, or this is another branch: {deployed[:7]} is not in the history of"
        in plan.out
    )
    assert "1 commit of it is left out, 1 others come" in plan.out
    assert weather.json("plan")["course"] == {"way": "apart", "added": 1, "removed": 1}
    forget(weather, deployed)
    assert weather.json("plan")["course"] == {"way": "apart", "added": None, "removed": None}
    weather.good("apply", "--auto-approve")
    assert "history was rewritten" in message(weather)


@pytest.mark.slow
def test_a_plan_says_when_it_leads_back(weather: Shop) -> None:
    weather.good("apply", "--auto-approve")
    assert weather.repository is not None
    first = str(weather.repository.head.target)
    weather.deploy({"say.sh": "echo two\n"}, "Second")
    weather.deploy({"say.sh": "echo three\n"}, "Third")

    assert "is older: without 2 commits of what is deployed" in weather.good("plan", "--revision", first).out
    assert weather.json("plan", "--revision", first)["course"] == {"way": "back", "added": 0, "removed": 2}


@pytest.mark.slow
@needs_git
def test_a_shallow_clone_is_refused_with_the_command_that_mends_it(weather: Shop, place: Path) -> None:
    weather.commit({"say.sh": "echo two\n"}, "Second")
    git(weather, "clone", "-q", "--depth", "1", f"file://{weather.folder}", str(place / "shallow"), cwd=place)
    shallow = Shop(place / "shallow", weather.home)

    for words in (("apply", "--auto-approve"), ("run", "w", "--revision", "HEAD")):
        shallow.cronicle(*words).is_clear_error("is a shallow clone", "git fetch --unshallow")
    git(weather, "fetch", "-q", "--unshallow", cwd=place / "shallow")
    shallow.good("apply", "--auto-approve")


@pytest.mark.slow
@needs_git
def test_a_worktree_deploys_what_it_has_checked_out(weather: Shop, place: Path) -> None:
    weather.good("apply", "--auto-approve")
    git(weather, "worktree", "add", "-q", "-b", "feature", str(place / "tree"))
    tree = Shop(place / "tree", weather.home)
    tree.repository = pygit2.Repository(str(place / "tree"))
    tree.commit({"say.sh": "echo of the branch\n"}, "Branch")

    tree.good("apply", "-e", "preview", "--auto-approve")

    assert {one["environment"] for one in weather.json("environments")} == {"local", "preview"}
    assert weather.repository is not None
    assert shown(weather.repository, "preview").parents[-1].message == "Branch"


# What a revision names and does not hold


@pytest.mark.slow
def test_a_submodule_is_a_warning_and_an_error_where_a_task_needs_it(weather: Shop) -> None:
    _with_submodule(weather)
    said = weather.good("plan")
    assert "warning: the submodule vendor/lib is an empty folder for tasks" in said.err

    for text, needed in (
        ('command = ["sh", "vendor/lib/say.sh"]', "vendor/lib/say.sh"),
        ('script = "cd vendor/lib && sh ./say.sh"', "vendor/lib"),
        ('command = ["true"]\n    inputs = ["vendor/lib/**"]', "vendor/lib"),
    ):
        files = PROJECT.replace('command = ["sh", "say.sh", var.station]', text).replace(
            'variable "station" {\n  default = "seattle"\n}', ""
        )
        _with_submodule(weather, files)
        for words in (("plan",), ("apply", "--auto-approve")):
            weather.cronicle(*words).is_clear_error(
                f"task w.t needs {needed}", "the submodule vendor/lib", "source"
            )


def _with_submodule(shop: Shop, project: str = PROJECT) -> None:
    """Commit a gitlink, as `git submodule add` does; `commit` of the shop would take it out again."""
    assert shop.repository is not None
    shop.write({"cronicle.hcl": project})
    index = shop.repository.index
    index.read()
    index.add("cronicle.hcl")
    (shop.folder / "vendor/lib").mkdir(parents=True, exist_ok=True)
    index.add(pygit2.IndexEntry("vendor/lib", pygit2.Oid(hex="a" * 40), pygit2.enums.FileMode.COMMIT))
    index.write()
    who = shop.repository.head.peel(pygit2.Commit).author
    shop.repository.create_commit(
        "HEAD", who, who, "Submodule", index.write_tree(), [shop.repository.head.target]
    )


@pytest.mark.slow
def test_a_pointer_of_lfs_is_a_warning_and_an_error_where_a_task_needs_it(weather: Shop) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 12\n"
    weather.commit({".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "model.bin": pointer})
    said = weather.good("plan")
    assert "warning: .gitattributes of the repository leaves files to Git LFS" in said.err

    weather.commit(
        {"cronicle.hcl": PROJECT.replace("var.station", '"model.bin"').replace("station", "other")}
    )

    weather.cronicle("apply", "--auto-approve").is_clear_error("task w.t needs model.bin", "Git LFS pointer")
