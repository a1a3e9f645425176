"""The same commands on a SQLite and on a PostgreSQL store say the same, but for ids, moments and processes."""

from __future__ import annotations

import pprint
import re
import shutil
from typing import Any

import msgspec
import pytest
from examples_world import Project, new_project

MASKED = frozenset(
    {"id", "backfill", "retry_of", "carried_from", "created_at", "started_at", "ended_at", "lateness"}
    | {"cpu_time", "peak_memory", "pid", "host"}
)
"""Ids, instants, durations, processes and machines."""

SNAPSHOT = re.compile(r'[^"]*/snapshots/[^/"]*/[^/"]*/')

RUN_ID = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{10}\b")


def masked(value: Any) -> Any:
    """What a command said in JSON, without what differs from one time to the next."""
    match value:
        case dict():
            return {
                key: None if found is None else "…" if key in MASKED else masked(found)
                for key, found in value.items()
            }
        case list():
            return [masked(one) for one in value]
        case str():
            return RUN_ID.sub("…", value)
        case _:
            return value


def pretty(value: Any) -> list[str]:
    """Line by line, so that a difference can be read."""
    return pprint.pformat(value, width=100).splitlines()


def history(project: Project) -> dict[str, Any]:
    """What is on record after the same commands: a backfill, a run, a failed one, its retry."""
    project.cronicle("apply", "--auto-approve")
    project.cronicle("apply", "--environment", "broken", "--var", "station=nowhere", "--auto-approve")
    days = ("--from", "2012-02-27", "--to", "2012-03-02")
    project.cronicle("backfill", "daily", *days)
    project.cronicle("run", "daily", "--time", "2012-03-05", "--param", "unit=celsius", code=64)
    project.cronicle("run", "daily", "--time", "2012-03-05")
    failed = project.json("run", "daily", "-e", "broken", "--time", "2012-03-05", code=1)["id"]
    project.cronicle("retry", failed, code=1)
    runs = project.json("runs", "daily")
    broken = project.json("runs", "daily", "-e", "broken")
    (backfill,) = project.json("backfills")
    addresses = [run["id"] for run in (*sorted(runs, key=lambda run: run["logical_time"]), *broken)]
    return {
        "runs": sorted(masked(runs), key=lambda run: run["logical_time"]),
        "runs of broken": masked(broken),
        "backfill": masked(project.json("show", backfill["id"])),
        "show": masked(msgspec.json.decode(project.cronicle("show", "--json", *addresses))),
        "logs": [
            SNAPSHOT.sub("…", project.cronicle("logs", address)) for address in addresses
        ],
        "deployments": [
            {**masked(one), "deployed_at": "…"} for one in project.json("deployments")
        ],
        "next": project.json("next", "daily", "--from", "2014-01-01T00:00:00Z", "--count", "3"),
        "reports": {
            path.name: path.read_bytes() for path in sorted((project.data / "reports").iterdir())
        },
    }


@pytest.fixture
def alike(tmp_path, make_database) -> tuple[Project, Project]:
    """The same commit in two repositories, one with a store of each backend."""
    for name in ("one", "two"):  # of the same length, which a log with paths in it would tell
        (tmp_path / name).mkdir()
    first = new_project(tmp_path / "one", "weather")
    shutil.copytree(first.folder, tmp_path / "two" / "project")
    return first, Project(tmp_path / "two" / "project", make_database())


def test_the_same_commands_say_the_same_on_both_backends(alike):
    on_sqlite, on_postgres = (history(project) for project in alike)

    for what, said in on_sqlite.items():
        assert pretty(on_postgres[what]) == pretty(said), what
    shown = on_sqlite["show"]
    assert [run["state"] for run in shown] == ["succeeded"] * 6 + ["failed"] * 2
    assert all(len(run["tasks"]) == 5 for run in shown[:6])
