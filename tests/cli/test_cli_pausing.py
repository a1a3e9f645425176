"""`pause` and `unpause` of workflows, and what `status` says of them."""

from __future__ import annotations

import json

import pytest

from cronicle.store.acts import AuditFilter


@pytest.fixture(autouse=True)
def deployed(world):
    """A workflow `daily`."""
    world.deploy(world.workflow())


def test_a_paused_workflow_is_told_by_status_with_who_and_why(cronicle):
    said = cronicle("pause", "daily", "--reason", "db upgrade")
    assert said.code == 0
    assert "daily: paused; runs in progress finish" in said.lines
    assert "cronicle unpause daily" in said.err

    status = cronicle("status")
    assert any("daily" in line and "paused by" in line and "db upgrade" in line for line in status.lines)
    assert json.loads(cronicle("status", "--json").out)["workflows"][0]["paused"]["reason"] == "db upgrade"


def test_unpause_lets_it_go_on_once(cronicle):
    cronicle("pause", "daily")

    assert cronicle("unpause", "daily").code == 0
    again = cronicle("unpause", "daily")

    assert again.code == 1
    assert "error: daily is not paused" in again.err
    assert json.loads(cronicle("status", "--json").out)["workflows"][0]["paused"] is None


def test_all_of_an_environment_is_paused_by_all(cronicle):
    cronicle("pause", "--all", "--until", "2030-01-01", "--reason", "moving house")

    assert "all of the environment is: cronicle unpause --all" in cronicle("unpause", "daily").err
    assert any("until 2030-01-01" in line for line in cronicle("status").lines)
    assert cronicle("unpause", "--all").code == 0


def test_what_makes_no_sense_is_refused_with_a_remedy(cronicle):
    assert cronicle("pause").code == 64
    assert cronicle("pause", "daily", "--all").code == 64
    late = cronicle("pause", "daily", "--until", "2001-01-01")
    assert late.code == 64
    assert "is not later than now" in late.err
    assert "Name a time to come" in late.err


def test_a_pause_is_in_the_audit_log(cronicle, world):
    cronicle("pause", "daily", "--reason", "db upgrade")

    (entry,) = world.store.list_audit(AuditFilter(act="pause"))
    assert (entry.project, entry.environment, entry.subject) == ("weather", "local", "daily")
    assert entry.reason == "db upgrade"


def test_without_missed_ticks_runs_missed_says_so(cronicle):
    said = cronicle("runs", "--missed")

    assert said.code == 0
    assert "every tick that was due has its run" in said.err
    assert json.loads(cronicle("runs", "--missed", "--json").out) == []


def test_a_name_that_is_not_deployed_is_said_not_to_be_and_which_is_meant(cronicle):
    said = cronicle("pause", "dayly")

    assert said.code == 1
    assert "error: no workflow 'dayly' is deployed to" in said.err
    assert "Did you mean daily?" in said.err
