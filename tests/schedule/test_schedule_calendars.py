"""Calendars: ticks by their nominal dates, previous ticks and unions included, and searches that give up."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronicle.config.deployed import schedules_from_json, schedules_to_json
from cronicle.schedule.calendars import Calendar
from cronicle.schedule.rule import Schedule
from cronicle.schedule.ticks import (
    last_instant,
    latest_tick,
    neighbours,
    next_instant,
    previous_tick,
    tick_of_start,
    ticks_after,
    ticks_between,
    ticks_in_dates,
)

MICRO = timedelta.resolution


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def day(text: str) -> date:
    return date.fromisoformat(text)


CHRISTMAS = Calendar(dates=[day("2026-12-24"), day("2026-12-25"), day("2026-12-26")])
WEEKENDS = Calendar(weekdays=[0, 6])


def test_excluded_dates_have_no_ticks_and_the_interval_goes_over_them():
    daily = Schedule(crons="30 4 * * *", exclude=CHRISTMAS, timezone="Europe/Vienna")
    ticks = ticks_in_dates(daily, day("2026-12-23"), day("2026-12-28"))
    assert [tick.date for tick in ticks] == ["2026-12-23", "2026-12-27", "2026-12-28"]
    assert ticks[1].interval_date == "2026-12-23"
    assert previous_tick(daily, at("2026-12-26T12:00")) == ticks[0]
    assert neighbours(daily, at("2026-12-25")) == (ticks[0], ticks[1])


def test_only_keeps_the_dates_of_a_calendar_and_exclude_is_stronger():
    rule = Schedule(crons="0 9 * * *", only=WEEKENDS, exclude=CHRISTMAS)
    ticks = ticks_in_dates(rule, day("2026-12-18"), day("2026-12-31"))
    assert [tick.date for tick in ticks] == ["2026-12-19", "2026-12-20", "2026-12-27"]


def test_the_first_interval_of_a_schedule_with_calendars_is_that_of_the_rule_without_bounds():
    rule = Schedule(crons="0 9 * * *", only=WEEKENDS, start=at("2026-12-19"))
    first = next(ticks_after(rule, at("2020-01-01")))
    assert (first.date, first.interval_date) == ("2026-12-19", "2026-12-13")


def test_a_calendar_is_asked_for_the_nominal_date():
    nuuk = "America/Nuuk"  # 23:00 becomes 24:00 on 28 March 2026: 23:30 fires when clocks show the 29th
    late = Schedule(crons="30 23 * * *", timezone=nuuk, only=Calendar(dates=[day("2026-03-28")]))
    (tick,) = ticks_in_dates(late, day("2026-03-01"), day("2026-04-30"))
    assert (tick.date, tick.time_text) == ("2026-03-28", "2026-03-29T00:00:00-01:00")


def test_periods_and_instants_keep_to_the_dates_that_clocks_show():
    rule = Schedule(
        every=timedelta(hours=8),
        at=[at("2026-12-24T06:00"), at("2026-12-23T06:00")],
        exclude=CHRISTMAS,
        timezone="Asia/Tokyo",
    )
    ticks = list(ticks_between(rule, at("2026-12-23"), at("2026-12-27")))
    assert [tick.logical_time for tick in ticks] == [
        at("2026-12-23T00:00"),
        at("2026-12-23T06:00"),
        at("2026-12-23T08:00"),
        at("2026-12-26T16:00"),
    ]
    assert previous_tick(rule, at("2026-12-26T10:00")) == ticks[2]


def test_each_schedule_of_a_series_has_its_own_calendars_and_params():
    week = Schedule(crons="0 6 * * *", exclude=WEEKENDS, params={"size": "small"})
    weekend = Schedule(crons="0 6,9 * * *", only=WEEKENDS, params={"size": "large"})
    ticks = list(ticks_between([week, weekend], at("2026-12-18"), at("2026-12-20")))
    assert [(tick.logical_time.hour, tick.params["size"]) for tick in ticks] == [
        (6, "small"),
        (6, "large"),
        (9, "large"),
    ]


def test_a_schedule_of_the_start_has_no_ticks_but_the_one_that_is_made_for_it():
    rule = Schedule(on_start=True, timezone="Asia/Tokyo", params={"a": 1}, jitter=timedelta(minutes=1))
    assert list(ticks_after(rule, at("2026-01-01"))) == []
    tick = tick_of_start(rule, at("2026-01-01T20:00"))
    assert tick.interval.is_empty
    assert (tick.date, tick.time_text) == ("2026-01-02", "2026-01-02T05:00:00+09:00")
    assert (tick.params, tick.jitter) == ({"a": 1}, timedelta(minutes=1))


@pytest.mark.parametrize(
    "rule",
    [
        Schedule(crons="* * * * * *", only=Calendar(dates=[day("2020-02-29")])),
        Schedule(crons="* * * * * *", only=Calendar()),
        Schedule(crons="0 0 * * 1", only=WEEKENDS),
        Schedule(crons="0 0 30 2 *", exclude=CHRISTMAS),
        Schedule(every=timedelta(seconds=1), only=Calendar(dates=[day("2020-02-29")])),
        Schedule(every=timedelta(days=7), only=Calendar(weekdays=[1])),  # a Thursday, as in 1970
        Schedule(every=timedelta(minutes=1), exclude=Calendar(weekdays=range(7))),
    ],
)
def test_a_search_that_finds_nothing_gives_up_at_once(rule):
    before = time.process_time()
    assert next(ticks_after(rule, at("2026-01-01")), None) is None
    assert next_instant(rule, at("2026-01-01")) is None
    latest_tick(rule, at("2026-01-01"))
    assert time.process_time() - before < 1


def test_a_rare_date_on_a_rare_weekday_is_found():
    rule = Schedule(crons="0 0 29 2 *", only=Calendar(weekdays=[0]))
    assert [tick.date for tick in islice(ticks_after(rule, at("2088-03-01")), 1)] == ["2128-02-29"]
    assert previous_tick(rule, at("2128-02-28")).date == "2088-02-29"


DATES = st.dates(date(2026, 3, 20), date(2026, 4, 10))
CALENDARS = st.none() | st.builds(
    Calendar, dates=st.frozensets(DATES, max_size=9), weekdays=st.frozensets(st.integers(0, 6), max_size=6)
)
RULES = st.builds(
    Schedule,
    crons=st.lists(st.sampled_from(["*/40 * * * *", "30 23 * * *", "30 2 * * *", "0 0 * * 1"]), max_size=2),
    every=st.none() | st.sampled_from([timedelta(hours=5), timedelta(days=1), timedelta(minutes=77)]),
    at=st.lists(
        st.datetimes(datetime(2026, 3, 20), datetime(2026, 4, 10), timezones=st.just(UTC)), max_size=3
    ),
    timezone=st.sampled_from(["UTC", "America/Nuuk", "Africa/Casablanca", "Australia/Lord_Howe"]),
    only=CALENDARS,
    exclude=CALENDARS,
)


@given(RULES)
def test_calendars_keep_exactly_the_ticks_of_their_nominal_dates(rule):
    start, end = at("2026-03-18"), at("2026-04-14")
    bare = Schedule(crons=rule.crons, every=rule.every, at=rule.at, timezone=rule.timezone)
    # Of several rules that meet in an instant each is asked, so one is enough to keep it.
    expected = {
        tick.logical_time
        for one in ([Schedule(crons=cron, timezone=rule.timezone) for cron in rule.crons]
                    + [Schedule(every=rule.every, timezone=rule.timezone)]
                    + [Schedule(at=rule.at, timezone=rule.timezone)])
        for tick in ticks_between(one, start, end)
        if (rule.only is None or tick.nominal.date() in rule.only)
        and (rule.exclude is None or tick.nominal.date() not in rule.exclude)
    }  # fmt: skip
    ticks = list(ticks_between(rule, start, end))
    assert {tick.logical_time for tick in ticks} == expected
    assert expected <= {tick.logical_time for tick in ticks_between(bare, start, end)}
    for before, tick in islice(pairwise(ticks), 40):
        assert tick.interval.start == before.logical_time
        assert previous_tick(rule, tick.logical_time) == before
        assert next_instant(rule, before.logical_time) == tick.logical_time
        assert last_instant(rule, tick.logical_time - MICRO) == before.logical_time


def test_a_weekday_is_a_number_from_sunday_to_saturday():
    assert day("2026-11-22") in Calendar(weekdays=[0])
    with pytest.raises(ValueError, match="weekdays"):
        Calendar(weekdays=[7])


@given(RULES, st.booleans(), st.dictionaries(st.text(), st.integers() | st.text()))
def test_what_a_deployment_keeps_of_a_schedule_reads_back_as_it_was(rule, on_start, params):
    rule = Schedule(
        crons=rule.crons, every=rule.every, at=rule.at, only=rule.only, exclude=rule.exclude, on_start=on_start,
        params=params,
    )  # fmt: skip
    assert schedules_from_json(schedules_to_json([rule])) == (rule,)


def test_a_schedule_that_says_nothing_new_is_kept_as_earlier_releases_did():
    (kept,) = schedules_to_json([Schedule(crons="@daily")])
    assert kept.keys().isdisjoint({"only", "exclude", "on", "params"})
