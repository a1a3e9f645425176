"""Clock changes all over the time zone database: tables of those that matter, and what holds of all zones."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from cronicle.schedule.counting import count_ticks
from cronicle.schedule.rule import Schedule
from cronicle.schedule.ticks import (
    next_instant,
    previous_tick,
    tick_at,
    ticks_after,
    ticks_in_dates,
    ticks_on,
)

MICRO = timedelta.resolution
LONDON, CASABLANCA, TROLL, NUUK, APIA = (
    "Europe/London", "Africa/Casablanca", "Antarctica/Troll", "America/Nuuk", "Pacific/Apia",
)  # fmt: skip
ZONES = sorted(available_timezones() - {"localtime", "Factory"})


@pytest.mark.parametrize(
    ("cron", "timezone", "day", "expected"),
    [
        # London, spring: 01:00 becomes 02:00 at 01:00Z.
        ("30 0 * * *", LONDON, "2026-03-29", ["00:30Z 00:30"]),
        ("0 1 * * *", LONDON, "2026-03-29", ["01:00Z 01:00"]),
        ("30 1 * * *", LONDON, "2026-03-29", ["01:00Z 01:30"]),
        ("30 1,2 * * *", LONDON, "2026-03-29", ["01:00Z 01:30", "01:30Z 02:30"]),
        ("0 1,2 * * *", LONDON, "2026-03-29", ["01:00Z 02:00"]),
        ("*/30 1,2 * * *", LONDON, "2026-03-29", ["01:00Z 02:00", "01:30Z 02:30"]),
        ("0 2 * * *", LONDON, "2026-03-29", ["01:00Z 02:00"]),
        # London, autumn: 02:00 becomes 01:00 at 01:00Z.
        ("30 1 * * *", LONDON, "2026-10-25", ["00:30Z 01:30"]),
        ("30 1,2 * * *", LONDON, "2026-10-25", ["00:30Z 01:30", "02:30Z 02:30"]),
        ("*/30 1 * * *", LONDON, "2026-10-25", ["00:00Z 01:00", "00:30Z 01:30", "01:00Z 01:00", "01:30Z 01:30"]),
        ("0 0 * * *", LONDON, "2026-10-25", ["23:00Z 00:00"]),
        # Casablanca goes back for Ramadan: 03:00 becomes 02:00 at 02:00Z, and after it 02:00 becomes 03:00.
        ("30 2 * * *", CASABLANCA, "2026-02-15", ["01:30Z 02:30"]),
        ("*/30 2 * * *", CASABLANCA, "2026-02-15", ["01:00Z 02:00", "01:30Z 02:30", "02:00Z 02:00", "02:30Z 02:30"]),
        ("30 2 * * *", CASABLANCA, "2026-03-22", ["02:00Z 02:30"]),
        ("*/30 2 * * *", CASABLANCA, "2026-03-22", []),
        ("0 12 * * *", CASABLANCA, "2026-03-01", ["12:00Z 12:00"]),
        ("0 12 * * *", CASABLANCA, "2026-04-01", ["11:00Z 12:00"]),
        # Troll leaps two hours: 01:00 becomes 03:00 at 01:00Z, and 03:00 becomes 01:00.
        ("30 1,2 * * *", TROLL, "2026-03-29", ["01:00Z 01:30"]),
        ("30 1,2,3 * * *", TROLL, "2026-03-29", ["01:00Z 01:30", "01:30Z 03:30"]),
        ("30 1,2 * * *", TROLL, "2026-10-25", ["23:30Z 01:30", "00:30Z 02:30"]),
        # Nuuk goes back to an hour before midnight: 00:00 on the 25th becomes 23:00 on the 24th at 01:00Z.
        ("30 23 * * *", NUUK, "2026-10-24", ["00:30Z 23:30"]),
        ("*/30 23 * * *", NUUK, "2026-10-24", ["00:00Z 23:00", "00:30Z 23:30", "01:00Z 23:00", "01:30Z 23:30"]),
        ("0 0 * * *", NUUK, "2026-10-25", ["02:00Z 00:00"]),
        # Apia: of what falls on the missing day nothing fires, also not what it names for its first hours.
        ("30 0 * * *", APIA, "2011-12-30", []),
        ("30 0 * * *", APIA, "2011-12-31", ["10:30Z 00:30"]),
        ("*/15 0 * * *", APIA, "2011-12-31", ["10:00Z 00:00", "10:15Z 00:15", "10:30Z 00:30", "10:45Z 00:45"]),
    ],
)  # fmt: skip
def test_clock_changes_of_more_zones_are_treated_as_in_cronie(cron, timezone, day, expected):
    ticks = ticks_on(Schedule(crons=cron, timezone=timezone), date.fromisoformat(day))
    assert [f"{tick.logical_time:%H:%MZ} {tick.nominal:%H:%M}" for tick in ticks] == expected


def is_in_a_large_gap(nominal: datetime, zone_name: str) -> bool:
    """True if clocks leapt over a local time, by more than three hours."""
    zone = ZoneInfo(zone_name)
    early, late = nominal.replace(tzinfo=zone), nominal.replace(tzinfo=zone, fold=1)
    leaps = early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != nominal
    return leaps and abs(late.utcoffset() - early.utcoffset()) > timedelta(hours=3)


def check_each_date_has_one_tick(zone: str, hour: int, minute: int, first: date, last: date) -> None:
    ticks = ticks_in_dates(Schedule(crons=f"{minute} {hour} * * *", timezone=zone), first, last)
    found = Counter(tick.nominal.date() for tick in ticks)
    wanted = {first + timedelta(days=day) for day in range((last - first).days + 1)}
    assert max(found.values()) == 1
    for missing in wanted - found.keys():
        assert is_in_a_large_gap(datetime(missing.year, missing.month, missing.day, hour, minute), zone)
    assert found.keys() <= wanted
    assert all((tick.nominal.hour, tick.nominal.minute) == (hour, minute) for tick in ticks)


def test_in_every_zone_each_nominal_date_has_exactly_one_tick_of_a_daily_expression():
    """But for dates in gaps of more than three hours. A year of each zone; the slow test has all changes of all."""
    for zone in ZONES:
        dice = random.Random(zone)
        year, hour = dice.randrange(1970, 2038), dice.choice([0, 0, 1, 2, 2, 3, 23, 12])
        check_each_date_has_one_tick(zone, hour, dice.randrange(60), date(year, 1, 1), date(year, 12, 31))


def days_of_changes(zone_name: str) -> Iterator[date]:
    """The days from 1970 to 2037 in which the offset of a zone changes, by nothing but asking each day."""
    zone, midnight = ZoneInfo(zone_name), datetime(1970, 1, 1, tzinfo=UTC)
    before = midnight.astimezone(zone).utcoffset()
    while midnight.year < 2038:
        midnight += timedelta(days=1)
        offset = midnight.astimezone(zone).utcoffset()
        if offset != before:
            yield midnight.date() - timedelta(days=1)
        before = offset


@pytest.mark.slow
def test_in_every_zone_each_nominal_date_near_any_change_has_exactly_one_tick_of_any_daily_expression():
    for zone in ZONES:
        for day in days_of_changes(zone):
            for hour in range(24):
                check_each_date_has_one_tick(zone, hour, 30, day - timedelta(days=1), day + timedelta(days=1))


@settings(max_examples=150)
@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(1970, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(
        ["*/20 * * * *", "30 0-3 * * *", "0 0,12,23 * * *", "15,45 2 * * *", "59 23 L * *", "0 1 * * 0"]
    ),
)
def test_in_every_zone_ticks_tile_and_going_back_leads_to_where_one_came_from(zone, instant, cron):
    rule = Schedule(crons=cron, timezone=zone)
    ticks = list(islice(ticks_after(rule, instant), 40))
    for before, tick in pairwise(ticks):
        assert before.logical_time == tick.interval.start < tick.logical_time == tick.interval.end
        assert previous_tick(rule, tick.logical_time) == before
        assert next_instant(rule, before.logical_time) == tick.logical_time
    assert tick_at(rule, ticks[-1].logical_time) == ticks[-1]
    assert count_ticks(rule, instant, ticks[-1].logical_time) == 40
    assert count_ticks(rule, ticks[0].logical_time, ticks[-1].logical_time - MICRO) == 38


VALUES = st.sampled_from(["*", "*/7", "0", "5,35", "10-20", "*/15", "1-50/9"])
HOURS = st.sampled_from(["*", "*/5", "0", "4,16", "9-17", "8-20/3"])
DAYS = st.sampled_from(["*", "*", "1,15", "10-20", "L", "*/9"])
WEEKDAYS = st.sampled_from(["*", "*", "1-5", "0", "6,0", "5L", "2#3"])


@settings(max_examples=150)
@given(
    st.tuples(
        st.sampled_from([None, "0", "30", "*/20"]),
        VALUES,
        HOURS,
        DAYS,
        st.sampled_from(["*", "1-6"]),
        WEEKDAYS,
    ),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
)
def test_ticks_and_their_number_agree_with_cronsim_where_no_clock_is_changed(fields, start):
    """In UTC. Where clocks change cronsim is no oracle: it loses and moves ticks there."""
    text, start = " ".join(field for field in fields if field), start.replace(tzinfo=UTC)
    rule = Schedule(crons=text)
    expected = list(islice(CronSim(text, start), 60))
    assert [tick.logical_time for tick in islice(ticks_after(rule, start), 60)] == expected
    assert count_ticks(rule, start, expected[-1]) == 60
