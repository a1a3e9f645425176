"""Projects, specs, deployments and the audit log."""

from __future__ import annotations

import pytest
from store_values import ACTOR, DAY, SPEC, START, deployment, project

from cronicle.runs.policy import Overlap, Policy
from cronicle.runs.spec import spec_hash
from cronicle.store.interface import Store, UnknownError
from cronicle.store.records import DeployedWorkflow, SourcePin


def test_a_project_comes_back_as_it_was_bound(store: Store) -> None:
    bound = store.bind_project(project(), ACTOR)

    assert bound == project()
    assert store.find_project("weather") == project()
    assert store.find_project_of("a" * 40, "") == project()
    assert store.find_project_at("/home/ada/weather") == project()
    assert store.list_projects() == (project(),)


def test_what_was_never_bound_is_not_found(store: Store) -> None:
    store.bind_project(project(), ACTOR)

    assert store.find_project("climate") is None
    assert store.find_project_of("a" * 40, "sub") is None
    assert store.find_project_at("/home/ada") is None


def test_binding_again_notes_the_path_and_keeps_the_rest(store: Store) -> None:
    store.bind_project(project(), ACTOR)

    bound = store.bind_project(project(path="/srv/weather", created_at=START + DAY), ACTOR)

    assert (bound.path, bound.created_at) == ("/srv/weather", START)


@pytest.mark.parametrize("other", [{"root_commit": "b" * 40}, {"folder": "sub"}])
def test_a_name_that_another_project_holds_is_left_to_it(store: Store, other: dict[str, str]) -> None:
    store.bind_project(project(), ACTOR)

    bound = store.bind_project(project(path="/elsewhere", **other), ACTOR)

    assert bound == project()
    assert store.find_project("weather") == project()


def test_of_two_projects_at_one_path_the_one_bound_last_is_there(store: Store) -> None:
    store.bind_project(project("first"), ACTOR)
    store.bind_project(project("second"), ACTOR)
    store.bind_project(project("first"), ACTOR)

    found = store.find_project_at("/home/ada/weather")

    assert found is not None
    assert found.name == "first"


def test_a_spec_is_stored_once_by_its_hash(store: Store) -> None:
    first, second = store.put_spec(SPEC), store.put_spec(SPEC)

    assert first == second == spec_hash(SPEC)
    assert store.get_spec(first) == SPEC


def test_an_unknown_spec_is_an_unknown_error(store: Store) -> None:
    with pytest.raises(UnknownError, match="no run spec"):
        store.get_spec("0" * 64)


def test_deployments_are_numbered_from_one_and_come_back_whole(store: Store) -> None:
    store.bind_project(project(), ACTOR)

    first = store.add_deployment(deployment(), based_on=None)
    second = store.add_deployment(deployment(revision="2" * 40, rolled_back_to=1), based_on=1)

    assert first == deployment(1)
    assert second == deployment(2, revision="2" * 40, rolled_back_to=1)
    assert store.find_deployment("weather", "local") == second
    assert store.find_deployment("weather", "local", 1) == first
    assert store.find_deployment("weather", "local", 3) is None


def test_what_a_deployment_tells_a_scheduler_comes_back(store: Store) -> None:
    store.bind_project(project(), ACTOR)
    policy = Policy(
        overlap=Overlap.CANCEL, requires=("hourly",), start_within=60.5, lock={"known": "db"}, on_deploy=True
    )
    made = deployment(
        1,
        workflows=(DeployedWorkflow(name="daily", spec_hash="h", schedules=[], policy=policy),),
        moved=(("workflow.a", "workflow.b"), ("workflow.a.task.x", "workflow.b.task.y")),
        settings={"heartbeat": "https://example.org/ping", "retention": None},
        pins=(
            SourcePin(name="lib", git="git@example.org:lib", ref="v1", revision="c" * 40),
            SourcePin(name="own", git="/srv/own", ref=None, revision="d" * 40),
        ),
    )

    assert store.add_deployment(made, based_on=None) == made


def test_a_deployment_based_on_one_that_is_no_longer_in_force_is_refused(store: Store) -> None:
    store.bind_project(project(), ACTOR)
    store.add_deployment(deployment(), based_on=None)

    assert store.add_deployment(deployment(), based_on=None) is None
    assert store.add_deployment(deployment(), based_on=2) is None
    assert len(store.list_deployments("weather")) == 1


def test_each_environment_has_its_own_deployments(store: Store) -> None:
    store.bind_project(project(), ACTOR)
    store.add_deployment(deployment(), based_on=None)
    store.add_deployment(deployment(environment="production"), based_on=None)
    store.add_deployment(deployment(), based_on=1)

    def listed(environment: str | None, limit: int = 50) -> list[tuple[str, int]]:
        return [
            (d.environment, d.number) for d in store.list_deployments("weather", environment, limit=limit)
        ]

    assert listed(None) == [("local", 2), ("production", 1), ("local", 1)]
    assert listed("local") == [("local", 2), ("local", 1)]
    assert listed("local", limit=1) == [("local", 2)]
    assert listed(None, limit=0) == []


def test_whether_a_revision_has_ever_been_deployed_is_known_by_environment(store: Store) -> None:
    store.bind_project(project(), ACTOR)
    store.add_deployment(deployment(), based_on=None)
    store.add_deployment(deployment(revision="2" * 40), based_on=1)

    assert store.has_been_deployed("weather", "local", "1" * 40)
    assert not store.has_been_deployed("weather", "production", "1" * 40)
    assert not store.has_been_deployed("weather", "local", "3" * 40)


def test_the_audit_log_is_read_newest_first_by_key(store: Store) -> None:
    for act in ("apply", "cancel", "rollback"):
        store.add_audit(ACTOR, START, act, "weather", "because")

    newest = store.list_audit(limit=2)
    older = store.list_audit(before=newest[-1].sequence)

    assert [entry.act for entry in (*newest, *older)] == ["rollback", "cancel", "apply"]
    assert (newest[0].actor, newest[0].at, newest[0].reason) == (ACTOR, START, "because")
