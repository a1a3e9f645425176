"""What applying leads to: runs of what is owed, and ticks of the past that make none."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from typing import Any

import pytest
from attrs import evolve
from plan_sides import sides

from cronicle.plan.effects import Effects, PastTicks, SeriesState, deploys_anew, effect_on, past_ticks
from cronicle.plan.renames import with_renamed_tasks
from cronicle.schedule.owed import Deployed, Paused
from cronicle.schedule.rule import Catchup, Schedule

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
ZONE = "America/Los_Angeles"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def daily(**more: Any) -> Schedule:
    return Schedule(crons=("0 4 * * *",), **more)


def state(new: Schedule, old: Schedule | None = None, **more: Any) -> SeriesState:
    position = at("2026-11-20T12:00")
    deployed = (Deployed(number=1, at=at("2026-11-01"), schedules=(old or new,)),)
    return evolve(
        SeriesState(
            workflow="w", series=None, new=(new,), old=(old or new,), position=position, deployed=deployed
        ),
        **more,
    )


# What is owed


@pytest.mark.parametrize(
    ("catchup", "runs", "dropped"), [(Catchup.NONE, 0, 5), (Catchup.LATEST, 1, 4), (Catchup.ALL, 5, 0)]
)
def test_what_was_missed_is_treated_by_the_catchup_that_is_to_be_in_force(
    catchup: Catchup, runs: int, dropped: int
) -> None:
    found = effect_on(state(daily(catchup=catchup), daily()), NOW)

    assert (found.runs, found.dropped, found.past) == (runs, dropped, None)


def test_only_what_lies_in_the_window_is_made_up() -> None:
    found = effect_on(state(daily(catchup=Catchup.ALL, catchup_window=timedelta(days=2))), NOW)

    assert (found.runs, found.dropped) == (2, 3)


def test_what_is_on_record_as_owed_is_made_up_too() -> None:
    assert effect_on(state(daily(), owed=7, position=NOW), NOW).runs == 7


def test_ticks_in_a_pause_make_no_runs() -> None:
    paused = (Paused(start=at("2026-11-22"), end=at("2026-11-24")),)
    found = effect_on(state(daily(catchup=Catchup.ALL), pauses=paused), NOW)

    assert (found.runs, found.dropped) == (3, 2)


def test_the_ticks_of_the_past_are_those_of_the_schedule_that_was_deployed_then() -> None:
    hourly = Schedule(every=timedelta(hours=1), catchup=Catchup.ALL)

    assert effect_on(state(hourly, daily()), NOW).runs == 5


def test_a_series_without_a_past_owes_nothing() -> None:
    new = SeriesState(workflow="w", series="x", new=(daily(catchup=Catchup.ALL),))

    assert effect_on(new, NOW).runs == 0


def test_the_effects_of_a_plan_are_summed() -> None:
    one = effect_on(state(daily(catchup=Catchup.ALL)), NOW)

    assert Effects(series=(one, one), on_deploy=("a",)).runs == 11
    assert Effects(series=(one,), problem="damaged").runs is None


# Ticks of the past


def test_the_first_deployment_of_a_schedule_that_has_ended_names_all_its_ticks() -> None:
    weather = daily(timezone=ZONE, start=at("2012-01-01T08:00"), end=at("2016-01-01T08:00"))

    assert past_ticks((), (weather,), NOW) == PastTicks(
        count=1461, first=date(2012, 1, 1), last=date(2015, 12, 31)
    )


def test_a_schedule_that_loses_its_end_names_the_ticks_since_then() -> None:
    weather = daily(timezone=ZONE, start=at("2012-01-01T08:00"), end=at("2016-01-01T08:00"))
    found = past_ticks((weather,), (evolve(weather, end=None),), NOW)

    assert found == PastTicks(count=3981, first=date(2016, 1, 1), last=date(2026, 11, 24))


def test_the_same_holds_without_a_start() -> None:
    ended = daily(end=at("2026-11-01"))

    assert past_ticks((ended,), (daily(),), NOW) == PastTicks(
        count=25, first=date(2026, 11, 1), last=date(2026, 11, 25)
    )


def test_an_earlier_start_names_the_ticks_before_the_old_one() -> None:
    old, new = daily(start=at("2026-11-01")), daily(start=at("2026-10-01"))

    assert past_ticks((old,), (new,), NOW) == PastTicks(
        count=31, first=date(2026, 10, 1), last=date(2026, 10, 31)
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((), (daily(),)),
        ((daily(),), (Schedule(crons=("0 5 * * *",)),)),
        ((daily(),), (daily(),)),
        ((daily(),), (daily(end=NOW),)),
        ((), (daily(start=at("2012-01-01"), enabled=False),)),
        ((), (daily(start=at("2027-01-01")),)),
        ((daily(),), ()),
    ],
    ids=["new", "other time", "same", "ends now", "disabled", "in the future", "removed"],
)
def test_other_changes_name_no_ticks_of_the_past(
    old: tuple[Schedule, ...], new: tuple[Schedule, ...]
) -> None:
    assert past_ticks(old, new, NOW) is None


def test_ten_years_of_minutes_are_counted_in_no_time() -> None:
    ended = Schedule(crons=("* * * * *",), timezone=ZONE, start=at("2010-01-01"), end=at("2016-11-25T10:00"))
    began = perf_counter()
    found = past_ticks((ended,), (evolve(ended, end=None),), NOW)

    assert found is not None
    assert found.count == (NOW - at("2016-11-25T10:00")) // timedelta(minutes=1) + 1
    assert perf_counter() - began < 5


# Runs of the deployment itself

TEXT = """
workflow "w" {
  task "a" {
    command = ["true"]
  }
}
"""


def test_a_deployment_runs_what_it_changes_and_not_what_it_renames() -> None:
    spec = sides(TEXT, {})["w"].spec
    changed = sides(TEXT.replace("true", "false"), {})["w"].spec
    renamed = sides(TEXT.replace('"w"', '"v"').replace('"a"', '"b"'), {})["v"].spec

    assert deploys_anew(None, spec)
    assert deploys_anew(spec, changed)
    assert not deploys_anew(spec, spec)
    assert not deploys_anew(with_renamed_tasks(spec, {"a": "b"}), renamed)
