"""Times, durations and numbers as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cronicle.views.details import size_text
from cronicle.views.words import about, duration, local_time, relative

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (250, "4 min 10 s"),
        (3599.6, "1 h"),
        (3 * 3600 + 300, "3 h 5 min"),
        (86400, "1 day"),
        (10 * 86400, "10 days"),
        (None, ""),
    ],
)
def test_a_duration_has_the_units_that_matter(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (86399, "23 h"), (86400, "1 day"), (-5, "0 s")],
)
def test_how_long_ago_is_said_in_one_unit(seconds, text):
    assert about(seconds) == text


def test_an_instant_is_seen_from_now():
    assert relative(NOW - timedelta(minutes=2), NOW) == "2 min ago"
    assert relative(NOW + timedelta(days=5), NOW) == "in 5 days"
    assert relative(None, NOW) == ""


def test_local_time_is_that_of_the_zone_with_seconds_where_there_are_some():
    assert local_time(NOW, "America/Los_Angeles") == "2026-11-23 04:00"
    assert local_time(NOW + timedelta(seconds=7), "UTC") == "2026-11-23 12:00:07"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (51_200_000, "51 MB"), (10**15, "1000.0 TB")],
)
def test_a_size_is_said_in_one_unit(size, text):
    assert size_text(size) == text
