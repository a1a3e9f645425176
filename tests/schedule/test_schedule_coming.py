"""The coming ticks that are kept between two questions are those of the schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronicle.schedule.coming import KEPT, TRIMMED_AT, Coming, likeness
from cronicle.schedule.rule import Schedule
from cronicle.schedule.ticks import ticks_after, ticks_between

START = datetime(2026, 3, 28, tzinfo=UTC)
INSTANT = timedelta.resolution

SERIES = [
    (Schedule(every=timedelta(seconds=90)),),
    (Schedule(crons=("*/7 * * * *",)), Schedule(crons=("0 3 * * 0",), timezone="Europe/Berlin")),
    (Schedule(crons=("30 2 * * *",), timezone="Europe/London", end=START + timedelta(days=3)),),
    (Schedule(at=(START + timedelta(hours=5), START + timedelta(hours=1))),),
    (Schedule(crons=("0 0 30 2 *",)),),
]


@given(
    schedules=st.sampled_from(SERIES),
    questions=st.lists(st.tuples(st.integers(0, 400_000), st.integers(0, 40_000)), min_size=1, max_size=12),
)
def test_whatever_is_asked_in_whatever_order_the_answers_are_those_of_the_schedule(schedules, questions):
    coming = Coming(schedules)

    for offset, length in questions:
        after = START + timedelta(seconds=offset)
        until = after + timedelta(seconds=length)
        assert coming.next_after(after) == next(ticks_after(schedules, after), None)
        expected = tuple(islice(ticks_between(schedules, after + INSTANT, until + INSTANT), 31))
        assert coming.due(after, until, 30) == (expected if len(expected) <= 30 else None)


def test_who_goes_along_for_long_is_answered_as_at_the_beginning():
    schedules = (Schedule(every=timedelta(seconds=1)),)
    coming = Coming(schedules)
    now = START
    for _ in range(TRIMMED_AT + KEPT):
        later = now + timedelta(seconds=1)
        assert [tick.logical_time for tick in coming.due(now, later, 5)] == [later]
        now = later

    assert coming.due(START, START + timedelta(seconds=2), 5) == tuple(
        islice(ticks_after(schedules, START), 2)
    )


def test_a_leap_ahead_does_not_enumerate_what_lies_between():
    schedules = (Schedule(every=timedelta(seconds=1)),)
    coming = Coming(schedules)
    coming.next_after(START)
    later = START + timedelta(days=36_500)

    assert coming.next_after(later).logical_time == later + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ({"crons": ("0 * * * *",)}, {"crons": ("0 * * * *",)}, True),
        ({"crons": ("@hourly",)}, {"crons": ("@hourly",)}, True),
        ({"crons": ("0 4 * * THU",)}, {"crons": ("0 4 * * THU",)}, True),
        ({"crons": ("0 4 * * *",)}, {"crons": ("0 4 * * *",), "timezone": "Europe/Berlin"}, False),
        ({"crons": ("H * * * *",)}, {"crons": ("H * * * *",)}, False),
        ({"crons": ("0 H(0-7) * * *",)}, {"crons": ("0 H(0-7) * * *",)}, False),
    ],
)
def test_series_with_the_same_ticks_are_alike(one, other, alike):
    found = [likeness((Schedule(seed=name, **each),)) for name, each in (("p/a", one), ("p/b", other))]

    assert (found[0] == found[1]) is alike


def test_what_is_costly_to_compare_is_not_compared():
    assert likeness((Schedule(every=timedelta(seconds=1), params={"a": [1]}),)) is None
