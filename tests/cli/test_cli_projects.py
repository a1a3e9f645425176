"""Several projects in one store: listings say which, and what has the same name in two of them never meets."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cli_world import ANA, REVISION, World

from cronicle.git.repository import Identity, init_repository
from cronicle.runs.states import BackfillState, Cause
from cronicle.store.records import Actor, ProjectRecord
from cronicle.store.series import PauseRecord, SeriesKey, Settlement, TickSpan

LONELY = [{"cron": ["0 4 * * 0"], "timezone": "UTC"}]

Give = Callable[..., Any]


@pytest.fixture
def shared(world: World) -> World:
    """A store of `weather`, in whose folder one is, and `sales`; both have a workflow `daily` with the same tasks."""
    world.store.bind_project(
        ProjectRecord(
            name="sales",
            root_commit="b" * 40,
            folder="",
            path="/elsewhere",
            default_environment="production",
            created_at=world.now,
        ),
        ANA,
    )
    world.deploy()
    add_deployment(world, "sales", "production")
    return world


def add_deployment(world: World, project: str, environment: str) -> None:
    import attrs

    like = world.store.find_deployment("weather", "local")
    assert like is not None
    made = attrs.evolve(like, project=project, environment=environment, number=0)
    assert world.store.add_deployment(made, based_on=None) is not None


@pytest.fixture
def outside(shared: World, cronicle: Give, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Give:
    """Gives a command outside any project, with the store named."""

    def give(*words: str) -> Any:
        with monkeypatch.context() as there:
            there.chdir(tmp_path)
            return cronicle(*words, "--store", str(shared.folder))

    return give


def of_sales(world: World, **changes: object) -> dict[str, object]:
    return {"project": "sales", "environment": "production", **changes}


# Listings of the whole store


def test_runs_of_the_whole_store_name_project_and_what_is_not_the_default_environment(shared, outside):
    shared.run(id="AAA0000000").succeed()
    shared.run(id="BBB0000000", **of_sales(shared)).succeed()
    shared.run(id="CCC0000000", **of_sales(shared, environment="staging")).succeed()

    said = outside("runs")
    value = json.loads(outside("runs", "--json").out)

    assert [line.split("  ")[2].strip() for line in said.lines[1:]] == [
        "sales/daily (staging)",
        "sales/daily",
        "weather/daily",
    ]
    assert [(one["project"], one["environment"]) for one in value] == [
        ("sales", "staging"),
        ("sales", "production"),
        ("weather", "local"),
    ]


def test_status_of_the_whole_store_names_each_project_and_commands_that_mean_it(shared, outside):
    shared.run(id="BBB0000000", **of_sales(shared)).begin("extract")
    shared.backfill("2015-12-25", id="9XG3T0B1ZB", **of_sales(shared))
    shared.store.add_pause(
        PauseRecord(
            project="sales",
            environment="production",
            workflow="daily",
            actor=Actor(user="ana", host="pluto", command="cronicle pause daily"),
            paused_at=shared.now,
        )
    )

    said = outside("status")
    value = json.loads(outside("status", "--json").out)

    assert "next tick  weather/daily" in said.lines[0]
    told = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in said.lines[2:]]
    assert [line[0] for line in told] == [
        "sales/daily",
        "backfill of sales/daily",
        "sales/daily",
        "sales/daily",
        "weather/daily",
    ]
    assert told[2][-1] == "cronicle unpause daily --project sales"
    assert told[4][-1] == "cronicle run daily --project weather"
    assert [(one["project"], one["environment"]) for one in value["workflows"]] == [
        ("sales", "production"),
        ("weather", "local"),
    ]
    assert {one["project"] for key in ("live", "backfills") for one in value[key]} == {"sales"}


def test_a_suggested_command_names_an_environment_that_is_not_the_default_one(shared, cronicle):
    add_deployment(shared, "weather", "staging")

    assert cronicle("status", "-e", "staging").lines[-1].endswith("cronicle run daily -e staging")
    assert cronicle("status").lines[-1].endswith("cronicle run daily")


def test_backfills_of_the_whole_store_name_the_project(shared, outside):
    shared.backfill("2015-12-25", id="9XG3T0B1ZA")
    shared.backfill("2015-12-25", id="9XG3T0B1ZB", **of_sales(shared))
    shared.backfill("2015-12-25", id="9XG3T0B1ZC", **of_sales(shared, environment="staging"))

    said = outside("backfills", "daily")
    value = json.loads(outside("backfills", "--json").out)

    assert [line.split("  ")[2].strip() for line in said.lines[1:]] == [
        "sales/daily (staging)",
        "sales/daily",
        "weather/daily",
    ]
    assert [(one["id"], one["project"]) for one in value] == [
        ("9XG3T0B1ZC", "sales"),
        ("9XG3T0B1ZB", "sales"),
        ("9XG3T0B1ZA", "weather"),
    ]


def test_next_of_the_whole_store_names_the_project(shared, outside):
    said = outside("next", "-n", "2")
    value = json.loads(outside("next", "-n", "2", "--json").out)

    assert [line.split()[0] for line in said.lines] == ["sales/daily", "weather/daily"]
    assert [(one["project"], one["environment"], one["workflow"]) for one in value] == [
        ("sales", "production", "daily"),
        ("weather", "local", "daily"),
    ]


def test_deployments_of_the_whole_store_name_the_project(shared, outside):
    lines = outside("deployments").lines
    value = json.loads(outside("deployments", "--json").out)

    assert sorted(line.split()[3] for line in lines[1:]) == ["sales/production", "weather/local"]
    assert sorted(one["project"] for one in value) == ["sales", "weather"]


def test_missed_ticks_of_the_whole_store_name_the_project_and_a_command_that_means_it(shared, outside):
    drop_ticks(shared, "sales", "staging", 3)
    drop_ticks(shared, "weather", "local", 1)

    said = outside("runs", "--missed")
    value = json.loads(outside("runs", "--missed", "--json").out)

    assert [line.split("  ")[1].strip() for line in said.lines[1:]] == [
        "weather/daily",
        "sales/daily (staging)",
    ]
    assert said.err.strip().endswith("cronicle explain daily@2015-12-30T07:55:00Z --project weather")
    assert [(one["project"], one["environment"], one["count"]) for one in value] == [
        ("weather", "local", 1),
        ("sales", "staging", 3),
    ]


def drop_ticks(world: World, project: str, environment: str, count: int) -> None:
    """Have a scheduler record that ticks have made no run."""
    epoch = world.store.lead("owner-1")
    assert epoch is not None
    key = SeriesKey(project=project, environment=environment, workflow="daily", series=None)
    last = datetime.fromisoformat("2015-12-30T07:55:00Z")
    span = TickSpan(
        key=key,
        first=last - timedelta(days=count - 1),
        last=last,
        count=count,
        reason="no_catchup",
        detail="",
        recorded_at=world.clock(),
    )
    assert (
        world.store.settle(epoch, [Settlement(key=key, expected=None, cursor=None, dropped=(span,))])
        is not None
    )


def test_what_an_id_finds_is_said_to_be_elsewhere(shared, cronicle, outside):
    shared.run(id="AAA0000000").succeed()
    shared.run(id="BBB0000000", **of_sales(shared)).succeed()
    made = shared.backfill("2015-12-25", id="9XG3T0B1ZB", **of_sales(shared))
    shared.store.set_backfill_state(made.id, BackfillState.CANCELLED, None, shared.now, owner="owner-1")

    assert cronicle("show", "BBB").lines[0].endswith("in sales/production")
    assert cronicle("show", "9XG").lines[0].endswith("in sales/production")
    assert cronicle("explain", "BBB").lines[1] == "  in sales/production"
    assert cronicle("wait", "BBB").lines[0].endswith("in sales/production")
    assert " in " not in cronicle("show", "AAA").lines[0]
    assert outside("show", "AAA").lines[0].endswith("in weather/local")
    for command in ("show", "explain"):
        value = json.loads(outside(command, "AAA", "--json").out)
        assert (value["project"], value["environment"]) == ("weather", "local")


def test_doctor_names_the_projects_of_last_successes(shared, outside):
    shared.run(id="AAA0000000").succeed()
    shared.run(id="BBB0000000", **of_sales(shared)).succeed()

    said = outside("doctor").out

    assert "weather/local/daily" in said
    assert "sales/production/daily" in said
    metrics = outside("doctor", "--metrics").out
    for labels in ('project="weather",environment="local"', 'project="sales",environment="production"'):
        assert f'last_success_timestamp_seconds{{{labels},workflow="daily"}}' in metrics


def test_who_fires_ticks_is_told_of_the_project_that_is_meant(shared, cronicle, outside):
    """Two schedulers may share a store, each for its own projects."""
    assert shared.store.lead("owner-1", "project=sales") is not None

    assert "no scheduler runs" in cronicle("status").lines[0]
    assert json.loads(cronicle("status", "--json").out)["scheduler"] is None
    assert outside("status", "--project", "sales").lines[0].startswith("scheduler: process 4321 on pluto")
    assert "no process serves project weather" in cronicle("run", "daily", "--detach").err
    assert "left to process 4321" in outside("run", "daily", "--detach", "--project", "sales").err
    assert "nobody those of weather" in outside("doctor").out
    assert shared.store.lead("owner-1", "project=weather") is not None
    assert outside("status").lines[0].startswith("schedulers: process 4321 on pluto, started")
    assert "nobody those of" not in outside("doctor").out
    assert "scheduler: process 4321" in cronicle("status").lines[0]
    assert "no scheduler runs" in cronicle("status", "-e", "staging").lines[0]


# Which project is meant


@pytest.mark.parametrize(
    "words",
    [
        ["show", "daily@latest"],
        ["logs", "daily~0"],
        ["explain", "daily@2015-12-31"],
        ["wait", "daily@latest"],
        ["cancel", "daily@latest"],
        ["resume", "daily@latest"],
        ["retry", "daily@latest"],
        ["mark", "daily@2015-12-31", "--succeeded", "--reason", "x"],
        ["pause", "daily"],
        ["pause", "--all"],
        ["unpause", "daily"],
        ["next", "daily"],
        ["run", "daily"],
        ["backfill", "daily", "--from", "2015-12-30", "--to", "2015-12-30"],
    ],
)
def test_outside_any_project_a_workflow_of_several_projects_is_not_guessed(outside, words):
    said = outside(*words)

    assert (said.code, said.out) == (1, "")
    assert "the store has several projects (sales, weather)" in said.err
    assert "--project NAME" in said.err


def test_a_project_that_the_store_does_not_have_is_said_with_those_that_it_has(outside):
    said = outside("runs", "--project", "sale")

    assert (said.code, said.out) == (1, "")
    assert "the store has no project 'sale'" in said.err
    assert "It has: sales, weather." in said.err


def test_a_named_project_is_meant_wherever_one_is(shared, cronicle, outside):
    shared.run(id="AAA0000000").succeed()
    shared.run(id="BBB0000000", **of_sales(shared)).fail()

    for give in (cronicle, outside):
        assert (
            json.loads(give("show", "daily@latest", "--project", "sales", "--json").out)["id"] == "BBB0000000"
        )
        assert (
            json.loads(give("show", "daily@latest", "--project", "weather", "--json").out)["id"]
            == "AAA0000000"
        )
        assert [one["id"] for one in json.loads(give("runs", "--project", "sales", "--json").out)] == [
            "BBB0000000"
        ]
        assert {one["project"] for one in json.loads(give("next", "--project", "sales", "--json").out)} == {
            "sales"
        }
        status = json.loads(give("status", "--project", "sales", "--json").out)
        assert [one["project"] for one in status["workflows"]] == ["sales"]
    assert json.loads(cronicle("show", "daily@latest", "--json").out)["id"] == "AAA0000000"


def test_pausing_a_workflow_of_one_project_leaves_that_of_the_other_alone(shared, cronicle, outside):
    said = outside("pause", "daily", "--project", "sales", "--reason", "stocktaking")

    assert said.err.splitlines()[-1].endswith("cronicle unpause daily --project sales")
    assert [one.workflow for one in shared.store.list_pauses("sales", "production")] == ["daily"]
    assert shared.store.list_pauses("weather", "local") == ()
    assert cronicle("unpause", "daily").code == 1
    assert outside("unpause", "daily", "--project", "sales").code == 0
    lines = [(one.act, one.project, one.environment, one.subject) for one in shared.store.list_audit(limit=2)]
    where = "sales", "production", "daily"
    assert lines == [("unpause", *where), ("pause", *where)]


def test_marks_are_of_the_named_project(shared, cronicle, outside):
    words = ["mark", "daily@2015-12-30", "--succeeded", "--reason", "by hand", "--json"]

    made = json.loads(outside(*words, "--project", "sales").out)

    assert (made["project"], made["environment"]) == ("sales", "production")
    assert cronicle("runs", "--json").out == "[]\n"


def test_a_retry_at_the_deployed_revision_takes_that_of_the_runs_own_project(shared, cronicle, monkeypatch):
    """From the folder of another project, whose workflow has the same name."""
    planned = []
    monkeypatch.setattr(
        "cronicle.cli.retrying.plan_a_retry", lambda *_, **about: planned.append(about) or 1 / 0
    )
    shared.run(id="BBB0000000", **of_sales(shared)).fail()

    cronicle("retry", "BBB", "--revision", "deployed")

    [about] = planned
    for candidate in (about["deployed"], about["other"]):
        assert (candidate.target.project.name, candidate.target.environment) == ("sales", "production")


# What a folder is known for


def commit_in(folder: Path, text: str = "") -> str:
    """Make the folder a repository with one commit, which it gives."""
    (folder / "cronicle.hcl").write_text(text)
    when = datetime.fromisoformat("2015-11-01T00:00:00Z")
    return init_repository(folder).commit_files(
        ["cronicle.hcl"], text or "Begin", Identity("ana", "a@b"), when
    )


def bind(world: World, name: str, root: str, path: str, folder: str = "") -> None:
    world.store.bind_project(
        ProjectRecord(
            name=name,
            root_commit=root,
            folder=folder,
            path=path,
            default_environment="local",
            created_at=world.now,
        ),
        ANA,
    )


def test_another_repository_at_the_path_of_a_project_is_not_that_project(shared, cronicle, project_folder):
    """On another machine the folder of the same name may be a clone of something else."""
    root = commit_in(project_folder)

    unknown = cronicle("runs")
    bind(shared, "inventory", root, "/on/another/machine")
    known = cronicle("status", "--json")

    assert unknown.code == 1
    assert "nothing of this project has been deployed yet" in unknown.err
    assert json.loads(known.out)["workflows"] == []
    assert cronicle("next", "daily").err.startswith("error: nothing has been deployed to inventory/local")


@pytest.mark.parametrize("packed", [False, True])
def test_a_repository_that_shows_deployments_of_the_project_is_believed(
    shared, cronicle, project_folder, packed
):
    """Also if its history was written anew since."""
    commit_in(project_folder)
    git = project_folder / ".git"
    if packed:
        (git / "packed-refs").write_text(f"{REVISION} refs/cronicle/deployments/weather/local\n")
    else:
        (git / "refs/cronicle/deployments/weather").mkdir(parents=True)

    assert cronicle("next", "daily").code == 0


def test_a_clone_elsewhere_is_the_same_project_and_its_folders_are_told_apart(
    shared, cronicle, project_folder
):
    """Two projects in one repository, cloned to a path that the store has never heard of."""
    root = commit_in(project_folder)
    deeper = project_folder / "deeper"
    deeper.mkdir()
    (deeper / "cronicle.hcl").write_text("")
    bind(shared, "upper", root, "/nowhere/at/all")
    bind(shared, "lower", root, "/nowhere/at/all/deeper", "deeper")

    def error_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.chdir(folder)
        return cronicle("next", "daily", "--store", str(shared.folder)).err.splitlines()[0]

    with pytest.MonkeyPatch.context() as monkeypatch:
        assert "deployed to upper/local" in error_in(project_folder, monkeypatch)
        assert "deployed to lower/local" in error_in(deeper, monkeypatch)


def test_retrying_with_another_revision_reads_only_the_folder_of_the_runs_project(
    shared, cronicle, project_folder
):
    root = commit_in(project_folder, 'project "inventory" { }\n')
    bind(shared, "inventory", root, str(project_folder))
    shared.run(id="BBB0000000", cause=Cause.MANUAL, **of_sales(shared)).fail()

    said = cronicle("retry", "BBB", "--revision", "HEAD")

    assert said.code == 1
    assert "the files of this folder are of project inventory, not of sales" in said.err
    assert "Change into the folder of that project: /elsewhere" in said.err
