"""Following where it may be interrupted: between fetching, deploying and noting it, and by other processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from following_world import FILES, FollowingClone, Team, version

from cronicle.clock import SystemClock
from cronicle.operations import follow
from cronicle.operations.follow import Following, deploy_tip, fetch_tip, look_for_upstream
from cronicle.operations.followed import Before, Outcome
from cronicle.operations.locate import look_around
from cronicle.operations.sources import Sources
from cronicle.store.interface import Store
from cronicle.store.location import open_reader, open_store
from cronicle.store.reading import StoreReader


@pytest.fixture
def team(place: Path) -> Team:
    (place / "home").mkdir()
    made = Team(place)
    made.push(FILES)
    return made


class Steps:
    """The steps of following, one at a time, each as a process that has just begun would take it."""

    def __init__(self, folder: Path, home: Path) -> None:
        environ = {"HOME": str(home), "CRONICLE_SETTINGS": os.devnull}
        where = look_around(folder, environ)
        assert where.files is not None
        assert where.store is not None
        self._location = where.store
        sources = Sources(
            where=where,
            store=None,
            files=where.files,
            clock=SystemClock(),
            environment=None,
            environ=environ,
            user="ana",
            host="here",
            command="cronicle serve --follow origin/main",
            cwd=folder,
        )
        upstream = look_for_upstream(sources, "origin/main", None)
        self.following = Following(upstream=upstream, sources=sources)
        self.before = Before()

    def with_store(self, do: Callable[[Store], Any]) -> Any:
        store = open_store(self._location, create=True)
        try:
            return do(store)
        finally:
            store.close()

    def step(self) -> Outcome:
        """Fetch and deploy; nothing of it is noted."""

        def do(store: Store) -> Outcome:
            project = "shop" if store.find_project("shop") else None
            tip = fetch_tip(self.following, project)
            sources = evolve(self.following.sources, store=store, project=project)
            return deploy_tip(self.following, sources, tip, self.before)

        found: Outcome = self.with_store(do)
        return found

    def note(self, seen: str) -> None:
        """Note what was seen, as a process does that goes on."""
        self.before = Before(seen=seen, since=SystemClock().now())

    def deployments(self) -> list[str]:
        found: list[str] = self.with_store(
            lambda store: [one.revision for one in reversed(store.list_deployments("shop", "local"))]
        )
        return found


@pytest.fixture
def steps(place: Path, team: Team) -> Steps:
    team.clone(place / "shop")
    return Steps(place / "shop", place / "home")


def test_who_is_killed_after_fetching_has_done_nothing_yet(steps: Steps, team: Team) -> None:
    first = steps.step()
    assert first.made is not None
    steps.note(first.made.revision)
    second = team.push(version(2))

    fetch_tip(steps.following, "shop")
    assert steps.deployments() == [first.made.revision]
    again = steps.step()

    assert again.made is not None
    assert steps.deployments() == [first.made.revision, second]


@pytest.mark.slow
def test_who_is_killed_after_deploying_does_not_deploy_it_again(steps: Steps, team: Team) -> None:
    first = steps.step()
    assert first.made is not None
    steps.note(first.made.revision)
    second = team.push(version(2))
    assert steps.step().made

    again = steps.step()

    assert (again.made, again.kept) == (None, "it is deployed already, as deployment 2")
    assert steps.deployments() == [first.made.revision, second]


@pytest.mark.slow
def test_who_is_killed_after_deploying_leaves_a_rollback_alone_that_came_before_it_was_back(
    steps: Steps, team: Team, place: Path
) -> None:
    first = steps.step()
    assert first.made is not None
    steps.note(first.made.revision)
    second = team.push(version(2))
    assert steps.step().made
    team.shop.cronicle("rollback", "--auto-approve", cwd=place / "shop")

    again = steps.step()

    assert again.made is None
    assert "has taken it back with deployment 3" in str(again.kept)
    assert steps.deployments() == [first.made.revision, second, first.made.revision]


@pytest.mark.slow
def test_a_deployment_that_comes_between_is_not_overwritten(
    steps: Steps, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = steps.step()
    assert first.made is not None
    steps.note(first.made.revision)
    second = team.push(version(2))
    plan = follow.plan_deployment

    def overtaken(*words: Any) -> Any:
        planned = plan(*words)
        monkeypatch.setattr(follow, "plan_deployment", plan)
        assert steps.step().made, "somebody else deploys"
        return planned

    monkeypatch.setattr(follow, "plan_deployment", overtaken)

    outcome = steps.step()

    assert outcome.is_overtaken
    assert steps.deployments() == [first.made.revision, second]


# Several processes over one PostgreSQL


class ClusterClone(FollowingClone):
    """A clone whose store is a database; its files lie beside the project."""

    def __init__(self, place: Path, team: Team, url: str) -> None:
        super().__init__(place, team)
        self.url = url
        self.environ["CRONICLE_STORE"] = url

    def reading(self, read: Callable[[StoreReader], Any]) -> Any:
        reader = open_reader(self.url)
        try:
            return read(reader)
        finally:
            reader.close()


@pytest.fixture
def cluster(place: Path, team: Team, make_database: Callable[[], str]) -> Iterator[ClusterClone]:
    made = ClusterClone(place, team, make_database())
    yield made
    made.close()


@pytest.mark.slow
def test_of_two_schedulers_the_other_goes_on_following_when_the_leader_is_killed(
    cluster: ClusterClone, team: Team
) -> None:
    cluster.good("apply", "--auto-approve")
    first = cluster.follow()
    second = cluster.follow(ready=None)
    bad = team.push({"w.hcl": "workflow {"})
    first.says("cannot be deployed")
    cluster.until(lambda: cluster.followed().problems[0].told, "all were told")
    first.kill()
    second.says("Leads the ticking")
    cluster.until_looked(2)

    good = team.push(version(2))
    cluster.until_deployed(good)
    cluster.until_looked(1)

    assert second.count("cannot be deployed") == 0
    assert [one["problem"]["revision"] for one in cluster.alarms()] == [bad]
    assert cluster.followed().problems == ()
