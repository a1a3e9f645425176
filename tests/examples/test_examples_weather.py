"""The weather of Seattle: a backfill of real data ends up with the right reports, whatever happens on the way.

On both backends: the same commands, the same results, the same bytes.
"""

from __future__ import annotations

import csv
import random
import re
import resource
import runpy
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from examples_world import EXAMPLES, Project, new_project

WEATHER = EXAMPLES / "weather"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def new(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Project]:
    """Makes projects on each backend, deployed."""

    def make() -> Project:
        store = None if request.param == "sqlite" else request.getfixturevalue("make_database")()
        made = new_project(tmp_path_factory.mktemp("weather"), "weather", store)
        made.cronicle("apply", "--auto-approve")
        return made

    return make


@pytest.fixture(scope="module")
def project(new: Callable[[], Project]) -> Project:
    """The project, deployed. The tests share it: each has months of its own."""
    return new()


@pytest.fixture(scope="module")
def report() -> SimpleNamespace:
    """The script of the task `report`."""
    return SimpleNamespace(**runpy.run_path(str(WEATHER / "report.py")))


def check_totals(project: Project, *words: str) -> subprocess.CompletedProcess[str]:
    """The example's own comparison of its reports with its data."""
    return subprocess.run(
        [sys.executable, "check_totals.py", *words],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )


def expected_reports(report: SimpleNamespace, first: str, last: str) -> dict[str, bytes]:
    """The reports of these days, made in one go."""
    months: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    with (WEATHER / "data/seattle-weather.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            day = row["date"].replace("/", "-")
            if first <= day <= last:
                columns = ("temp_max", "temp_min", "precipitation", "wind")
                months[day[:7]][day] = {
                    name: float(row[column]) for name, column in zip(report.COLUMNS, columns, strict=True)
                }
    return {
        f"{month}.{suffix}": make(month, figures).encode()
        for month, figures in months.items()
        for suffix, make in (("md", report.report), ("svg", report.plot))
    }


def reports(project: Project, *months: str) -> dict[str, bytes]:
    """The reports of these months; of all, where none is named."""
    return {
        path.name: path.read_bytes()
        for path in (project.data / "reports").iterdir()
        if not months or path.stem in months
    }


def kill_after(days: int, project: Project, *words: str) -> str:
    """Start a backfill, or go on with it, and kill it once so many days have succeeded; its id."""
    name, said = "", list[str]()
    with project.start(*words) as driving:
        assert driving.stderr is not None
        try:
            for line in driving.stderr:
                said.append(line)
                named = re.search(r"backfill (\w{10})", line)
                name = name or (named[1] if named else "")
                days -= "succeeded" in line
                if days == 0:
                    break
        finally:
            driving.kill()
    assert days == 0, said
    return name


def test_a_day_is_five_task_runs_joined_by_pipes_and_outputs(project):
    run = project.json("run", "daily", "--time", "2013-07-05")

    tasks = {(task["task"], task["key"]): task for task in run["tasks"]}
    assert run["state"] == "succeeded"
    assert list(tasks) == [
        ("extract", None),
        ("summarise", "rain"),
        ("summarise", "temperature"),
        ("summarise", "wind"),
        ("report", None),
    ]
    assert tasks["summarise", "temperature"]["output"] == {"max": "23.3", "min": "13.9"}
    assert tasks["report", None]["attempts"][0]["exit_code"] == 0


def test_the_order_of_the_days_leaves_no_trace(project, report):
    first, last = "2014-02-26", "2014-03-03"
    project.cronicle("backfill", "daily", "--from", first, "--to", last, "--newest-first", "--parallel", "3")

    assert reports(project, "2014-02", "2014-03") == expected_reports(report, first, last)
    assert "reports agree with the observations" in check_totals(project).stdout


def test_a_backfill_that_is_killed_twice_goes_on_to_the_same_bytes(project, report):
    first, last = "2012-02-22", "2012-03-05"
    name = kill_after(3, project, "backfill", "daily", "--from", first, "--to", last)
    kill_after(3, project, "resume", name)
    project.cronicle("resume", name)

    assert reports(project, "2012-02", "2012-03") == expected_reports(report, first, last)
    runs = [run for run in project.json("runs", "daily") if run["date"].startswith("2012")]
    assert sorted(run["date"] for run in runs) == [f"2012-02-{day}" for day in range(22, 30)] + [
        f"2012-03-0{day}" for day in range(1, 6)
    ]
    assert {run["state"] for run in runs} == {"succeeded"}


def test_the_comparison_finds_a_figure_that_is_wrong(project, tmp_path):
    project.cronicle("run", "daily", "--time", "2015-11-05")
    shutil.copytree(project.data, tmp_path / "data")
    made = tmp_path / "data/reports/2015-11.md"
    made.write_text(made.read_text().replace("| 2015-11-05 | 11", "| 2015-11-05 | 12"))

    found = check_totals(project, str(tmp_path / "data"))

    assert found.returncode == 1
    assert "| 2015-11-05 | 12" in found.stderr


def test_more_data_is_no_change_of_the_tasks(project):
    data = project.folder / "data/seattle-weather.csv"
    before = data.read_text()
    data.write_text(before + "2016/01/01,0.0,5.0,1.0,2.0,sun\n")

    (daily,) = project.json("plan", "--dirty")["changes"]

    data.write_text(before)
    assert {task["name"]: task["action"] for task in daily["tasks"]} == {
        "extract": "no_op",
        "summarise": "no_op",
        "report": "no_op",
    }


def test_a_run_that_fails_is_told_to_the_hook(project):
    project.cronicle("apply", "--environment", "staging", "--var", "station=nowhere", "--auto-approve")

    run = project.json("run", "daily", "--environment", "staging", "--time", "2012-03-05", code=1)

    assert [(task["task"], task["state"]) for task in run["tasks"]] == [
        ("extract", "failed"),
        ("summarise", "skipped"),
        ("report", "skipped"),
    ]
    failures = project.folder / ".cronicle/data/weather/staging/failures.txt"
    assert f"run {run['id']} of daily, 2012-03-05" in failures.read_text()


@pytest.mark.slow
def test_four_years_end_up_with_forty_eight_right_reports_though_killed_ten_times(new, report):
    """The main job, 1,461 days and 7,305 task runs, with `kill -9` at ten random moments on the way."""
    project = new()
    largest_before = _largest_child()
    first, last = "2012-01-01", "2015-12-31"
    words = ["backfill", "daily", "--from", first, "--to", last]
    moments = random.Random(1461)
    for _ in range(10):
        killed = project.start(*words)
        assert killed.stderr is not None
        with killed, killed.stderr as said:
            while (started := re.match(r"backfill (\w{10})", said.readline())) is None:
                pass  # what is said of the process that was killed before
            for _ in range(moments.randrange(1, 140)):
                assert said.readline()
            time.sleep(moments.random() / 5)  # into the middle of some task
            killed.kill()
        words = ["resume", started[1]]
    project.cronicle(*words)

    assert reports(project) == expected_reports(report, first, last)
    agreed = check_totals(project, str(project.data), "48")
    assert agreed.stdout == "48 reports agree with the observations\n"
    runs = project.json("runs", "daily", "--limit", "2000")
    assert len(runs) == 1461 == len({run["logical_time"] for run in runs})
    assert {(run["state"], run["counts"], run["cause"]) for run in runs} == {("succeeded", True, "backfill")}
    assert len({run["revision"] for run in runs}) == 1
    for run in msgspec.json.decode(project.cronicle("show", "--json", *(run["id"] for run in runs))):
        assert len(run["tasks"]) == 5
        for task in run["tasks"]:
            outcomes = [attempt["outcome"] for attempt in task["attempts"]]
            assert outcomes == ["lost"] * (len(outcomes) - 1) + ["succeeded"]
    assert not left_behind(project)
    assert _largest_child() <= max(200 * 1024, largest_before)


def _largest_child() -> int:
    """KiB that the largest process has taken of all that were started so far, those of other tests among them."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def left_behind(project: Project) -> list[str]:
    """Processes that work for the project."""
    mark = f"CRONICLE_DATA={project.data}".encode()
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in environ.read_bytes().split(b"\0"):
                found.append(environ.parent.name)
    return found
