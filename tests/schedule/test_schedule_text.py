"""Durations, dates, times and sizes: read, refused and written so that they read back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronicle.schedule.text import (
    TextError,
    duration_text,
    parse_date,
    parse_duration,
    parse_size,
    parse_time,
    size_text,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90), ("5m", 300), ("1h30m", 5400), ("7d", 604800), ("1.5h", 5400), ("250ms", 0.25),
        ("1d1s", 86401), ("0s", 0),
    ],
)  # fmt: skip
def test_a_duration_is_numbers_with_units(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "5", "m", "1h 5m", "5m1h", "-5m", "5 m", "1w", "1h1h", "٣s", "9999999999d"]
)
def test_what_is_no_duration_is_refused_with_an_example(text):
    with pytest.raises(TextError, match="1h30m"):
        parse_duration(text)


@given(st.timedeltas(timedelta(0), timedelta(days=9999)))
def test_a_duration_reads_back_as_it_was_written(duration):
    assert parse_duration(duration_text(duration)) == duration


def test_a_duration_is_written_in_the_largest_units():
    assert duration_text(timedelta(minutes=90)) == "1h30m"
    assert duration_text(timedelta(days=7)) == "7d"
    assert duration_text(timedelta(0)) == "0s"
    with pytest.raises(ValueError, match="negative"):
        duration_text(timedelta(seconds=-1))


@pytest.mark.parametrize(
    ("text", "zone", "instant"),
    [
        ("2026-03-08", "UTC", "2026-03-08T00:00"),
        ("2026-03-08", "America/New_York", "2026-03-08T05:00"),
        ("2011-10-16", "America/Sao_Paulo", "2011-10-16T03:00"),  # begins at 01:00
        ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00"),  # never was
        ("2010-11-07", "America/Goose_Bay", "2010-11-07T03:00"),  # begins twice
        ("2026-03-08T02:00:00Z", "America/New_York", "2026-03-08T02:00"),
        ("2026-03-08t02:00:00.5+01:30", "UTC", "2026-03-08T00:30:00.5"),
        (" 2026-03-08 02:00-05:00 ", "UTC", "2026-03-08T07:00"),
    ],
)
def test_a_time_is_rfc_3339_or_the_beginning_of_a_local_day(text, zone, instant):
    assert parse_time(text, zone) == datetime.fromisoformat(instant).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "today",
        "2026-02-30",
        "2026-3-8",
        "2026-03-08T02:00:00",
        "2026-03-08T25:00:00Z",
        "20260308",
        "0001-01-01",
        "9999-12-31",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:00:00-05:00",
    ],
)
def test_what_is_no_time_is_refused_with_an_example(text):
    with pytest.raises(TextError, match="2026-03-08"):
        parse_time(text, "UTC")


def test_a_date_is_a_day_of_the_calendar():
    assert parse_date("2028-02-29") == date(2028, 2, 29)
    for text in ("2026-02-29", "2026-W10-1", "20260308"):
        with pytest.raises(TextError):
            parse_date(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("512MiB", 512 * 2**20), ("2GB", 2 * 10**9), ("1.5 KiB", 1536), ("0B", 0), ("1TiB", 2**40)],
)
def test_a_size_is_a_number_with_a_unit(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "512", "2gb", "MB", "-1MB", "1 PB", "1e3MB"])
def test_what_is_no_size_is_refused_with_an_example(text):
    with pytest.raises(TextError, match="512MiB"):
        parse_size(text)


@given(st.integers(0, 2**50))
def test_a_size_reads_back_as_it_was_written(size):
    assert parse_size(size_text(size)) == size


def test_a_size_is_written_in_the_largest_unit_of_which_it_is_a_whole_number():
    assert [size_text(size) for size in (512 * 2**20, 2 * 10**9, 1001, 0)] == ["512MiB", "2GB", "1001B", "0B"]
