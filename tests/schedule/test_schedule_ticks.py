"""Ticks: clock changes as cronie treats them, bounds, unions, intervals that tile, and their cost."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from cronicle.schedule.cron import CronError, parse_cron
from cronicle.schedule.interval import DataInterval
from cronicle.schedule.rule import Schedule
from cronicle.schedule.ticks import (
    latest_tick,
    neighbours,
    previous_tick,
    tick_at,
    ticks_after,
    ticks_between,
    ticks_in_dates,
    ticks_on,
)
from cronicle.schedule.zones import ZoneError

NEW_YORK, LORD_HOWE, CHATHAM = "America/New_York", "Australia/Lord_Howe", "Pacific/Chatham"
APIA, NUUK, SAO_PAULO, GOOSE_BAY = "Pacific/Apia", "America/Nuuk", "America/Sao_Paulo", "America/Goose_Bay"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def schedule(*crons: str, timezone: str = "UTC", **more) -> Schedule:
    return Schedule(crons=crons, timezone=timezone, **more)


@pytest.mark.parametrize(
    ("cron", "timezone", "day", "expected"),
    [
        # New York, spring: 02:00 becomes 03:00 at 07:00Z.
        ("30 1 * * *", NEW_YORK, "2026-03-08", ["06:30Z 01:30"]),
        ("0 2 * * *", NEW_YORK, "2026-03-08", ["07:00Z 02:00"]),
        ("30 2 * * *", NEW_YORK, "2026-03-08", ["07:00Z 02:30"]),
        ("15,45 2 * * *", NEW_YORK, "2026-03-08", ["07:00Z 02:15"]),
        ("0 2,3 * * *", NEW_YORK, "2026-03-08", ["07:00Z 03:00"]),
        ("30 2,3 * * *", NEW_YORK, "2026-03-08", ["07:00Z 02:30", "07:30Z 03:30"]),
        ("0 30 2 * * *", NEW_YORK, "2026-03-08", ["07:00Z 02:30"]),
        ("*/20 2 * * *", NEW_YORK, "2026-03-08", []),
        (
            "*/30 1-3 * * *", NEW_YORK, "2026-03-08",
            ["06:00Z 01:00", "06:30Z 01:30", "07:00Z 03:00", "07:30Z 03:30"],
        ),
        ("0 */2 1-31 * *", NEW_YORK, "2026-03-08", [
            "05:00Z 00:00", *(f"{hour + 4:02d}:00Z {hour:02d}:00" for hour in range(4, 20, 2)),
            "00:00Z 20:00", "02:00Z 22:00",
        ]),
        # New York, autumn: 02:00 becomes 01:00 at 06:00Z.
        ("30 1 * * *", NEW_YORK, "2026-11-01", ["05:30Z 01:30"]),
        ("0 2 * * *", NEW_YORK, "2026-11-01", ["07:00Z 02:00"]),
        ("30 0,1,2 * * *", NEW_YORK, "2026-11-01", ["04:30Z 00:30", "05:30Z 01:30", "07:30Z 02:30"]),
        (
            "*/30 1 * * *", NEW_YORK, "2026-11-01",
            ["05:00Z 01:00", "05:30Z 01:30", "06:00Z 01:00", "06:30Z 01:30"],
        ),
        # Lord Howe: half an hour. 02:00 becomes 02:30 at 15:30Z; 02:00 becomes 01:30 at 15:00Z.
        ("15 2 * * *", LORD_HOWE, "2026-10-04", ["15:30Z 02:15"]),
        ("45 1 * * *", LORD_HOWE, "2026-04-05", ["14:45Z 01:45"]),
        (
            "*/15 1 * * *", LORD_HOWE, "2026-04-05",
            ["14:00Z 01:00", "14:15Z 01:15", "14:30Z 01:30", "14:45Z 01:45", "15:00Z 01:30", "15:15Z 01:45"],
        ),
        # Chatham: 02:45 becomes 03:45 at 14:00Z.
        ("0 3 * * *", CHATHAM, "2026-09-27", ["14:00Z 03:00"]),
        ("*/7 2 * * *", CHATHAM, "2026-09-27", [f"13:{m + 15:02d}Z 02:{m:02d}" for m in range(0, 45, 7)]),
        # Apia left out the whole of 30 December 2011.
        ("0 12 * * *", APIA, "2011-12-29", ["22:00Z 12:00"]),
        ("0 12 * * *", APIA, "2011-12-30", []),
        ("0 * * * *", APIA, "2011-12-30", []),
        ("0 12 * * *", APIA, "2011-12-31", ["22:00Z 12:00"]),
        # Nuuk: 23:00 becomes 24:00, which is the next day, at 01:00Z.
        ("30 23 * * *", NUUK, "2026-03-28", ["01:00Z 23:30"]),
        ("30 23 * * *", NUUK, "2026-03-29", ["00:30Z 23:30"]),
        ("0 0,23 * * *", NUUK, "2026-03-29", ["01:00Z 00:00", "00:00Z 23:00"]),
        # São Paulo 2011: midnight becomes 01:00 at 03:00Z; midnight becomes 23:00 at 02:00Z.
        ("0 0 * * *", SAO_PAULO, "2011-10-16", ["03:00Z 00:00"]),
        ("30 0 * * *", SAO_PAULO, "2011-10-16", ["03:00Z 00:30"]),
        ("*/30 1 */5 * *", SAO_PAULO, "2011-10-16", ["03:00Z 01:00", "03:30Z 01:30"]),
        ("30 23 * * *", SAO_PAULO, "2011-02-19", ["01:30Z 23:30"]),
        (
            "*/30 23 * * *", SAO_PAULO, "2011-02-19",
            ["01:00Z 23:00", "01:30Z 23:30", "02:00Z 23:00", "02:30Z 23:30"],
        ),
        ("0 0 * * *", SAO_PAULO, "2011-02-20", ["03:00Z 00:00"]),
        # Goose Bay: a minute past midnight becomes 23:01 of the day before, at 03:01Z.
        ("0 0 * * *", GOOSE_BAY, "2010-11-07", ["03:00Z 00:00"]),
        ("30 23 * * *", GOOSE_BAY, "2010-11-06", ["02:30Z 23:30"]),
        ("*/30 23 * * *", GOOSE_BAY, "2010-11-06", ["02:00Z 23:00", "02:30Z 23:30", "03:30Z 23:30"]),
    ],
)  # fmt: skip
def test_clock_changes_are_treated_as_in_cronie(cron, timezone, day, expected):
    ticks = ticks_on(schedule(cron, timezone=timezone), date.fromisoformat(day))
    assert [f"{tick.logical_time:%H:%MZ} {tick.nominal:%H:%M}" for tick in ticks] == expected
    assert {tick.date for tick in ticks} <= {day}


def test_an_hourly_day_has_23_and_25_ticks_when_clocks_change():
    hourly = schedule("@hourly", timezone=NEW_YORK)
    assert len(ticks_on(hourly, date(2026, 3, 8))) == 23
    assert len(ticks_on(hourly, date(2026, 11, 1))) == 25
    assert len(ticks_on(hourly, date(2026, 11, 2))) == 24


ZONES = st.sampled_from([
    NEW_YORK, LORD_HOWE, CHATHAM, APIA, NUUK, SAO_PAULO, GOOSE_BAY, "UTC", "Europe/Vienna", "Europe/London",
    "Africa/Casablanca", "Asia/Kolkata", "Asia/Tehran", "Asia/Gaza", "America/Havana", "America/Santiago",
    "Antarctica/Troll", "America/Caracas", "Africa/Monrovia", "Asia/Pyongyang", "Pacific/Kiritimati",
])  # fmt: skip
DATES = st.dates(date(1975, 1, 1), date(2035, 12, 31))
INSTANTS = st.datetimes(datetime(1975, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))
MINUTES, HOURS = st.integers(0, 59), st.integers(0, 23)
DAILY = st.tuples(MINUTES, HOURS).map(lambda time: f"{time[0]} {time[1]} * * *")
ANY_CRON = st.one_of(
    DAILY,
    st.sampled_from([
        "@hourly", "*/7 2 * * *", "*/20 */5 * * *", "0 0 L * *", "0 0 29 2 *", "15,45 1-3 * * 0",
        "30 23 LW * *",
        "0 0,12 * * *", "59 23 * * 6L", "20 30 2 * * *", "0 0 13 * 5", "0 1-2 */5 * *", "30 2 8 3 *",
    ]),
)  # fmt: skip
LEAPS = {(APIA, date(2011, 12, 30)), ("Pacific/Kiritimati", date(1994, 12, 31))}  # days that never were


@cache
def days_near_changes(zone: str, *years: int) -> list[date]:
    """The days on which, or next to which, the offset of a zone changes in some years."""
    days = [date(year, 1, 1) + timedelta(days=n) for year in years for n in range(366)]
    offsets = [datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).utcoffset() for day in days]
    changed = [day for day, before, after in zip(days, offsets, offsets[1:], strict=False) if before != after]
    return [day + timedelta(days=step) for day in changed for step in (-1, 0, 1, 2)]


@given(DAILY, ZONES, st.data())
def test_each_nominal_date_has_exactly_one_tick_of_a_daily_expression(cron, zone, data):
    near = days_near_changes(zone, 1993, 1994, 1995, 2010, 2011, 2012)
    day = data.draw(st.one_of(DATES, st.sampled_from(near)) if near else DATES)
    expected = 0 if (zone, day) in LEAPS else 1
    assert len(ticks_on(schedule(cron, timezone=zone), day)) == expected


def oracle(cron: str, zone_name: str, start: datetime, end: datetime) -> dict[datetime, datetime]:
    """Instants and nominal times, minute by minute, with nothing but zoneinfo's round trips."""
    zone, parsed, found = ZoneInfo(zone_name), parse_cron(cron), {}
    if parsed.is_wild:
        instant = start
        while instant < end:
            shown = instant.astimezone(zone).replace(tzinfo=None)
            if list(parsed.nominal_times(shown, shown + timedelta(minutes=1))):
                found[instant] = shown
            instant += timedelta(minutes=1)
        return found
    margin = timedelta(days=3)
    naive_start, naive_end = start.replace(tzinfo=None), end.replace(tzinfo=None)
    for nominal in parsed.nominal_times(naive_start - margin, naive_end + margin):
        early, late = nominal.replace(tzinfo=zone), nominal.replace(tzinfo=zone, fold=1)
        instant = early.astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) != nominal:
            if late.utcoffset() - early.utcoffset() > timedelta(hours=3):
                continue
            while (instant - timedelta(minutes=1)).astimezone(zone).utcoffset() == late.utcoffset():
                instant -= timedelta(minutes=1)
            found.setdefault(instant, nominal)
        else:
            found[instant] = nominal
    return {instant: nominal for instant, nominal in sorted(found.items()) if start <= instant < end}


@settings(max_examples=150)
@given(
    st.sampled_from([
        "*/15 * * * *", "0 */2 * * *", "*/20 1-3 * * *", "10,50 0-4 * * *", "30 2,23 * * *", "0 0-3 * * *",
        "45 1,2 1-28 * *",
    ]),
    ZONES,
    st.data(),
)  # fmt: skip
def test_ticks_near_clock_changes_agree_with_a_minute_by_minute_oracle(cron, zone, data):
    near = days_near_changes(zone, 2010, 2011, 2012) or [date(2011, 6, 1)]
    day = data.draw(st.sampled_from(near))
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
        hours=data.draw(st.integers(-20, 20))
    )
    end = start + timedelta(hours=data.draw(st.integers(1, 40)))
    ticks = ticks_between(schedule(cron, timezone=zone), start, end)
    assert {tick.logical_time: tick.nominal for tick in ticks} == oracle(cron, zone, start, end)


@given(ANY_CRON, ZONES, INSTANTS)
def test_the_previous_tick_of_the_next_is_the_one_before(cron, zone, instant):
    rule = schedule(cron, timezone=zone)
    first, second, third = islice(ticks_after(rule, instant), 3)
    assert previous_tick(rule, second.logical_time) == first
    assert previous_tick(rule, third.logical_time) == second
    assert latest_tick(rule, second.logical_time) == second
    assert next(ticks_after(rule, first.logical_time)) == second == tick_at(rule, second.logical_time)
    assert neighbours(rule, second.logical_time) == (first, third)


@given(st.lists(ANY_CRON, min_size=1, max_size=3), ZONES, INSTANTS)
def test_intervals_tile_and_end_at_the_logical_time(crons, zone, instant):
    rule = schedule(*crons, timezone=zone)
    ticks = list(islice(ticks_after(rule, instant), 30))
    for before, tick in pairwise(ticks):
        assert tick.interval == DataInterval(before.logical_time, tick.logical_time)
        assert tick.previous_nominal == before.nominal
        assert before.logical_time < tick.logical_time
    assert ticks[0].interval.start == previous_tick(rule, ticks[0].logical_time).logical_time


@given(ANY_CRON, ZONES, DATES)
def test_ticks_by_date_are_those_of_all_ticks_with_that_nominal_date(cron, zone, day):
    rule = schedule(cron, timezone=zone)
    middle = datetime(day.year, day.month, day.day, tzinfo=UTC)
    around = ticks_between(rule, middle - timedelta(days=4), middle + timedelta(days=5))
    assert list(ticks_in_dates(rule, day, day + timedelta(days=1))) == [
        tick for tick in around if day <= tick.nominal.date() <= day + timedelta(days=1)
    ]


@given(
    st.sampled_from([
        "*/5 * * * *", "0 12 * * *", "30 9-17/2 * * 1-5", "0 0 1,15 * *", "15 6 * * 5L", "0 8 L * *",
    ]),
    ZONES,
    st.integers(2000, 2030),
)  # fmt: skip
def test_ticks_on_days_without_a_change_agree_with_cronsim(cron, zone, year):
    moment = datetime(year, 6, 10, tzinfo=ZoneInfo(zone))
    days = [moment + timedelta(days=n) for n in range(-1, 30)]
    if len({day.utcoffset() for day in days}) > 1:
        return  # Ramadan in Casablanca, say
    expected = [tick.astimezone(UTC) for tick in islice(CronSim(cron, moment), 8)]
    ticks = ticks_after(schedule(cron, timezone=zone), moment)
    assert [tick.logical_time for tick in islice(ticks, 8)] == expected


def test_texts_carry_the_offset_of_the_zone_and_dates_are_nominal():
    (tick,) = ticks_on(schedule("30 2 * * *", timezone=NEW_YORK), date(2026, 3, 8))
    assert tick.time_text == tick.interval_end_text == "2026-03-08T03:00:00-04:00"
    assert tick.interval_start_text == "2026-03-07T02:30:00-05:00"
    assert (tick.date, tick.interval_date) == ("2026-03-08", "2026-03-07")
    (tick,) = ticks_on(schedule("30 23 * * *", timezone=NUUK), date(2026, 3, 29))
    assert (tick.date, tick.interval_date) == ("2026-03-29", "2026-03-28")


def test_a_local_mean_time_is_written_with_whole_minutes():
    (tick,) = ticks_on(schedule("0 12 * * *", timezone=NEW_YORK), date(1880, 1, 1))  # -4:56:02
    assert datetime.fromisoformat(tick.time_text) == tick.logical_time
    assert tick.time_text.endswith("-04:57")


def test_start_is_inclusive_and_end_exclusive_and_the_first_interval_is_a_day():
    rule = schedule("0 0 * * *", start=at("2026-01-10"), end=at("2026-01-12"))
    ticks = list(ticks_between(rule, at("2020-01-01"), at("2030-01-01")))
    assert [tick.date for tick in ticks] == ["2026-01-10", "2026-01-11"]
    assert ticks[0].interval == DataInterval(at("2026-01-09"), at("2026-01-10"))
    assert ticks[0].interval_date == "2026-01-09"
    assert previous_tick(rule, at("2026-01-10")) is None
    assert previous_tick(rule, at("2028-01-01")) == ticks[1]
    assert neighbours(rule, at("2026-01-12")) == (ticks[1], None)


def test_bounds_of_a_question_are_inclusive_and_exclusive():
    ticks = ticks_between(schedule("@hourly"), at("2026-01-01T01:00"), at("2026-01-01T03:00"))
    assert [tick.logical_time.hour for tick in ticks] == [1, 2]


def test_several_expressions_are_one_series():
    rule = schedule("0 6 * * *", "0 6,18 * * *", "0 18 * * 1")
    ticks = list(ticks_between(rule, at("2026-01-05"), at("2026-01-06")))
    assert [tick.logical_time.hour for tick in ticks] == [6, 18]
    assert ticks[1].interval == DataInterval(ticks[0].logical_time, ticks[1].logical_time)


def test_several_schedules_are_one_series_across_a_change_of_cadence():
    daily = schedule("0 0 * * *", end=at("2026-01-03"))
    hourly = schedule("@hourly", start=at("2026-01-03"))
    ticks = list(ticks_between([daily, hourly], at("2026-01-01"), at("2026-01-03T02:00")))
    assert [tick.logical_time for tick in ticks] == [
        at("2026-01-01"),
        at("2026-01-02"),
        at("2026-01-03"),
        at("2026-01-03T01:00"),
    ]
    assert ticks[2].interval.start == at("2026-01-02")


def test_ticks_of_two_zones_that_meet_are_one():
    vienna, utc = schedule("0 2 * * *", timezone="Europe/Vienna"), schedule("0 1 * * *")
    assert len(list(ticks_between([vienna, utc], at("2026-01-10"), at("2026-01-11")))) == 1
    assert len(list(ticks_between([vienna, utc], at("2026-07-10"), at("2026-07-11")))) == 2


def test_every_counts_elapsed_time_from_1970_or_from_start():
    rule = Schedule(every=timedelta(hours=7))
    ticks = list(ticks_between(rule, at("1970-01-01"), at("1970-01-02")))
    assert [tick.logical_time.hour for tick in ticks] == [0, 7, 14, 21]
    assert ticks[0].interval == DataInterval(at("1969-12-31T17:00"), at("1970-01-01"))
    started = Schedule(every=timedelta(hours=24), start=at("2026-03-07T12:00"), timezone=NEW_YORK)
    ticks = list(ticks_between(started, at("2026-01-01"), at("2026-03-10")))
    assert [tick.nominal.hour for tick in ticks] == [7, 8, 8]
    assert ticks[0].interval.duration == timedelta(days=1)


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=40)), st.one_of(st.none(), INSTANTS), INSTANTS)
def test_every_is_periodic_and_knows_its_previous_tick(period, start, instant):
    rule = Schedule(every=period, start=start)
    first, second = islice(ticks_after(rule, instant), 2)
    assert second.logical_time - first.logical_time == period == first.interval.duration
    assert first.logical_time > instant
    assert previous_tick(rule, second.logical_time) == first
    if start is None or instant >= start:
        assert first.logical_time - instant <= period


def test_single_instants_are_ticks_and_the_first_has_an_empty_interval():
    rule = Schedule(at=[at("2026-03-08T07:00"), at("2026-01-01"), at("2026-01-01")], timezone=NEW_YORK)
    ticks = list(ticks_between(rule, at("2020-01-01"), at("2030-01-01")))
    assert [tick.date for tick in ticks] == ["2025-12-31", "2026-03-08"]
    assert ticks[0].interval.is_empty
    assert ticks[1].interval.start == at("2026-01-01")
    assert tick_at(rule, at("2026-01-01")) == ticks[0]
    assert tick_at(rule, at("2026-01-02")) is None


def test_an_expression_that_never_fires_has_no_ticks_at_once():
    rule, before = schedule("0 0 31 2 *"), time.perf_counter()
    assert list(ticks_after(rule, at("2026-01-01"))) == []
    assert neighbours(rule, at("2026-01-01")) == (None, None)
    assert ticks_in_dates(rule, date(1, 1, 1), date(9999, 12, 30)) == ()
    assert time.perf_counter() - before < 0.1


def test_a_rare_expression_is_found_over_a_century_that_is_no_leap_year():
    rule = schedule("0 0 29 2 */9", timezone="Europe/Vienna")  # a Sunday
    assert [tick.date for tick in islice(ticks_after(rule, at("2088-03-01")), 1)] == ["2128-02-29"]
    assert previous_tick(rule, at("2128-02-28")).date == "2088-02-29"


def test_ticks_end_where_the_calendar_ends():
    ticks = list(ticks_after(schedule("0 0 1 1 *", timezone=APIA), at("9990-06-01")))
    assert [tick.nominal.year for tick in ticks] == list(range(9991, 10000))
    assert previous_tick(schedule("@yearly"), at("0003-01-01")).date == "0002-01-01"
    assert previous_tick(schedule("@yearly"), at("0002-01-01")) is None


@pytest.mark.parametrize("days", [7_300, 999_999_999])
def test_a_period_of_ages_ends_with_the_calendar(days):
    rule = Schedule(every=timedelta(days=days), start=at("2026-01-01"))
    ticks = list(ticks_after(rule, at("2026-01-01")))
    assert len(ticks) == (9998 - 2026) * 365.2425 // days
    assert tick_at(rule, at("2026-01-01")).interval.is_empty == (days > 800_000)


def test_a_bare_expression_is_one_expression():
    assert Schedule(crons="0 0 * * *") == Schedule(crons=["0 0 * * *"])


def test_errors_come_when_the_question_is_asked():
    with pytest.raises(CronError):
        ticks_between(schedule("61 * * * *"), at("2026-01-01"), at("2026-01-02"))
    for name in ("Europe/Wien", "America", "../etc/passwd", ""):
        with pytest.raises(ZoneError, match="time zone"):
            ticks_after(schedule("@daily", timezone=name), at("2026-01-01"))
    with pytest.raises(ValueError, match="aware"):
        ticks_after(schedule("@daily"), datetime(2026, 1, 1))


@pytest.mark.parametrize(
    "wrong", [{"start": datetime(2026, 1, 1)}, {"at": [datetime(2026, 1, 1)]}, {"every": timedelta(0)}]
)
def test_a_schedule_refuses_naive_times_and_empty_periods(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Schedule(**wrong)


def test_an_interval_is_half_open_and_keeps_utc():
    interval = DataInterval(datetime(2026, 1, 1, 1, tzinfo=ZoneInfo("Europe/Vienna")), at("2026-01-02"))
    assert interval.start == at("2026-01-01")
    assert interval.start.tzinfo is UTC
    assert at("2026-01-01") in interval
    assert at("2026-01-02") not in interval
    with pytest.raises(ValueError, match="ends before"):
        DataInterval(at("2026-01-02"), at("2026-01-01"))


def test_four_years_of_days_take_a_fraction_of_half_a_second():
    rule, before = schedule("55 23 * * *", timezone="America/Los_Angeles"), time.perf_counter()
    assert len(ticks_in_dates(rule, date(2012, 1, 1), date(2015, 12, 31))) == 1461
    assert time.perf_counter() - before < 0.5


def test_a_month_of_minutes_takes_less_than_a_second_and_a_half():
    rule, before = schedule("* * * * *", timezone=NEW_YORK), time.process_time()
    assert len(ticks_in_dates(rule, date(2026, 3, 1), date(2026, 3, 31))) == 31 * 1440 - 60
    assert time.process_time() - before < 1.5  # of a processor: others may be at work
