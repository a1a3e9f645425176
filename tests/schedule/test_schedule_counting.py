"""Counting ticks: as many as enumeration gives, and at no cost that grows with them."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronicle.schedule.calendars import Calendar
from cronicle.schedule.counting import count_ticks
from cronicle.schedule.owed import next_due
from cronicle.schedule.rule import Schedule
from cronicle.schedule.ticks import ticks_between

MICRO = timedelta.resolution

ODD_ZONES = (
    "UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Apia", "America/Nuuk",
    "Africa/Casablanca", "Antarctica/Troll", "America/Goose_Bay", "America/Sao_Paulo", "Pacific/Kiritimati",
)  # fmt: skip
CHANGES = (
    "2026-03-08", "2026-11-01", "2026-10-04", "2026-04-05", "2026-09-27", "2011-12-30", "2026-03-28", "2026-02-15",
    "2026-03-22", "2026-03-29", "2010-11-07", "2011-10-16", "2011-02-20", "1994-12-31", "2026-06-10",
)  # fmt: skip
CRONS = st.sampled_from([
    "*/15 * * * *", "0 */2 * * *", "*/20 1-3 * * *", "10,50 0-4 * * *", "30 2,23 * * *", "0 0-3 * * *", "@hourly",
    "45 1,2 1-28 * *", "30 2 * * *", "0 0 * * *", "*/7 30 2 * * *", "0-59 2 * * *", "0 0 30 2 *", "0 0 L * *",
    "59 23 * * 6",
])  # fmt: skip
DATES = st.dates(date(2026, 3, 1), date(2026, 4, 10)) | st.dates(date(2011, 12, 28), date(2012, 1, 2))
CALENDARS = st.none() | st.builds(
    Calendar, dates=st.frozensets(DATES, max_size=9), weekdays=st.frozensets(st.integers(0, 6), max_size=6)
)
PERIODS = st.sampled_from(
    [
        timedelta(minutes=7),
        timedelta(hours=5),
        timedelta(seconds=1001),
        timedelta(days=2),
        timedelta(minutes=9.5, milliseconds=500),
    ]
)


@st.composite
def spans(draw: st.DrawFn) -> tuple[datetime, datetime]:
    day = datetime.fromisoformat(draw(st.sampled_from(CHANGES))).replace(tzinfo=UTC)
    after = day + draw(
        st.timedeltas(timedelta(days=-2), timedelta(days=2))
        | st.integers(-40, 40).map(lambda n: timedelta(hours=n))
    )
    return after, after + draw(
        st.timedeltas(timedelta(0), timedelta(days=3)) | st.integers(0, 90).map(lambda n: timedelta(hours=n))
    )


@st.composite
def schedules(draw: st.DrawFn, near: datetime) -> Schedule:
    moments = st.timedeltas(timedelta(days=-3), timedelta(days=4)).map(lambda step: near + step)
    whole = moments.map(lambda moment: moment.replace(second=0, microsecond=0))
    start = draw(st.none() | moments | whole)
    return Schedule(
        crons=draw(st.lists(CRONS, max_size=3)),
        every=draw(st.none() | PERIODS),
        at=draw(st.lists(moments | whole, max_size=3)),
        timezone=draw(st.sampled_from(ODD_ZONES)),
        start=start,
        end=draw(st.none() | moments | whole),
        only=draw(CALENDARS),
        exclude=draw(CALENDARS),
    )


@settings(max_examples=400)
@given(st.data(), spans())
def test_as_many_ticks_are_counted_as_there_are(data, span):
    after, until = span
    series = data.draw(st.lists(schedules(after), max_size=3))
    enumerated = sum(1 for _ in ticks_between(series, after + MICRO, until + MICRO))
    assert count_ticks(series, after, until) == enumerated


AFTER, UNTIL = datetime(2016, 11, 25, 9, 55, tzinfo=UTC), datetime(2026, 11, 25, 9, 55, 1, 5, tzinfo=UTC)
SPARED = Calendar(dates=[date(2020, 1, day) for day in range(1, 20)], weekdays=[0])


@pytest.mark.parametrize(
    ("series", "count"),
    [
        ([Schedule(crons="* * * * *", timezone="America/New_York")], 10 * 365 * 1440 + 2 * 1440),
        ([Schedule(crons="* * * * * *", timezone="Africa/Casablanca")], (10 * 365 + 2) * 86400 + 1),
        ([Schedule(every=timedelta(milliseconds=1), crons="* * * * *")], (10 * 365 + 2) * 86_400_000 + 1000),
        ([Schedule(crons="0 0 30 2 *")], 0),
        ([Schedule(crons="0 0 * * 1", only=Calendar(weekdays=[6]))], 0),
        (
            [
                Schedule(
                    crons=["*/7 * * * *", "0 2 * * *", "5-59/3 1-5 * * 1-5"],
                    timezone="Australia/Lord_Howe",
                    exclude=SPARED,
                ),
                Schedule(
                    crons="* * * * * *",
                    timezone="Europe/Vienna",
                    start=datetime(2019, 1, 1, tzinfo=UTC),
                    only=SPARED,
                ),
                Schedule(
                    every=timedelta(seconds=1001), timezone="Asia/Tehran", only=Calendar(weekdays=[1, 2])
                ),
            ],
            None,
        ),
    ],
)
def test_ten_years_are_counted_in_a_fraction_of_a_second(series, count):
    before = time.process_time()
    found = count_ticks(series, AFTER, UNTIL)
    assert time.process_time() - before < 1  # 0.02 to 0.1 s on the machine that this was written on
    assert count is None or found == count


def test_an_expression_of_a_hundred_thousand_items_costs_what_its_field_does():
    text = ",".join(str(number % 60) for number in range(100_000)) + " * * * *"
    series, before = [Schedule(crons=[text, "*/1 * * * * *"], timezone="Europe/Vienna")], time.process_time()
    assert count_ticks(series, AFTER, UNTIL) == (10 * 365 + 2) * 86400 + 1
    assert next_due(series, UNTIL) == UNTIL.replace(microsecond=0) + timedelta(seconds=1)
    assert time.process_time() - before < 3


@pytest.mark.parametrize("cron", ["*/1 * * * * *", "0 0 30 2 *", "* * * * *", "0 4 29 2 *"])
def test_ten_thousand_schedules_are_asked_in_bounded_time(cron):
    every = [
        (Schedule(crons=cron, seed=f"shop/{number}", timezone="Europe/Vienna"),) for number in range(10_000)
    ]
    before = time.process_time()
    for series in every:
        next_due(series, UNTIL)
    assert time.process_time() - before < 15  # 0.2 to 2 s on the machine that this was written on


def test_naive_times_are_refused():
    with pytest.raises(ValueError, match="aware"):
        count_ticks(Schedule(crons="@daily"), datetime(2026, 1, 1), UNTIL)
