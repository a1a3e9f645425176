"""Cron expressions: what is read, refused and said, and agreement with cronsim and croniter."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from itertools import islice

import pytest
from croniter import croniter
from cronsim import CronSim
from hypothesis import assume, example, given
from hypothesis import strategies as st

from cronicle.schedule.calendars import Calendar
from cronicle.schedule.cron import CronError, parse_cron
from cronicle.schedule.words import describe_calendar, describe_cron

START = datetime(2026, 1, 1)


def first_times(text: str, count: int, start: datetime = START, seed: str = "") -> list[str]:
    times = parse_cron(text, seed).nominal_times(start, datetime(2400, 1, 1))
    return [f"{moment:%Y-%m-%d %H:%M:%S}".removesuffix(":00") for moment in islice(times, count)]


def days_of(text: str, month: str) -> list[int]:
    """The days of a month (YYYY-MM) on which an expression at midnight fires."""
    start = datetime.fromisoformat(f"{month}-01")
    return [
        moment.day
        for moment in parse_cron(text).nominal_times(start, start + timedelta(days=32))
        if moment.month == start.month
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("55 23 * * *", ["2026-01-01 23:55", "2026-01-02 23:55"]),
        ("*/20 * * * *", ["2026-01-01 00:00", "2026-01-01 00:20"]),
        ("*/90 * * * *", ["2026-01-01 00:00", "2026-01-01 01:00"]),
        ("5-5/2 3 * * *", ["2026-01-01 03:05", "2026-01-02 03:05"]),
        ("50/5 0 * * *", ["2026-01-01 00:50", "2026-01-01 00:55", "2026-01-02 00:50"]),
        ("0 22-1 * * *", ["2026-01-01 00:00", "2026-01-01 01:00", "2026-01-01 22:00", "2026-01-01 23:00"]),
        ("0 0 1 FEB,apr-May *", ["2026-02-01 00:00", "2026-04-01 00:00", "2026-05-01 00:00"]),
        ("15 30 4 * * *", ["2026-01-01 04:30:15", "2026-01-02 04:30:15"]),
        ("@weekly", ["2026-01-04 00:00", "2026-01-11 00:00"]),
        ("@YEARLY", ["2026-01-01 00:00", "2027-01-01 00:00"]),
        ("? ? ? ? ?", ["2026-01-01 00:00", "2026-01-01 00:01"]),
        ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("0 0 29 2 */9", ["2032-02-29 00:00", "2060-02-29 00:00", "2088-02-29 00:00", "2128-02-29 00:00"]),
    ],
)
def test_an_expression_names_these_times(text, expected):
    assert first_times(text, len(expected)) == expected


@pytest.mark.parametrize(
    ("text", "month", "days"),
    [
        ("0 0 L * *", "2028-02", [29]),
        ("0 0 L-3 * *", "2026-04", [27]),
        ("0 0 L-29 * *", "2026-02", []),
        ("0 0 LW * *", "2026-01", [30]),  # the 31st is a Saturday
        ("0 0 LW * *", "2026-05", [29]),  # the 31st is a Sunday
        ("0 0 15W * *", "2026-08", [14]),  # Saturday
        ("0 0 15W * *", "2026-02", [16]),  # Sunday
        ("0 0 1W * *", "2026-08", [3]),  # the 1st is a Saturday: not the 31st of July
        ("0 0 31W * *", "2026-05", [29]),  # the 31st is a Sunday: not the 1st of June
        ("0 0 31W * *", "2026-04", []),
        ("0 0 L,1,10W * *", "2026-01", [1, 9, 31]),
        ("0 0 * * 5L", "2026-01", [30]),
        ("0 0 * * 7L", "2026-01", [25]),
        ("0 0 * * mon#1,fri#5", "2026-01", [5, 30]),
        ("0 0 * * fri-sun", "2026-01", [2, 3, 4, 9, 10, 11, 16, 17, 18, 23, 24, 25, 30, 31]),
        ("0 0 * * 6-1", "2026-02", [1, 2, 7, 8, 9, 14, 15, 16, 21, 22, 23, 28]),
        ("0 0 13 * 5", "2026-02", [6, 13, 20, 27]),  # or
        ("0 0 13 * 5#2", "2026-03", [13]),
        ("0 0 22 * 3#2", "2026-01", [14, 22]),  # or, with a rule of its own in one of them
        ("0 0 */2 * 1", "2026-01", [5, 19]),  # and: the field begins with a star
        ("0 0 ?/2 * 1", "2026-01", [5, 19]),
        ("0 0 1-31/2 * 1", "2026-01", sorted({*range(1, 32, 2), 5, 12, 19, 26})),
        ("0 0 1-7 * */6", "2026-01", [3, 4]),
    ],
)
def test_days_of_month_and_week_combine_as_in_cronie(text, month, days):
    assert days_of(text, month) == days


@pytest.mark.parametrize(
    ("text", "wild"),
    [
        ("30 2 * * *", False),
        ("* 2 * * *", True),
        ("*/5 2 * * *", True),
        ("0 */2 * * *", True),
        ("0 0-23 * * *", False),
        ("0 30 2 * * *", False),
        ("* 30 2 * * *", True),
        ("? 2 * * *", True),
        ("@hourly", True),
        ("@daily", False),
        ("5,* 2 * * *", False),
    ],
)
def test_an_expression_is_wild_if_its_time_begins_with_a_star(text, wild):
    assert parse_cron(text).is_wild is wild


@pytest.mark.parametrize(
    "text", ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31W 2 *", "0 0 30 2 */2"]
)
def test_a_day_that_no_month_has_never_fires_and_that_is_known_at_once(text):
    cron = parse_cron(text)
    assert not cron.ever_fires
    assert describe_cron(cron) == "never: no such day exists"


def test_a_hash_is_stable_depends_on_the_seed_and_keeps_its_range():
    seeds = [f"project/{number}" for number in range(200)]
    minutes = {parse_cron("H * * * *", seed).minutes for seed in seeds}
    assert len(minutes) > 40
    assert parse_cron("H * * * *", "a/b").minutes == parse_cron("H 3 * * *", "a/b").minutes
    for seed in seeds:
        assert parse_cron("H(10-19) * * * *", seed).minutes[0] in range(10, 20)
        quarter = parse_cron("H/15 * * * *", seed).minutes
        assert quarter == tuple(range(quarter[0], 60, 15))
        assert quarter[0] < 15
        assert set(parse_cron("0 0 H * *", seed).days.month_days.days) <= set(range(1, 29))
        assert set(parse_cron("0 0 * * H", seed).days.week_days.days) <= set(range(7))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("61 * * * *", ["minute field", "61 is not in 0-59"]),
        ("0 24 * * *", ["hour field", "24"]),
        ("0 0 0 * *", ["day of month field", "0 is not in 1-31"]),
        ("0 0 * 13 *", ["month field", "13", "jan-dec"]),
        ("0 0 * * 8", ["day of week field", "8"]),
        ("0 0 * * frx", ["day of week field", '"frx" is not understood']),
        ("60 0 0 * * *", ["second field"]),
        ("* * *", ["3 fields", "Write 5 fields"]),
        ("", ["0 fields"]),
        ("0 0 0 1 1 * 2026", ["7 fields"]),
        ("*/0 * * * *", ["minute field", "at least 1"]),
        ("1,,2 * * * *", ["minute field", "empty"]),
        ("1.5 * * * *", ["minute field"]),
        ("-1 * * * *", ["minute field"]),
        ("1-2-3 * * * *", ["minute field"]),
        ("٣ * * * *", ["minute field"]),
        ("R * * * *", ["minute field"]),
        ("L * * * *", ["minute field"]),
        ("0 0 15X * *", ["day of month field", "LW"]),
        ("0 0 32W * *", ["day of month field", "32"]),
        ("0 0 L-31 * *", ["day of month field", "31 is not in 1-30"]),
        ("0 0 * * L5", ["day of week field", "5L (last Friday)"]),
        ("0 0 * * 5#6", ["day of week field", "1 to 5"]),
        ("H(9-2) * * * *", ["minute field", "before it begins"]),
        ("@reboot", ['on = "start"']),
        ("@every 5m", ["@hourly", "every"]),
    ],
)
def test_a_malformed_expression_is_refused_with_field_and_remedy(text, words):
    with pytest.raises(CronError) as caught:
        parse_cron(text)
    assert all(word in str(caught.value) for word in words)
    assert caught.value.remedy


@given(st.text(alphabet="0123456789*?/-,#LWHlwh@() abcdefjmnrsu\n", max_size=40))
def test_any_text_is_read_or_refused_and_never_breaks(text):
    try:
        cron = parse_cron(text)
    except CronError:
        return
    assert describe_cron(cron)
    assert (next(cron.nominal_times(START, datetime(2080, 1, 1)), None) is not None) == cron.ever_fires


def test_an_expression_of_a_hundred_thousand_items_is_read_in_bounded_time():
    before = time.perf_counter()
    cron = parse_cron(",".join(["1", "2-5/2"] * 50_000) + " * * * *")
    assert cron.minutes == (1, 2, 4)
    assert time.perf_counter() - before < 3


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    bounds = st.tuples(number, number).map(sorted).filter(lambda pair: pair[0] < pair[1])
    item = st.one_of(
        number.map(str),
        bounds.map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.tuples(bounds, st.integers(1, high)).map(lambda parts: f"{parts[0][0]}-{parts[0][1]}/{parts[1]}"),
        st.integers(1, high).map(lambda step: f"*/{step}"),
        st.just("*"),
    )
    return st.one_of(st.just("*"), st.lists(item, min_size=1, max_size=3).map(",".join))


EXPRESSIONS = st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)).map(" ".join)


@given(EXPRESSIONS)
@example("0 0 */2 * 1")
@example("0 0 L * *")
@example("0 0 * * 5L")
@example("0 0 * * 5#2")
def test_nominal_times_agree_with_cronsim(text):
    simulated = islice(CronSim(text, START - timedelta(minutes=1)), 20)
    times = islice(parse_cron(text).nominal_times(START, datetime(2080, 1, 1)), 20)
    assert list(times) == list(simulated)


@given(EXPRESSIONS)
def test_nominal_times_agree_with_croniter(text):
    # A range that covers its field, and a star within a list, is a star to croniter and not to cronie; then days
    # combine differently.
    values, _ = croniter.expand(text)
    fields = text.split()
    assume(all(("*" in values[place]) == (fields[place] == "*") for place in (2, 4)))
    steps = croniter(text, START - timedelta(minutes=1), implement_cron_bug=True)
    times = list(islice(parse_cron(text).nominal_times(START, datetime(2080, 1, 1)), 10))
    assert times == [steps.get_next(datetime) for _ in times]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("55 23 * * *", "at 23:55 every day"),
        ("*/5 * * * *", "every 5 minutes"),
        ("@hourly", "every hour"),
        ("* * * * *", "every minute"),
        ("*/10 * * * * *", "every 10 seconds"),
        ("5,35 * * * *", "at minutes 5 and 35 of every hour"),
        ("30 */15 * * * *", "at second 30, every 15 minutes"),
        ("0 2 * * 1-5", "at 02:00, Monday to Friday"),
        ("0 6,18 * * sat,sun", "at 06:00 and 18:00 on Saturdays and Sundays"),
        ("30 4 * * 0", "at 04:30 on Sundays"),
        ("*/15 * * * 7", "every 15 minutes on Sundays"),
        ("30 4 * 1 sun", "at 04:30 on Sundays, in January"),
        ("0 0 * * 0,1,3", "at 00:00 on Mondays, Wednesdays and Sundays"),
        ("0 0 * * 0,5,6", "at 00:00, Friday to Sunday"),
        ("*/20 8-16/4 * * *", "every 20 minutes of hours 8, 12 and 16"),
        ("0 */4 * * *", "at minute 0 of every 4th hour"),
        ("0 9-17 * * *", "at minute 0 of hours 9 to 17"),
        ("15 30 4 * * *", "at 04:30:15 every day"),
        ("0 0 1,15 * 1", "at 00:00, on the 1st and 15th or on Monday"),
        ("0 0 1-7 * */7", "at 00:00, on the 1st to 7th if it is Sunday"),
        ("0 0 L,LW * *", "at 00:00, on the last day and the last working day"),
        ("0 0 L-3 * *", "at 00:00, on the 4th to last day"),
        (
            "0 0 15W jan-mar,dec *",
            "at 00:00, on the working day nearest to the 15th, in January to March and December",
        ),
        ("0 0 * * mon#2", "at 00:00, the 2nd Monday of the month"),
    ],
)
def test_an_expression_is_said_in_words(text, words):
    assert describe_cron(parse_cron(text)) == words


@pytest.mark.parametrize(
    ("calendar", "words"),
    [
        (Calendar(weekdays=[0, 6]), "Saturdays and Sundays"),
        (Calendar(dates=[date(2026, 12, 25)], weekdays=[6]), "Saturdays and 2026-12-25"),
        (Calendar(dates=[date(2026, 12, day) for day in range(1, 8)]), "7 dates"),
        (Calendar(), "no days"),
    ],
)
def test_a_calendar_is_said_in_words(calendar, words):
    assert describe_calendar(calendar) == words
