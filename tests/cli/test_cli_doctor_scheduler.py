"""What `doctor` says of the scheduler, and the metrics that the store alone tells."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from cli_world import OWNER, REVISION
from prometheus_client.parser import text_string_to_metric_families

from cronicle.execute.places import mirror_path
from cronicle.git.mirror import Mirror
from cronicle.git.repository import Identity, init_repository
from cronicle.runs.states import RunState
from cronicle.store.records import RunFilter

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(autouse=True)
def today(world) -> None:
    world.now = NOW


def check(said, name: str) -> dict[str, object]:
    (found,) = [one for one in json.loads(said.out) if one["name"] == name]
    return found


def test_without_a_schedule_nobody_needs_to_fire_ticks(world, cronicle):
    world.deploy(world.workflow(schedules=[]))

    assert check(cronicle("doctor", "--json"), "scheduler")["grade"] == "good"


def test_schedules_that_nobody_fires_are_told_with_the_command_that_does(world, cronicle):
    world.deploy()

    found = check(cronicle("doctor", "--json"), "scheduler")

    assert found["grade"] == "note"
    assert found["said"] == "none: 1 workflow has a schedule, and no process fires the ticks"
    assert "cronicle serve" in str(found["remedy"])


def test_who_leads_is_told_until_it_dies(world, cronicle):
    world.deploy()
    assert world.store.lead(OWNER) is not None

    assert "process 4321 on pluto fires the ticks" in str(
        check(cronicle("doctor", "--json"), "scheduler")["said"]
    )

    world.die()
    assert check(cronicle("doctor", "--json"), "scheduler")["grade"] == "note"


def test_a_deployment_whose_revision_is_not_in_the_mirror_is_wrong(world, cronicle):
    world.deploy()

    said = cronicle("doctor", "--json")

    assert said.code == 1
    found = check(said, "deployments")
    assert found["grade"] == "bad"
    assert f"the mirror of weather, local does not have revision {REVISION[:7]}" in str(found["said"])
    assert "cronicle apply" in str(found["remedy"])


def test_a_deployment_whose_files_are_there_is_sound(world, cronicle, project_folder: Path):
    repository = init_repository(project_folder)
    revision = repository.commit_files(["cronicle.hcl"], "Begin", Identity("ana", "a@b"), NOW)
    Mirror.open_or_create(mirror_path(world.folder, "weather")).pin(repository, revision)
    world.deploy(revision=revision)

    assert check(cronicle("doctor", "--json"), "deployments")["grade"] == "good"


def test_a_spec_that_is_missing_is_told(world, cronicle, project_folder: Path):
    world.deploy(attrs.evolve(world.workflow(), spec_hash="gone"))

    assert "the spec of daily (weather, local) is missing" in str(
        check(cronicle("doctor", "--json"), "deployments")["said"]
    )


def test_the_age_of_the_last_backup_is_told(world, cronicle, tmp_path: Path):
    assert check(cronicle("doctor", "--json"), "backup")["grade"] == "note"
    cronicle("db", "backup", str(tmp_path / "copy"))
    world.now += timedelta(days=3)
    fresh = check(cronicle("doctor", "--json"), "backup")
    world.now += timedelta(days=40)
    old = check(cronicle("doctor", "--json"), "backup")

    assert (fresh["grade"], fresh["said"]) == ("good", "made at 2026-11-23T00:00:00Z, 3 days ago")
    assert old["grade"] == "note"


def test_the_figures_of_the_store_are_samples_in_json_and_text_for_prometheus(world, cronicle):
    world.deploy()
    done = world.run("2015-12-31", id="7K2M9QX4TA").succeed().now()
    world.run(id="4C0V8E5N2R").begin("extract")

    figures = check(cronicle("doctor", "--json"), "figures")
    text = cronicle("doctor", "--metrics")

    where = {"project": "weather", "environment": "local", "workflow": "daily"}
    samples = {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(text.out)
        for one in family.samples
    }
    assert text.code == 0
    assert samples["cronicle_runs_live", frozenset({("state", "running")})] == 1
    assert samples["cronicle_owners", frozenset({("state", "alive")})] == 1
    assert samples["cronicle_scheduler_up", frozenset()] == 0
    assert samples["cronicle_store_bytes", frozenset()] > 0
    last = "cronicle_workflow_last_success_timestamp_seconds"
    logical = "cronicle_workflow_last_success_logical_timestamp_seconds"
    assert samples[last, frozenset(where.items())] == done.ended_at.timestamp()
    assert samples[logical, frozenset(where.items())] == done.logical_time.timestamp()
    assert {"name": logical, "labels": where, "value": done.logical_time.timestamp()} in figures["samples"]
    assert str(figures["said"]).startswith("1 live run; last successes: daily 2026-11-23T")


def test_the_last_success_is_the_latest_of_those_that_count(world, cronicle):
    world.deploy()
    world.run("2015-12-31").succeed()
    world.run("2015-12-30").succeed()
    world.run("2015-12-29").fail()
    world.run("2015-12-28", logical_time=NOW, counts=False).succeed()

    (one,) = world.store.list_last_successes("weather", "local", ["daily", "never"])

    assert one.workflow == "daily"
    assert one.logical_time.date().isoformat() == "2016-01-01"  # 23:55 in Los Angeles
    counting = [run for run in world.store.list_runs(RunFilter(states=(RunState.SUCCEEDED,))) if run.counts]
    assert one.ended_at == max(run.ended_at for run in counting)


def test_metrics_of_no_store_say_so(cronicle, tmp_path: Path):
    said = cronicle("doctor", "--metrics", "--store", str(tmp_path / "nowhere"))

    assert said.code == 1
    assert "there is no store" in said.err
