"""Finding the commit that broke a workflow: whatever it changed, over merges, after interruptions, by any judge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from acceptance_world import Bell, Shop, Started
from long_history import FIRST, PLANTS, LongHistory, planted, production, write_line, write_merged

TIME = ("--time", "2020-01-02")
LENGTH = 200
SOME = ["script", *(pytest.param(plant, marks=pytest.mark.slow) for plant in PLANTS if plant != "script")]
"""What is planted: one in the suite, the others among the slow tests."""


def deployed(shop: Shop) -> None:
    """Production has run what is there: the last commit."""
    shop.good("apply", "--auto-approve")
    assert shop.cronicle("run", "daily", "--time", "2020-01-02").code == 1


def small(shop: Shop, *changes: dict[str, str]) -> LongHistory:
    """A history of a few commits, each with these changes to the files of the first."""
    assert shop.repository is not None
    history = LongHistory(shop.repository)
    tip = history.commit(FIRST, [], "The first")
    files = dict(FIRST)
    for number, change in enumerate(changes, 1):
        files |= change
        tip = history.commit(files, [tip], f"Change {number}")
    history.check_out(tip)
    return history


@pytest.mark.parametrize("plant", SOME)
def test_a_bad_change_among_200_commits_is_found_by_few_executions(shop: Shop, plant: str) -> None:
    history, bad = write_line(shop, plant, length=LENGTH, at=137, busy=True)
    deployed(shop)
    before = production(shop)

    found = shop.json("bisect", "daily", "--good", history.commits[0], "--bad", "HEAD", *TIME)

    assert found["first_bad"]["revision"] == bad
    assert found["first_bad"]["subject"] == "Change 137"
    assert found["executions"] <= 9
    assert len(shop.json("runs", "--cause", "bisect")) == found["executions"]
    assert tuple(found["failed_tasks"]) == PLANTS[plant][3]
    changed = [task for task in found["change"]["tasks"] if task["action"] == "update"]
    assert changed
    assert production(shop) == before


@pytest.mark.parametrize("plant", SOME)
def test_commits_that_change_nothing_of_the_workflow_are_not_run(shop: Shop, plant: str) -> None:
    history, bad = write_line(shop, plant, length=LENGTH, at=63, busy=False)
    deployed(shop)

    found = shop.json("bisect", "daily", "--good", history.commits[0], "--bad", "daily@2020-01-02")

    assert found["first_bad"]["revision"] == bad
    assert found["executions"] <= 6
    known = [one for one in found["judgements"] if not one["executed"]]
    assert known
    assert all("does the same as" in one["reason"] for one in known)


@pytest.mark.parametrize("plant", ["script", "module"])
def test_it_is_found_in_a_branch_that_was_merged(shop: Shop, plant: str) -> None:
    history, bad = write_merged(shop, plant, length=LENGTH)
    deployed(shop)
    before = production(shop)

    found = shop.json("bisect", "daily", "--good", history.commits[0], "--bad", "main", *TIME)

    assert found["first_bad"]["revision"] == bad
    assert found["first_bad"]["subject"] == "On a side branch 5"
    assert found["executions"] <= 9
    assert production(shop) == before


def test_what_was_found_is_told_with_what_it_changed(shop: Shop) -> None:
    history, bad = write_line(shop, "script", length=20, at=13, busy=True)
    deployed(shop)

    said = shop.good("bisect", "daily", "--good", history.commits[0], "--bad", "HEAD", *TIME)

    assert f"{bad} is the first bad commit" in said.out
    assert "author    Ana <ana@example.org>" in said.out
    assert "subject   Change 13" in said.out
    assert "failed    check" in said.out
    assert "task check   check.sh changed" in said.out
    assert f"git show {bad[:12]}" in said.out
    assert "19 commits between" in said.err
    assert "about 5 steps" in said.err
    assert "left" in said.err

    (newest, *_) = shop.json("runs", "--cause", "bisect")
    assert newest["counts"] is False
    assert newest["experiment"]["verdict"] in ("good", "bad")
    shown = shop.good("show", newest["id"]).out
    assert f"asks whether {newest['revision'][:7]} is good" in shown
    assert "an empty data folder, no secrets, no hooks" in shown
    told = shop.good("explain", newest["id"]).out
    assert "asks whether" in told
    assert "it was isolated" in told


def test_what_was_judged_before_is_not_run_again(shop: Shop) -> None:
    history, _ = write_line(shop, "script", length=40, at=21, busy=True)
    ends = ("--good", history.commits[0], "--bad", "HEAD", *TIME)
    first = shop.json("bisect", "daily", *ends)

    again = shop.json("bisect", "daily", *ends)
    anew = shop.json("bisect", "daily", *ends, "--anew")

    assert first["first_bad"] == again["first_bad"] == anew["first_bad"]
    assert (first["executions"], again["executions"]) == (anew["executions"], 0)
    assert again["session"] == first["session"]
    assert [one["verdict"] for one in again["judgements"]] == [one["verdict"] for one in first["judgements"]]


def test_one_that_was_interrupted_goes_on(shop: Shop, bell: Bell, start: Callable[..., Started]) -> None:
    history, bad = write_line(shop, "script", length=40, at=21, busy=True)
    ends = ("bisect", "daily", "--good", history.commits[0], "--bad", "HEAD", *TIME)
    judge = f"echo here > {bell.path}; test $CRONICLE_RUN_STATE = succeeded"
    begun = start(*ends, "--run", judge)
    for _ in range(3):
        bell.wait()
    begun.until(" left")
    begun.kill()

    said = shop.json(*ends, "--run", judge)

    assert said["first_bad"]["revision"] == bad
    known = [one for one in said["judgements"] if not one["executed"]]
    assert len(known) >= 1
    assert len({run["experiment"]["session"] for run in shop.json("runs", "--cause", "bisect")}) == 1


def test_ctrl_c_cancels_what_runs_and_leaves_the_rest_for_later(
    shop: Shop, bell: Bell, start: Callable[..., Started]
) -> None:
    slow = {"extract.sh": f"echo here > {bell.path}; sleep 60\n"}
    history = small(shop, slow, {"notes.txt": "1"}, planted(FIRST, "script"))
    begun = start("bisect", "daily", "--good", history.commits[0], "--bad", "HEAD", *TIME)
    bell.wait()

    begun.interrupt()
    said = begun.end()

    assert said.code == 130
    assert "the same command goes on from here" in said.err
    assert [run["state"] for run in shop.json("runs", "--cause", "bisect")] == ["cancelled"]


def test_a_command_judges_by_its_exit_code(shop: Shop) -> None:
    more = 'echo 3 > "$CRONICLE_DATA/rows.txt"\necho rows=3 >> "$CRONICLE_OUTPUT"\n'
    history = small(
        shop,
        {"extract.sh": more + "# one\n"},
        {"extract.sh": more.replace("echo 3", "echo 4")},
        {"extract.sh": more.replace("echo 3", "echo 4") + "# three\n"},
        {"extract.sh": more.replace("echo 3", "echo 4") + "# four\n"},
    )
    ends = ("bisect", "daily", "--good", history.commits[0], "--bad", "HEAD", *TIME)

    found = shop.json(*ends, "--run", 'echo judged; test "$(cat $CRONICLE_DATA/rows.txt)" = 3')

    assert found["first_bad"]["revision"] == history.commits[2]
    assert found["judge"].startswith("echo judged")
    assert found["failed_tasks"] == []
    told = shop.good(*ends, "--run", found["judge"])
    assert f"cronicle diff {found['good_run']} {found['bad_run']}" in told.out
    assert "extract: made rows.txt" in told.out

    skipped = f"test $CRONICLE_REVISION != {history.commits[2]} || exit 125; " + found["judge"]
    open_end = shop.cronicle(*ends, "--run", skipped, "--json")
    assert open_end.code == 1
    assert [one["revision"] for one in open_end.json["possible"]] == [history.commits[3], history.commits[2]]
    assert open_end.json["first_bad"] is None
    told = shop.cronicle(*ends, "--run", skipped)
    assert "One of these 2 is the first bad commit" in told.out

    shop.cronicle(*ends, "--run", "exit 128").is_clear_error("exit code 128", "means to give up")


def test_commits_that_cannot_be_run_are_skipped_and_said_to_be(shop: Shop) -> None:
    broken = {"cronicle.hcl": FIRST["cronicle.hcl"] + "\nworkflow {\n"}
    without = {"cronicle.hcl": 'project "weather" { }\n'}
    history = small(
        shop,
        {"notes.txt": "1"},
        broken,
        {"notes.txt": "3"},
        without,
        {"cronicle.hcl": FIRST["cronicle.hcl"], "rules.py": FIRST["rules.py"] + "# 5\n"},
        planted(FIRST, "script"),
        {"notes.txt": "7"},
    )

    found = shop.json("bisect", "daily", "--good", history.commits[1], "--bad", "HEAD", *TIME)

    assert found["first_bad"]["revision"] == history.commits[6]
    reasons = {one["reason"] for one in found["judgements"] if one["verdict"] == "skip"}
    assert all("there is no workflow daily" in one or "its files have errors" in one for one in reasons)


def test_ends_that_are_not_what_was_said_are_found_out(shop: Shop) -> None:
    needs_data = {"check.sh": 'test -e "$CRONICLE_DATA/seed"\n'}
    history = small(shop, needs_data, {"rules.py": FIRST["rules.py"] + "# 2\n"}, planted(FIRST, "module"))
    good, bad = history.commits[1], history.commits[3]

    said = shop.cronicle("bisect", "daily", "--good", good, "--bad", bad, *TIME)
    assert said.code == 1
    assert f"the good end {good[:7]} is bad when it is run like this" in said.err
    assert "--data copy" in said.err

    shop.good("apply", "--auto-approve", "--revision", history.commits[2])
    seed = shop.folder / ".cronicle" / "data" / "weather" / "local" / "seed"
    seed.parent.mkdir(parents=True, exist_ok=True)
    seed.write_text("x")
    found = shop.json("bisect", "daily", "--good", good, "--bad", bad, *TIME, "--data", "copy")
    assert found["first_bad"]["revision"] == bad
    assert seed.read_text() == "x"

    wrong = shop.cronicle(
        "bisect", "daily", "--good", good, "--bad", history.commits[2], *TIME, "--data", "copy"
    )
    assert wrong.code == 1
    assert f"the bad end {history.commits[2][:7]} is good when it is run like this" in wrong.err


def test_ends_that_cannot_be_searched_between_are_refused(shop: Shop) -> None:
    history = small(shop, {"notes.txt": "1"}, planted(FIRST, "script"))
    first, same, bad = history.commits

    def refused(good: str, bad: str, *parts: str, **more: Any) -> None:
        shop.cronicle("bisect", "daily", "--good", good, "--bad", bad, *TIME).is_clear_error(*parts, **more)

    refused(bad, first, "are the wrong way round")
    refused(bad, bad, "good and bad are the same commit")
    refused("nothing-here", bad, "there is no such revision, and no such run")
    refused(first, same, "nothing that daily is known to use differs", "--no-reuse")


def test_where_histories_part_is_judged_first(shop: Shop) -> None:
    assert shop.repository is not None
    history = LongHistory(shop.repository)
    base = history.commit(FIRST, [], "The first")
    good = history.commit({**FIRST, "notes.txt": "elsewhere"}, [base], "On another branch")
    files = {**FIRST, "rules.py": FIRST["rules.py"] + "# 1\n"}
    one = history.commit(files, [base], "One")
    bad = history.commit(planted(files, "module"), [one], "Two")
    tip = history.commit({**planted(files, "module"), "notes.txt": "3"}, [bad], "Three")
    history.check_out(tip)

    said = shop.good("bisect", "daily", "--good", good, "--bad", tip, *TIME)

    assert f"first {base[:7]}, where their histories meet" in said.err
    assert f"{bad} is the first bad commit" in said.out

    mended = history.commit(FIRST, [tip], "Mended")
    worse = history.commit({**planted(files, "module"), "notes.txt": "4"}, [tip], "Four")
    shop.cronicle("bisect", "daily", "--good", mended, "--bad", worse, *TIME)
    said = shop.cronicle("bisect", "daily", "--good", mended, "--bad", worse, *TIME)
    assert said.code == 1
    assert "somebody has mended it on the way" in said.err


def test_what_no_input_tells_of_is_found_without_reuse(shop: Shop) -> None:
    hidden = {"check.sh": "sh $(echo hid)den.sh\n", "hidden.sh": "true\n"}
    history = small(shop, hidden, {"notes.txt": "1"}, {"hidden.sh": "exit 5\n"}, {"notes.txt": "2"})
    ends = ("--good", history.commits[1], "--bad", "HEAD", *TIME)

    shop.cronicle("bisect", "daily", *ends).is_clear_error("nothing that daily is known to use differs")
    said = shop.good("bisect", "daily", *ends, "--no-reuse")

    assert f"{history.commits[3]} is the first bad commit" in said.out
    assert "It changed nothing that daily is known to use" in said.out


def test_a_task_that_says_what_it_makes_is_not_executed_again(shop: Shop) -> None:
    history, _ = write_line(shop, "module", length=12, at=8, busy=False)
    shop.json("bisect", "daily", "--good", history.commits[0], "--bad", "HEAD", *TIME)

    runs = [shop.show(run["id"]) for run in reversed(shop.json("runs", "--cause", "bisect"))]

    tasks = [{task["task"]: task["carried_from"] for task in run["tasks"]} for run in runs]
    assert tasks[0]["extract"] is None
    assert {one["extract"] for one in tasks[1:]} == {runs[0]["id"]}
    assert {one["check"] for one in tasks} == {None}
    isolated = shop.folder / ".cronicle" / "isolated"
    assert {(isolated / run["id"] / "rows.txt").read_text() for run in runs} == {"3\n"}


def test_it_needs_no_deployment_but_a_project_that_is_known(shop: Shop) -> None:
    history, bad = write_line(shop, "script", length=5, at=3, busy=True)

    found = shop.json("bisect", "daily", "--good", history.commits[0], "--bad", "HEAD", *TIME)

    assert found["first_bad"]["revision"] == bad
