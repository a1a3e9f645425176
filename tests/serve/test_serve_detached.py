"""Runs and backfills that are left to the process that serves: it is woken, adopts them, and drives them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from serve_world import Served, gated, workflow

NOON = 'cron = "0 12 * * *"'


def soon(seconds: float = 3) -> datetime:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)


def test_a_detached_run_is_taken_up_at_once_by_the_process_that_serves(served: Served) -> None:
    served.deploy_workflows(workflow("w", schedule=NOON))
    scheduler = served.serve()

    said = served.good("run", "w", "--detach")

    assert f"left to process {scheduler.process.pid}" in said.err
    served.until(lambda: served.effects("end"), "its task")
    (run,) = served.until(lambda: served.runs("w", states=("succeeded",)), "its end")
    assert (run.id, run.cause) == (said.run, "manual")
    assert run.started_at is not None
    assert (run.started_at - run.created_at).total_seconds() < 1.0


def test_where_nobody_serves_a_detached_run_waits_and_it_is_said_how_to_go_on(served: Served) -> None:
    served.deploy_workflows(workflow("w", schedule=NOON))

    said = served.good("run", "w", "--detach", "--json")

    assert "no process serves this store" in said.err
    assert "cronicle serve" in said.err
    assert f"cronicle resume {said.run}" in said.err
    assert (said.json["id"], said.json["state"]) == (said.run, "queued")
    served.serve()
    served.until(lambda: served.effects("end"), "its task, by the next that serves")


def test_a_detached_backfill_is_driven_by_the_process_that_serves(served: Served) -> None:
    served.deploy_workflows(workflow("w", schedule=NOON))
    served.serve()

    said = served.good("backfill", "w", "--from", "2026-01-01", "--to", "2026-01-05", "--detach")

    served.until(lambda: served.show(said.backfill)["state"] == "succeeded", "its end")
    assert served.show(said.backfill)["done"] == 5
    assert {effect.cause for effect in served.effects("end")} == {"backfill"}


def test_a_backfill_that_nobody_drives_waits_for_one_that_serves(served: Served) -> None:
    served.deploy_workflows(workflow("w", schedule=NOON))

    said = served.good("backfill", "w", "--from", "2026-01-01", "--to", "2026-01-02", "--detach", "--json")

    assert "no process serves this store" in said.err
    assert said.json["done"] == 0
    served.serve()
    served.until(lambda: len(served.effects("end")) == 2, "its runs")


def test_a_run_for_later_starts_then_and_is_for_the_tick_that_is_latest_then(served: Served) -> None:
    """It stands in no tick's way: the tick has its own run, and this one waits for the end of that."""
    served.deploy_workflows(workflow("w", schedule='every = "5s"'))
    served.serve()
    at = datetime.fromtimestamp(soon(6).timestamp() // 5 * 5 + 7.5, UTC)  # well between two ticks

    said = served.good("run", "w", "--at", at.isoformat())
    assert f"run {said.run}" in said.err
    assert "starts at" in said.err
    assert served.show(said.run)["state"] == "queued"

    served.until(lambda: said.run in [effect.run for effect in served.effects("end")], "its task")
    run = next(run for run in served.runs("w") if run.id == said.run)
    latest = datetime.fromtimestamp(at.timestamp() // 5 * 5, UTC)
    assert run.logical_time == latest
    assert run.interval_start == latest - timedelta(seconds=5)
    assert run.started_at is not None
    assert at <= run.started_at
    others = [one for one in served.runs("w") if one.logical_time == latest and one.id != run.id]
    assert [(one.cause, one.state) for one in others] == [("schedule", "succeeded")]


def test_the_schedule_that_is_deployed_then_says_which_tick_it_is(served: Served) -> None:
    served.deploy_workflows(workflow("w", schedule=NOON))
    served.serve()
    said = served.good("run", "w", "--at", soon(6).isoformat())

    served.deploy_workflows(workflow("w", schedule='cron = "30 3 * * *"'))

    served.until(lambda: said.run in [effect.run for effect in served.effects("end")], "its task")
    (run,) = [run for run in served.runs("w") if run.id == said.run]
    assert (run.logical_time.hour, run.logical_time.minute) == (3, 30)
    assert run.deployment == 1, "what it does is what was deployed when it was asked for"


def test_a_run_for_later_waits_for_a_live_run_of_its_logical_time(served: Served) -> None:
    served.deploy_workflows(gated("w", schedule=NOON))
    served.serve("--slots", "4")
    first = served.good("run", "w", "--detach").run
    served.until(lambda: served.effects("begin"), "the first")

    said = served.good("run", "w", "--at", soon(1.5).isoformat())
    served.until(
        lambda: "same logical time" in served.good("explain", said.run).out, "it says what it waits for"
    )
    assert len(served.effects("begin")) == 1
    served.open_gate("w")

    served.until(lambda: len(served.effects("end")) == 2, "both")
    by_id = {run.id: run for run in served.runs("w")}
    assert by_id[first].logical_time == by_id[said.run].logical_time


def test_without_a_schedule_a_run_for_later_is_for_that_time(served: Served) -> None:
    served.deploy_workflows(workflow("w", schedule=None))
    served.serve()
    at = soon(2)

    served.good("run", "w", "--at", at.isoformat())

    served.until(lambda: served.effects("end"), "its task")
    (run,) = served.runs("w")
    assert run.logical_time == at


def test_a_run_for_later_of_a_given_tick_keeps_that(served: Served) -> None:
    served.deploy_workflows(workflow("w", schedule=NOON))
    served.serve()

    served.good("run", "w", "--at", soon(2).isoformat(), "--time", "2026-01-05")

    served.until(lambda: served.effects("end"), "its task")
    (run,) = served.runs("w")
    assert run.logical_time == datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_a_run_for_later_can_be_cancelled_before(served: Served) -> None:
    served.deploy_workflows(workflow("w", schedule=NOON))
    served.serve()
    said = served.good("run", "w", "--at", soon(3600).isoformat())
    served.until(lambda: served.runs("w")[0].owner, "it is adopted")

    served.good("cancel", said.run)

    served.until(lambda: served.runs("w")[0].state == "cancelled", "its end")


def test_serving_until_a_time_does_not_wait_for_what_starts_after_it(served: Served) -> None:
    served.deploy_workflows(workflow("w", schedule=NOON))
    said = served.good("run", "w", "--at", soon(3600).isoformat())
    begun = time.monotonic()

    assert served.serve("--once-until", soon(2).isoformat()).end() == 0

    assert time.monotonic() - begun < 30
    (run,) = served.runs("w")
    assert (run.id, run.state, run.owner) == (said.run, "queued", None)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--at", "2020-01-01T00:00:00Z"), ("not later than now",)),
        (("--at", "tomorrow"), ("--at",)),
        (("--at", "2126-01-01T00:00:00Z", "--off-schedule"), ("exclude each other", "--time")),
    ],
)
def test_what_at_cannot_mean_is_refused(
    served: Served, words: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    served.deploy_workflows(workflow("w", schedule=NOON))

    served.cronicle("run", "w", *words).is_clear_error(*parts, code=64)
