"""Following a branch with a real scheduler: what is pushed is deployed, and the ticks never wait for it."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from following_world import FILES, HOOK, FollowingClone, Team, version
from serve_world import gated, json_of, workflow


@pytest.fixture
def team(place: Path) -> Team:
    (place / "home").mkdir()
    return Team(place)


@pytest.fixture
def first(team: Team) -> str:
    return team.push(FILES, "The first")


@pytest.fixture
def served(place: Path, team: Team, first: str):
    world = FollowingClone(place, team)
    yield world
    world.close()


@pytest.fixture
def applied(served: FollowingClone) -> FollowingClone:
    """A clone from which the first commit was deployed by hand."""
    served.good("apply", "--auto-approve")
    return served


def test_whatever_becomes_of_a_branch_each_tick_has_its_run_and_each_problem_one_alarm(
    applied: FollowingClone, team: Team, first: str
) -> None:
    """A good commit, a syntax error, a force-push, a deleted branch, a repository out of reach; then all is well."""
    served = applied
    scheduler = served.follow()
    served.until_looked(2)

    good = team.push(version(2), "A good one")
    scheduler.says(f"Deployed {good[:7]} of origin/main as deployment 2.")
    served.until_looked()
    bad = team.push({"w.hcl": 'workflow "w" {\n  task "a" {\n'}, "A mistake")
    said = json_of(scheduler.says("cannot be deployed, its files have errors"))
    assert (said["level"], said["kind"], said["revision"]) == ("error", "invalid", bad)
    assert "w.hcl:" in said["event"]
    served.until_looked()
    assert served.followed().problems[0].revision == bad
    rewritten = team.rewrite(first, version(3))
    assert json_of(scheduler.says("was rewritten"))["level"] == "warning"
    served.until_deployed(rewritten)
    served.until_looked()
    team.delete()
    scheduler.says("origin has no branch 'main' (any more)")
    served.until_looked()
    team.hide()
    scheduler.says("it is out of reach: there is no git repository in")
    served.until_looked()
    team.show()
    back = team.push(version(4), "Back again")
    scheduler.says("origin/main can be followed again.")
    served.until_deployed(back)
    served.until_looked()
    scheduler.term()
    assert scheduler.end() == 0

    assert served.deployed() == [first, good, rewritten, back]
    assert [one["problem"]["kind"] for one in served.alarms()] == [
        "invalid",
        "rewritten",
        "deleted",
        "unreachable",
    ]
    assert scheduler.count('"kind"') == 4
    assert served.followed().problems == ()
    _each_tick_has_one_run(served)
    _the_clone_is_as_it_was(served, first)
    _the_deployments_are_shown(served, (first, good, rewritten, back))
    told = served.alarms()[0]
    assert (told["revision"], told["deployed_revision"], told["deployment"]) == (bad, good, 2)
    assert (told["commit"]["author_name"], told["commit"]["subject"]) == ("Ana", "A mistake")
    assert told["diagnostics"][0]["file"] == "w.hcl"


def _each_tick_has_one_run(served: FollowingClone) -> None:
    runs = sorted(served.runs("w"), key=lambda run: run.logical_time)
    assert set(Counter(run.logical_time for run in runs).values()) == {1}
    steps = {later.logical_time - one.logical_time for one, later in itertools.pairwise(runs)}
    assert steps == {timedelta(seconds=1)}
    deployments = served.reading(lambda store: store.list_deployments("shop", "local"))
    by_number = {one.number: one for one in deployments}
    for run in runs:
        assert run.deployment is not None
        assert run.revision == by_number[run.deployment].revision
        assert run.created_at >= by_number[run.deployment].created_at
    ended = [run for run in runs if run.ended_at is not None]
    assert {run.state for run in ended} == {"succeeded"}
    assert {run.deployment for run in ended} == {1, 2, 3, 4}
    assert len(runs) - len(ended) <= 1  # what was drained


def _the_clone_is_as_it_was(served: FollowingClone, first: str) -> None:
    assert served.repository is not None
    names = {
        name: str(served.repository.references[name].resolve().target)
        for name in served.repository.references
        if not name.startswith("refs/cronicle/")
    }
    assert set(names.values()) == {first}
    assert served.repository.status() == {}


def _the_deployments_are_shown(served: FollowingClone, revisions: tuple[str, ...]) -> None:
    assert served.repository is not None
    commit = served.repository.references["refs/cronicle/deployments/shop/local"].peel()
    messages = []
    for revision in reversed(revisions):
        messages.append(commit.message)
        *before, deployed = commit.parents
        assert str(deployed.id) == revision
        assert commit.tree_id == deployed.tree_id
        commit = before[0] if before else None
    assert [("was rewritten" in message) for message in messages] == [False, True, False, False]


def test_what_is_wrong_is_shown_by_every_command_that_would_be_looked_at(
    applied: FollowingClone, team: Team, first: str
) -> None:
    scheduler = applied.follow()
    good = team.push(version(2))
    applied.until_deployed(good)
    fine = applied.good("status").out
    assert f"follows origin/main: at {good[:7]}, deployed " in fine
    assert f"follows origin/main: at {good[:7]}, deployed " in applied.good("deployments").out

    bad = team.push({"w.hcl": "workflow {"})
    scheduler.says("cannot be deployed")
    applied.until(lambda: applied.followed().problems[:1] and applied.followed().problems[0].told, "noted")

    wrong = f"follows origin/main: {bad[:7]} cannot be deployed, its files have errors: w.hcl:1: "
    for command in ("status", "deployments"):
        said = applied.good(command).out
        assert wrong in said
        assert f"{good[:7]} stays deployed" in said
    (follows,) = applied.json("status")["follows"]
    assert (follows["remote"], follows["branch"], follows["seen"]) == ("origin", "main", bad)
    assert (follows["deployed_revision"], follows["deployment"]) == (good, 2)
    assert [(one["kind"], one["revision"]) for one in follows["problems"]] == [("invalid", bad)]
    doctor = applied.cronicle("doctor")
    assert doctor.code == 1
    assert "shop/local follows origin/main: " in doctor.out
    metrics = applied.good("doctor", "--metrics").out
    assert 'cronicle_follow_failing{project="shop",environment="local"} 1' in metrics


def test_a_restart_repeats_no_alarm_and_goes_on(applied: FollowingClone, team: Team) -> None:
    bad = team.push({"w.hcl": "workflow {"})
    scheduler = applied.follow()
    scheduler.says("cannot be deployed")
    applied.until(lambda: applied.followed().problems[0].told, "all were told")
    scheduler.kill()

    for _ in range(2):
        scheduler = applied.follow()
        applied.until_looked()
        assert scheduler.count("cannot be deployed") == 0
        scheduler.kill()
    scheduler = applied.follow()
    good = team.push(version(2))
    applied.until_deployed(good)

    assert [one["problem"]["revision"] for one in applied.alarms()] == [bad]


@pytest.mark.slow
def test_a_commit_that_was_deployed_by_hand_is_not_deployed_again_nor_is_what_was_taken_back(
    applied: FollowingClone, team: Team, first: str
) -> None:
    second = team.push(version(2))
    assert applied.repository is not None
    applied.repository.remotes["origin"].fetch()
    applied.good("apply", "--auto-approve", "--revision", "origin/main")

    scheduler = applied.follow()
    scheduler.says("it is deployed already, as deployment 2")
    applied.good("rollback", "--auto-approve")
    applied.until_looked()
    assert applied.deployed() == [first, second, first]
    scheduler.kill()
    scheduler = applied.follow()
    applied.until_looked()
    assert applied.deployed() == [first, second, first]

    third = team.push(version(3))
    applied.until_deployed(third)
    assert applied.deployed() == [first, second, first, third]


@pytest.mark.slow
def test_what_was_taken_back_before_anybody_followed_stays_so(
    applied: FollowingClone, team: Team, first: str
) -> None:
    second = team.push(version(2))
    assert applied.repository is not None
    applied.repository.remotes["origin"].fetch()
    applied.good("apply", "--auto-approve", "--revision", "origin/main")
    applied.good("rollback", "--auto-approve")

    scheduler = applied.follow()

    scheduler.says("has taken it back with deployment 3")
    applied.until_looked()
    assert applied.deployed() == [first, second, first]


@pytest.mark.slow
def test_a_branch_that_goes_back_to_a_commit_takes_the_deployment_along(
    applied: FollowingClone, team: Team, first: str
) -> None:
    applied.follow()
    second = team.push(version(2))
    applied.until_deployed(second)
    team.git.references["refs/heads/main"].set_target(first)
    team.git.remotes["origin"].push(["+refs/heads/main"])

    applied.until_deployed(first)

    assert applied.deployed() == [first, second, first]
    applied.until(applied.alarms, "the alarm")
    assert [one["problem"]["kind"] for one in applied.alarms()] == ["rewritten"]


@pytest.mark.slow
def test_a_run_in_progress_keeps_what_it_was_made_with(place: Path, team: Team) -> None:
    first = team.push({"cronicle.hcl": HOOK, "w.hcl": gated("w", rest='  overlap = "skip"')})
    served = FollowingClone(place, team)
    try:
        served.good("apply", "--auto-approve")
        served.follow()
        served.until(lambda: served.effects("begin", "w"), "the run")
        second = team.push({"w.hcl": workflow("w", rest='  overlap = "allow"')})
        served.until_deployed(second)
        served.open_gate("w")
        served.until(lambda: len(served.effects("end", "w")) > 2, "runs of both")

        begun = served.effects("begin", "w")[0].run
        by_id = {run.id: run for run in served.runs("w")}
        assert (by_id[begun].revision, by_id[begun].state) == (first, "succeeded")
        assert second in {run.revision for run in by_id.values()}
    finally:
        served.close()
