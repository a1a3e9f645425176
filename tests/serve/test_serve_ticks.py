"""A scheduler as a real process: ticks make runs, deployments are taken up, pauses hold."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

from serve_world import Served, gated, workflow


def test_each_tick_makes_one_run_that_is_executed_at_once(served: Served) -> None:
    served.deploy_workflows(workflow("w"), workflow("other", schedule='every = "2s"'))

    served.serve()
    served.until(lambda: len(served.effects("end", "w")) >= 4, "four runs")

    times = [effect.time for effect in served.effects("begin", "w")]
    assert len(set(times)) == len(times)
    instants = sorted(datetime.fromisoformat(time) for time in times)
    assert {later - earlier for earlier, later in itertools.pairwise(instants)} == {timedelta(seconds=1)}
    runs = served.runs("w", states=("succeeded",))
    assert {run.cause for run in runs} == {"schedule"}
    assert max((run.started_at - run.logical_time).total_seconds() for run in runs if run.started_at) < 1.0
    assert served.runs("other")


def test_a_new_deployment_is_taken_up_at_once_and_runs_in_progress_keep_their_spec(served: Served) -> None:
    served.deploy_workflows(gated("old", schedule='every = "1s"', rest='  overlap = "skip"'))
    scheduler = served.serve()
    served.until(lambda: served.effects("begin", "old"), "the run of the old deployment")

    asked = datetime.now(UTC)
    revision = served.deploy_workflows(
        workflow("old", 'touch "$CRONICLE_DATA/new-spec"', rest='  overlap = "allow"'), workflow("new")
    )
    served.until(lambda: served.effects("end", "new"), "a run of the new workflow")
    served.until(lambda: served.effects("end", "old"), "a run of the new spec")
    assert (served.data / "new-spec").exists()
    served.open_gate("old")
    first = served.effects("begin", "old")[0].run
    served.until(lambda: first in [effect.run for effect in served.effects("end")], "the end of the first")

    assert scheduler.process.poll() is None
    by_run = {run.id: run for run in served.runs()}
    assert by_run[first].deployment == 1
    assert {run.revision for run in by_run.values() if run.deployment == 2} == {revision}
    later = [run for run in by_run.values() if run.logical_time > asked + timedelta(seconds=5)]
    assert all(run.deployment == 2 for run in later)
    ticks = Counter((run.workflow, run.logical_time) for run in by_run.values())
    assert set(ticks.values()) == {1}


def test_a_pause_holds_until_it_is_ended_and_its_ticks_make_no_runs(served: Served) -> None:
    served.deploy_workflows(workflow("w"), workflow("other"))
    served.serve()
    served.until(lambda: served.effects("end", "w"), "a run")

    served.good("pause", "w", "--reason", "maintenance")
    paused = max(run.logical_time for run in served.runs("w"))
    count = len(served.effects("end", "other"))
    served.until(lambda: len(served.effects("end", "other")) > count + 2, "ticks of the other")
    assert max(run.logical_time for run in served.runs("w")) <= paused + timedelta(seconds=1)
    served.good("unpause", "w")
    served.until(
        lambda: max(run.logical_time for run in served.runs("w")) > paused + timedelta(seconds=1), "goes on"
    )

    spans = served.reading(lambda store: store.list_dropped("shop", "local", "w"))
    assert {span.reason for span in spans} == {"paused"}
    assert "maintenance" in spans[0].detail


def test_all_of_an_environment_is_paused_until_a_time(served: Served) -> None:
    served.deploy_workflows(workflow("w"), workflow("other"))
    served.serve()
    served.until(lambda: served.effects("end", "w") and served.effects("end", "other"), "runs of both")

    until = datetime.now(UTC) + timedelta(seconds=4)
    served.good("pause", "--all", "--until", until.isoformat())
    begun = datetime.now(UTC)
    served.until(lambda: any(run.logical_time > until for run in served.runs("w")), "goes on by itself")

    between = [run for run in served.runs() if begun < run.logical_time < until]
    assert between == []


def test_once_until_serves_the_ticks_up_to_a_time_and_ends_when_their_runs_have(served: Served) -> None:
    served.deploy_workflows(workflow("w", "sleep 0.3"))
    until = (datetime.now(UTC) + timedelta(seconds=4)).replace(microsecond=0)

    scheduler = served.serve("--once-until", until.isoformat())

    assert scheduler.end() == 0
    runs = served.runs("w")
    assert max(run.logical_time for run in runs) == until
    assert {run.state for run in runs} == {"succeeded"}


def test_the_dry_mode_says_what_would_run_and_makes_nothing(served: Served) -> None:
    served.deploy_workflows(workflow("w"))
    until = (datetime.now(UTC) + timedelta(seconds=3)).replace(microsecond=0)

    said = served.good("serve", "--dry-run", "--once-until", until.isoformat())

    assert any(line.startswith("would run  w  ") for line in said.lines)
    assert served.runs() == ()
    assert served.reading(lambda store: store.list_cursors("shop", "local")) == ()
    assert not served.effects()
