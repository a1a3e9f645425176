"""The environment of attempts: what is passed, what is set, what may be changed."""

from __future__ import annotations

import attrs

from cronicle.execute.environment import AttemptVariables, RunVariables, attempt_environment, run_environment

RUN = RunVariables(
    timezone="Europe/Berlin",
    project="shop",
    workflow="daily",
    instance="north",
    environment="local",
    run_id="4XK2M9Q0TB",
    cause="schedule",
    time="2026-11-23T02:00:00+01:00",
    date="2026-11-23",
    interval_start="2026-11-22T02:00:00+01:00",
    interval_end="2026-11-23T02:00:00+01:00",
    revision="0" * 40,
    run_data="/files/run-data",
    data="/files/data",
    repository="/files/mirror",
)
ATTEMPT = AttemptVariables(
    task="extract",
    key="eu",
    attempt=2,
    output="/a/output",
    summary="/a/summary",
    scratch="/a/scratch",
    token="t0ken",
    fence=7,
)
SET = {
    "TZ": "Europe/Berlin",
    "CRONICLE_PROJECT": "shop",
    "CRONICLE_WORKFLOW": "daily",
    "CRONICLE_INSTANCE": "north",
    "CRONICLE_ENVIRONMENT": "local",
    "CRONICLE_RUN_ID": "4XK2M9Q0TB",
    "CRONICLE_TASK": "extract",
    "CRONICLE_KEY": "eu",
    "CRONICLE_ATTEMPT": "2",
    "CRONICLE_CAUSE": "schedule",
    "CRONICLE_TIME": "2026-11-23T02:00:00+01:00",
    "CRONICLE_DATE": "2026-11-23",
    "CRONICLE_INTERVAL_START": "2026-11-22T02:00:00+01:00",
    "CRONICLE_INTERVAL_END": "2026-11-23T02:00:00+01:00",
    "CRONICLE_REVISION": "0" * 40,
    "CRONICLE_OUTPUT": "/a/output",
    "CRONICLE_SUMMARY": "/a/summary",
    "CRONICLE_RUN_DATA": "/files/run-data",
    "CRONICLE_DATA": "/files/data",
    "CRONICLE_SCRATCH": "/a/scratch",
    "CRONICLE_REPOSITORY": "/files/mirror",
    "CRONICLE_ATTEMPT_TOKEN": "t0ken",
    "CRONICLE_FENCE": "7",
}


def test_exactly_the_listed_variables_are_set():
    assert attempt_environment(run_environment({}, (), RUN), ATTEMPT, {}) == SET


def test_few_variables_are_passed_from_the_executing_process():
    passed = {
        "PATH": "/bin",
        "HOME": "/h",
        "USER": "u",
        "LOGNAME": "u",
        "SHELL": "/bin/sh",
        "LANG": "C",
        "LC_ALL": "C",
        "LC_TIME": "C",
        "TMPDIR": "/t",
        "EDITOR": "ed",
    }
    base = {
        **passed,
        "AWS_SECRET": "x",
        "PYTHONPATH": "p",
        "LD_PRELOAD": "l",
        "CRONICLE_STORE": "s",
        "TZ": "UTC",
    }

    assert (
        attempt_environment(run_environment(base, ["EDITOR", "NOT_THERE"], RUN), ATTEMPT, {}) == passed | SET
    )


def test_the_task_adds_replaces_and_unsets():
    common = run_environment({"PATH": "/bin", "HOME": "/h"}, (), RUN)

    environment = attempt_environment(
        common, ATTEMPT, {"PATH": "/opt", "HOME": None, "TZ": "UTC", "NO": None}
    )

    assert environment == {**SET, "PATH": "/opt", "TZ": "UTC"}


def test_the_token_cannot_be_changed():
    for value in (None, "mine"):
        environment = attempt_environment({}, ATTEMPT, {"CRONICLE_ATTEMPT_TOKEN": value})
        assert environment["CRONICLE_ATTEMPT_TOKEN"] == "t0ken"


def test_what_has_no_value_is_not_set_but_the_key_is_empty():
    run = attrs.evolve(RUN, interval_start=None, interval_end=None, revision=None, repository=None)
    base = {"CRONICLE_REVISION": "of the outer attempt"}

    environment = attempt_environment(
        run_environment(base, list(base), run), attrs.evolve(ATTEMPT, key=None), {}
    )

    missing = {"CRONICLE_INTERVAL_START", "CRONICLE_INTERVAL_END", "CRONICLE_REVISION", "CRONICLE_REPOSITORY"}
    assert environment.keys() == SET.keys() - missing
    assert environment["CRONICLE_KEY"] == ""


def test_what_is_common_is_not_changed_by_an_attempt():
    common = run_environment({"PATH": "/bin"}, (), RUN)
    before = dict(common)

    attempt_environment(common, ATTEMPT, {"PATH": None, "X": "1"})

    assert common == before
