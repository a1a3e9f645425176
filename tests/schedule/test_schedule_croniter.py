"""What croniter is asked and answers: the oracle is plain arithmetic on the calendar, without any library."""

from __future__ import annotations

import subprocess
import sys
import time
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice, product

import croniter
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cronicle.schedule import cron as cron_module
from cronicle.schedule.cron import Cron, parse_cron
from cronicle.schedule.days import SHAPES, MonthShape


def matches_month_day(cron: Cron, day: date) -> bool:
    rule, length = cron.days.month_days, monthrange(day.year, day.month)[1]
    working = [n for n in range(1, length + 1) if day.replace(day=n).weekday() < 5]
    # Of two working days equally near there are none: a weekend has two days.
    nearest = {min(working, key=lambda n: abs(n - wanted)) for wanted in rule.nearest if wanted <= length}
    return (
        day.day in rule.days
        or length - day.day in rule.before_last
        or day.day in nearest
        or (rule.last_working_day and day.day == working[-1])
    )


def matches_week_day(cron: Cron, day: date) -> bool:
    rule, weekday = cron.days.week_days, day.isoweekday() % 7
    is_last = (day + timedelta(days=7)).month != day.month
    return (
        weekday in rule.days
        or (is_last and weekday in rule.last)
        or (weekday, (day.day + 6) // 7) in rule.nth
    )


def matches(cron: Cron, day: date) -> bool:
    found = matches_month_day(cron, day), matches_week_day(cron, day)
    return day.month in cron.months and (all(found) if cron.days.both else any(found))


def oracle(cron: Cron, start: datetime, end: datetime) -> Iterator[datetime]:
    days = (start.date() + timedelta(days=n) for n in range((end.date() - start.date()).days + 1))
    for day in days:
        if matches(cron, day):
            for hour, minute, second in product(cron.hours, cron.minutes, cron.seconds):
                moment = datetime(day.year, day.month, day.day, hour, minute, second)
                if start <= moment < end:
                    yield moment


def numbers(low: int, high: int, most: int = 3) -> st.SearchStrategy[str]:
    value = st.integers(low, high)
    item = st.one_of(
        value.map(str),
        st.tuples(value, value).map(lambda ends: f"{ends[0]}-{ends[1]}"),
        st.tuples(value, value, st.integers(1, high)).map(lambda parts: f"{parts[0]}-{parts[1]}/{parts[2]}"),
        st.tuples(value, st.integers(1, 2 * high)).map(lambda parts: f"{parts[0]}/{parts[1]}"),
        st.integers(1, 2 * high).map(lambda step: f"*/{step}"),
        st.sampled_from(["*", "?", "H", "H/3"]),
    )
    return st.lists(item, min_size=1, max_size=most).map(",".join)


def listed(*items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.just("*"), st.lists(st.one_of(*items), min_size=1, max_size=4).map(",".join))


MONTH_DAYS = listed(
    numbers(1, 31, 1),
    st.sampled_from(["L", "LW"]),
    st.integers(1, 30).map(lambda n: f"L-{n}"),
    st.integers(1, 31).map(lambda n: f"{n}W"),
)
WEEK_DAYS = listed(
    numbers(0, 7, 1),
    st.sampled_from(["fri-mon", "wed"]),
    st.integers(0, 7).map(lambda n: f"{n}L"),
    st.tuples(st.integers(0, 7), st.integers(1, 5)).map(lambda parts: f"{parts[0]}#{parts[1]}"),
)
ANY_CRON = st.tuples(
    st.just("0") | numbers(0, 59),
    numbers(0, 59),
    numbers(0, 23),
    MONTH_DAYS,
    st.just("*") | numbers(1, 12),
    WEEK_DAYS,
).map(" ".join)


@settings(max_examples=200)
@given(
    ANY_CRON,
    st.datetimes(datetime(2, 1, 2), datetime(9998, 1, 1)),
    st.timedeltas(timedelta(0), timedelta(days=70)),
)
@example("0 0 0 31W * *", datetime(2026, 4, 1), timedelta(days=31))  # croniter's 31W is the 30th
@example("0 59 12,4,18 22 * 3#2", datetime(2026, 1, 1), timedelta(days=31))  # croniter raises
@example("0 0 0 */2 * 1", datetime(2026, 1, 1), timedelta(days=31))  # croniter's or, cronie's and
@example("0 0 0 1,* * 0", datetime(2026, 1, 1), timedelta(days=31))  # croniter's and, cronie's or
@example("0 0 0 31,L * 5,5L,5#5", datetime(2027, 12, 1), timedelta(days=70))
@example("0 0 0 L-28,L-30,30W * 1", datetime(2026, 2, 1), timedelta(days=28))  # days that the month has not
def test_nominal_times_are_those_that_the_calendar_gives(text, start, span):
    cron = parse_cron(text, "a/b")
    times = cron.nominal_times(start, start + span)
    expected = oracle(cron, start, start + span)
    assert list(islice(times, 300)) == list(islice(expected, 300))


@settings(max_examples=50)
@given(ANY_CRON)
@example("0 0 0 31W,*/31 2 *")
@example("0 0 0 *,31 2 5#5")
@example("0 0 0 29/9 2 5#4")
@example("0 0 0 L-28 2 */5")
@example("0 0 0 */29,L-1 2 5#1")
def test_an_expression_ever_fires_if_it_does_in_the_28_years_in_which_each_date_meets_each_weekday(text):
    cron = parse_cron(text)
    days = (date(2000, 1, 1) + timedelta(days=n) for n in range(28 * 365 + 7))
    assert cron.ever_fires == any(matches(cron, day) for day in days)


@pytest.mark.parametrize("shape", SHAPES)
def test_each_form_of_a_day_field_is_right_in_each_shape_of_a_month(shape):
    first = shape.example
    assert MonthShape.of(first.year, first.month) == shape
    start = datetime(first.year, first.month, 1)
    end = start + timedelta(days=shape.length)
    days = range(1, 32)
    month_days = [
        *map(str, days),
        *(f"{n}W" for n in days),
        *(f"L-{n}" for n in range(1, 31)),
        "L",
        "LW",
        "1,31,L",
    ]
    week_days = [*map(str, range(7)), *(f"{n}L" for n in range(7)), "1,5L,6#5,0L"]
    week_days += [f"{day}#{nth}" for day in range(7) for nth in range(1, 6)]
    for text in (*(f"0 0 {field} * *" for field in month_days), *(f"0 0 * * {field}" for field in week_days)):
        cron = parse_cron(text)
        assert list(cron.nominal_times(start, end)) == list(oracle(cron, start, end)), text


def test_croniter_is_given_nothing_but_stars_and_numbers_in_order(monkeypatch):
    given_to_it = set()

    class Recorder(croniter.croniter):
        def __init__(self, expression, *args, **more):
            given_to_it.add(expression)
            super().__init__(expression, *args, **more)

    monkeypatch.setattr(croniter, "croniter", Recorder)
    for function in (cron_module._step_through, cron_module._days_of, cron_module._parse):
        function.cache_clear()
    start = datetime(2026, 2, 1)
    for text in (
        "*/90 5-5/2 22-1 LW,L-3,15W,L,31,1 feb-Mar,? fri-mon,7,5L,2#3",
        "? 0-59 ? */2 ? ?/6",
        "@hourly",
    ):
        assert list(islice(parse_cron(text).nominal_times(start, start + timedelta(days=28)), 100))
    assert given_to_it == {
        "* * * * * 0", "5 * * * *", "0 0,1,22,23 * * *", "0 0 1,31 * *", "0 0 l * *", "0 0 1 * *",
        "0 0 * * 0,1,5,6", "0 0 * * l5,2#3",
        "* * * * * *", "* * * * *", "0 * * * *", "0 0 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31 * *", "0 0 * * 0,6",
        "0 0 * * *",
    }  # fmt: skip


def test_croniter_is_loaded_when_times_are_asked_for_and_not_to_read_an_expression():
    program = """
import sys
from datetime import datetime
from cronicle.schedule.cron import parse_cron
from cronicle.schedule.words import describe_cron
cron = parse_cron("0 2 13 * 5")
print(describe_cron(cron), cron.ever_fires, "croniter" in sys.modules)
print(next(cron.nominal_times(datetime(2026, 1, 1), datetime(2027, 1, 1))), "croniter" in sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == [
        "at 02:00, on the 13th or on Friday True False",
        "2026-01-02 02:00:00 True",
    ]


def test_the_cost_depends_on_the_fields_and_not_on_the_length_of_the_text_or_the_rarity_of_the_day():
    before = time.perf_counter()
    for text in (
        ",".join(["1", "2-5/2", "7-6"] * 30_000) + " 0 L-28 2 */6",  # 29 days and a weekday: once in 28 years
        "* * * 29 2 *",
        "*/7 * * 31 2,4,6,9,11 */6",
    ):
        next(parse_cron(text).nominal_times(datetime(2100, 1, 1), datetime(2200, 1, 1)), None)
    assert time.perf_counter() - before < 3
