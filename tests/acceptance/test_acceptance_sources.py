"""Tasks with the code of another repository: pinned by apply, whatever becomes of that repository afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path

import pygit2
import pytest
from acceptance_world import Shop

PROJECT = """
source "lib" {
  git    = "../lib"
  subdir = "jobs"
}
workflow "w" {
  task "theirs" {
    source  = source.lib
    command = ["sh", "say.sh"]
  }
  task "ours" {
    script = "echo lib=${source.lib.revision} version=$(cat version)"
  }
}
"""
SAY = """
. ./words.sh
echo "$WORDS $CRONICLE_SOURCE_REVISION $CRONICLE_REVISION"
echo "words=$WORDS" > "$CRONICLE_OUTPUT"
test ! -e ../.git && test -e ../README && test ! -e made && touch made
"""


@pytest.fixture
def lib(place: Path, shop: Shop) -> Shop:
    """The other repository, with one commit; the project uses it, and is committed."""
    folder = place / "lib"
    folder.mkdir()
    other = Shop(folder, shop.home).init()
    other.commit({"jobs/say.sh": SAY, "jobs/words.sh": "WORDS=one", "README": "read"}, "First")
    shop.commit({"cronicle.hcl": PROJECT, "version": "1"}, "Project")
    return other


def head(shop: Shop) -> str:
    assert shop.repository is not None
    return str(shop.repository.head.target)


def words(shop: Shop, address: str = "w@latest") -> str:
    """What the task of the other repository said in a run."""
    (task,) = (one for one in shop.show(address)["tasks"] if one["task"] == "theirs")
    said: str = task["output"]["words"]
    return said


def test_a_run_uses_what_apply_pinned_and_apply_moves_it(shop: Shop, lib: Shop) -> None:
    first = head(lib)
    said = shop.good("plan").out
    assert f"+ source lib   HEAD of {lib.folder}" in said
    assert f'{first[:7]} ("First")' in said
    assert not (shop.folder / ".cronicle").exists()

    shop.good("apply", "--auto-approve")
    shop.good("run", "w")
    assert shop.good("logs", "w@latest/theirs").out == f"one {first} {head(shop)}\n"
    assert shop.good("logs", "w@latest/ours").out == f"lib={first} version=1\n"

    lib.commit({"jobs/words.sh": "WORDS=two"}, "Second")
    second = lib.commit({"README": "again"}, "Third")
    shop.good("run", "w")
    assert words(shop) == "one"

    said = shop.good("plan").out
    assert f'{first[:7]} → {second[:7]} ("Third")   2 commits further' in said
    assert "changes what w.theirs does" in said
    assert "words.sh" not in said  # the shell reads it, and nobody can see that: the commit counts
    planned = shop.json("plan")
    assert planned["sources"] == [
        {
            "name": "lib",
            "action": "update",
            "git": str(lib.folder),
            "ref": None,
            "old_revision": first,
            "new_revision": second,
            "subject": "Third",
            "added": 2,
            "removed": 0,
            "problem": None,
            "tasks": ["w.theirs"],
        }
    ]

    shop.good("apply", "--auto-approve")
    shop.good("run", "w")
    assert words(shop) == "two"
    (task,) = (one for one in shop.show("w@latest")["tasks"] if one["task"] == "theirs")
    assert (task["source"], task["source_revision"]) == ("lib", second)
    assert f"lib at {second}, folder jobs" in shop.good("show", "w@latest/theirs").out

    assert shop.good("plan").lines[-1] == "Nothing to change: this is what is deployed."
    assert shop.repository is not None
    shown = shop.repository.references["refs/cronicle/deployments/weather/local"].peel(pygit2.Commit)
    assert f"\nCronicle-Sources: lib={second}\n" in shown.message
    newest, oldest = (one["sources"] for one in shop.json("deployments"))
    assert [one["revision"] for one in (*newest, *oldest)] == [second, first]


def test_a_rollback_goes_back_to_the_pins_of_its_deployment(shop: Shop, lib: Shop) -> None:
    shop.good("apply", "--auto-approve")
    lib.commit({"jobs/words.sh": "WORDS=two"})
    shop.good("apply", "--auto-approve")

    shop.good("rollback", "--auto-approve")
    shop.good("run", "w")

    assert words(shop) == "one"


def test_retry_is_exact_and_backfills_have_the_deployed_pin(shop: Shop, lib: Shop) -> None:
    schedule = 'schedule {\n cron = "0 0 * * *"\n start = "2020-01-01"\n end = "2020-01-03"\n}\ntask "ours"'
    text = PROJECT.replace('task "ours"', schedule, 1)
    shop.deploy({"cronicle.hcl": text.replace("version=$(cat version)", "$(cat version); test -e nothing")})
    run = shop.cronicle("run", "w", "--time", "2020-01-01").run
    lib.commit({"jobs/words.sh": "WORDS=two"})
    shop.deploy({"cronicle.hcl": text})

    shop.cronicle("retry", run, "--from", "theirs")
    shop.good("backfill", "w", "--from", "2020-01-02", "--to", "2020-01-02")

    retried = next(one["id"] for one in shop.json("runs", "w") if one["retry_of"] == run)
    assert words(shop, retried) == "one"
    assert words(shop, "w@2020-01-02") == "two"


def test_other_revisions_and_the_working_directory_have_the_pin_of_the_same_source(
    shop: Shop, lib: Shop
) -> None:
    shop.good("apply", "--auto-approve")
    lib.commit({"jobs/words.sh": "WORDS=two"}, "Second")

    shop.good("run", "w", "--revision", "HEAD")
    assert words(shop) == "one"
    shop.write({"cronicle.hcl": PROJECT.replace('"../lib"', '"../lib"\n  ref = "main"')})
    shop.good("run", "w", "--dirty")

    assert words(shop) == "two"


def test_nothing_is_needed_of_a_repository_that_is_rewritten_or_gone(shop: Shop, lib: Shop) -> None:
    shop.good("apply", "--auto-approve")
    first = head(lib)
    assert lib.repository is not None
    tree = lib.repository.head.peel(pygit2.Commit).tree_id
    who = pygit2.Signature("Eve", "eve@example.org")
    rewritten = lib.repository.create_commit(None, who, who, "Another history", tree, [])
    lib.repository.references["refs/heads/main"].set_target(rewritten)

    assert "without 1 commit that the old one had" in shop.good("plan").out
    shutil.rmtree(lib.folder)
    shop.good("run", "w")
    assert words(shop) == "one"

    planned = shop.good("plan")
    assert f"source.lib cannot be asked, so this plan goes by what is deployed, {first[:7]}" in planned.err
    assert planned.lines[-1] == "Nothing to change: this is what is deployed."
    shop.write({"cronicle.hcl": PROJECT.replace("../lib", "../nowhere")})
    shop.cronicle("plan", "--dirty").is_clear_error("source.lib: there is no git repository in", "nowhere")


def test_a_lost_mirror_is_fetched_again_if_the_commit_can_be_had(shop: Shop, lib: Shop) -> None:
    shop.good("apply", "--auto-approve")

    def lose() -> None:
        for name in ("mirrors/sources", "source-snapshots"):
            shutil.rmtree(shop.folder / ".cronicle" / name)

    shutil.rmtree(shop.folder / ".cronicle/mirrors/sources")
    shop.good("run", "w", "--only", "theirs")
    assert words(shop) == "one"

    lose()
    lib.folder.rename(lib.folder.with_name("moved"))
    said = shop.cronicle("run", "w", "--only", "theirs")
    assert said.code == 1
    assert f"there is no git repository in {lib.folder}" in said.err + said.out


def test_another_clone_of_the_project_goes_by_the_same_pins(shop: Shop, lib: Shop, place: Path) -> None:
    shop.good("apply", "--auto-approve")
    lib.commit({"jobs/words.sh": "WORDS=two"})
    pygit2.clone_repository(str(shop.folder), str(place / "elsewhere" / "clone"))
    clone = Shop(place / "elsewhere" / "clone", shop.home, store=shop.folder / ".cronicle")

    clone.good("run", "w")
    assert words(clone) == "one"
    clone.cronicle("plan").is_clear_error("source.lib: there is no git repository in", "elsewhere/lib")
    lib.folder.rename(place / "elsewhere" / "lib")
    assert "2 commits" not in clone.good("plan").out


def test_tasks_of_a_source_see_nothing_that_another_has_written(shop: Shop, lib: Shop) -> None:
    shop.good("apply", "--auto-approve")
    for _ in range(2):
        shop.good("run", "w", "--only", "theirs")

    assert words(shop) == "one"


def test_secrets_of_the_project_come_from_its_own_files(shop: Shop, lib: Shop) -> None:
    text = PROJECT.replace(
        'command = ["sh", "say.sh"]', 'command = ["sh", "-c", "test $A = mine"]\n env = { A = secret.a }'
    )
    shop.deploy({"cronicle.hcl": text + 'secret "a" {\n command = ["cat", "secret"]\n}\n', "secret": "mine"})

    shop.good("run", "w")


def test_what_is_wrong_in_a_source_is_told_with_its_commit(shop: Shop, lib: Shop) -> None:
    shop.commit({"cronicle.hcl": PROJECT.replace('"jobs"', '"tasks"')})

    shop.good("validate")  # offline, so nobody knows
    said = shop.cronicle("plan")
    assert said.code == 1
    assert f'there is no folder "tasks" in source.lib at {head(lib)[:7]}' in said.err


def test_the_declared_inputs_alone_decide_what_turns_stale(shop: Shop, lib: Shop) -> None:
    shop.deploy({"cronicle.hcl": PROJECT.replace("source.lib\n", 'source.lib\n    inputs = ["*.sh"]\n')})
    lib.commit({"README": "again"}, "Readme")
    said = shop.good("plan").out
    assert "does not change what it does" in said
    assert "changes what" not in said

    lib.commit({"jobs/words.sh": "WORDS=two"})
    said = shop.good("plan").out
    assert "words.sh   changed: 1 line   (declared input)" in said
    assert "changes what w.theirs does" in said


def test_two_projects_share_the_mirror_of_a_source(shop: Shop, lib: Shop, place: Path) -> None:
    shop.good("apply", "--auto-approve")
    (place / "other").mkdir()
    other = Shop(place / "other", shop.home, store=shop.folder / ".cronicle").init()
    other.deploy({"cronicle.hcl": PROJECT, "version": "2"})
    other.good("run", "w", "--project", "other")

    assert len(list((shop.folder / ".cronicle/mirrors/sources").iterdir())) == 1
