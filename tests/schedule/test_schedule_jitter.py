"""Jitter: a delay that is spread, bounded and always the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from cronicle.schedule.jitter import jitter_delay

TICK = datetime(2026, 3, 8, 12, tzinfo=UTC)
DELAYS = st.timedeltas(timedelta(0), timedelta(days=400))


@given(st.text(), st.datetimes(timezones=st.just(UTC)), DELAYS)
def test_the_delay_is_shorter_than_the_jitter_and_does_not_depend_on_who_asks(workflow, instant, jitter):
    delay = jitter_delay(workflow, instant, jitter)
    assert delay == jitter_delay(workflow, instant, jitter)
    assert timedelta(0) <= delay < jitter or delay == jitter == timedelta(0)


def test_the_delay_follows_from_the_instant_and_not_from_how_it_is_written():
    there = TICK.astimezone(ZoneInfo("Asia/Tokyo"))
    assert jitter_delay("a/b", there, timedelta(hours=1)) == jitter_delay("a/b", TICK, timedelta(hours=1))


def test_delays_of_many_workflows_and_ticks_are_spread():
    hour = timedelta(hours=1)
    for delays in (
        [jitter_delay(f"a/{number}", TICK, hour) for number in range(2000)],
        [jitter_delay("a/b", TICK + number * timedelta(days=1), hour) for number in range(2000)],
    ):
        quarters = [sum(delay // (hour / 4) == quarter for delay in delays) for quarter in range(4)]
        assert all(400 < count < 600 for count in quarters)


def test_the_delay_stays_what_it_was_in_earlier_releases():
    assert jitter_delay("shop/daily", TICK, timedelta(minutes=10)) == timedelta(
        seconds=407, microseconds=910867
    )
