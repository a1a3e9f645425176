"""What a series owes: every due tick has exactly one fate, whatever was deployed, paused, watched and split."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronicle.schedule.dropped import Dropped
from cronicle.schedule.owed import (
    ON_TIME_WITHIN,
    Assessment,
    Deployed,
    Paused,
    Segment,
    assess,
    next_due,
    owed_ticks,
    segments_of,
)
from cronicle.schedule.rule import Catchup, Schedule
from cronicle.schedule.ticks import ticks_between

MICRO = timedelta.resolution
WEEK = timedelta(days=7)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


HOURLY, MINUTELY = Schedule(crons="@hourly"), Schedule(crons="* * * * *")
NOON = at("2026-03-08T12:00:10")


def segments(*schedules: Schedule, since: str = "2026-03-08T06:00", now: datetime = NOON, pauses=()):
    return segments_of(at(since), [Deployed(number=1, at=at(since), schedules=schedules)], pauses, now)


def assessed(
    found: Sequence[Segment], catchup: str, watched: str = "2026-03-08T12:00:05", **more
) -> Assessment:
    arguments = {
        "now": NOON,
        "catchup_window": WEEK,
        "watched_from": at(watched),
        "catchup": Catchup(catchup),
    }
    return assess(found, **(arguments | more))


def test_the_latest_tick_is_on_time_after_a_restart_and_the_others_follow_catchup():
    found = assessed(segments(HOURLY), "all")
    assert [due.tick.logical_time for due in found.on_time] == [at("2026-03-08T12:00")]
    assert [(span.after, span.until, span.count) for span in found.owed] == [
        (at("2026-03-08T06:00"), at("2026-03-08T12:00") - MICRO, 5)
    ]
    assert found.dropped == ()
    assert found.position == NOON


def test_ticks_are_on_time_while_somebody_watches_however_late_they_are_taken():
    found = assessed(segments(HOURLY), "none", watched="2026-03-08T10:00")
    assert [due.tick.logical_time.hour for due in found.on_time] == [10, 11, 12]
    (span,) = found.dropped
    assert (span.first, span.last, span.count) == (at("2026-03-08T07:00"), at("2026-03-08T09:00"), 3)
    assert span.reason is Dropped.NO_CATCHUP


def test_latest_makes_the_latest_only_if_no_later_one_is_on_time():
    found = assessed(segments(HOURLY), "latest")
    assert len(found.on_time) == 1
    assert found.owed == ()
    assert [(span.reason, span.count) for span in found.dropped] == [(Dropped.NOT_LATEST, 5)]
    now = at("2026-03-08T12:30")
    found = assessed(segments(HOURLY, now=now), "latest", watched="2026-03-08T12:29", now=now)
    assert found.on_time == ()
    assert [(span.until, span.count) for span in found.owed] == [(at("2026-03-08T12:00"), 1)]
    assert [(span.reason, span.count) for span in found.dropped] == [(Dropped.NOT_LATEST, 5)]


def test_what_was_missed_longer_ago_than_the_window_is_dropped_as_such():
    window = timedelta(hours=2, seconds=10)
    found = assessed(segments(HOURLY), "all", catchup_window=window)
    assert [(span.after, span.count) for span in found.owed] == [(at("2026-03-08T10:00") - MICRO, 2)]
    assert [(span.reason, span.last.hour, span.count) for span in found.dropped] == [
        (Dropped.CATCHUP_WINDOW, 9, 3)
    ]
    now = at("2026-03-08T12:30")
    late = assessed(
        segments(HOURLY, now=now), "latest", watched="2026-03-08T12:29", now=now, catchup_window=timedelta(0)
    )
    assert [(span.reason, span.count) for span in late.dropped] == [
        (Dropped.NOT_LATEST, 5),
        (Dropped.CATCHUP_WINDOW, 1),
    ]


def test_a_pause_begins_with_its_instant_and_ends_before_its_end():
    pause = Paused(start=at("2026-03-08T08:00"), end=at("2026-03-08T10:00"), detail="ada: holidays")
    found = assessed(segments(HOURLY, pauses=[pause]), "all")
    (span,) = found.dropped
    assert (span.first.hour, span.last.hour, span.count) == (8, 9, 2)
    assert (span.reason, span.detail) == (Dropped.PAUSED, "ada: holidays")
    assert [span.count for span in found.owed] == [1, 2]


def test_a_changed_schedule_owes_nothing_of_the_past():
    old, new = Schedule(crons="0 */3 * * *"), MINUTELY
    deployed = [
        Deployed(number=1, at=at("2026-03-08T06:00"), schedules=(old,)),
        Deployed(number=2, at=at("2026-03-08T11:58:30"), schedules=(new,)),
    ]
    found = assessed(
        segments_of(at("2026-03-08T06:00"), deployed, (), NOON), "all", watched="2026-03-08T12:00:09"
    )
    assert [(span.deployment, span.count) for span in found.owed] == [(1, 1), (2, 1)]
    assert [due.deployment for due in found.on_time] == [2]
    assert found.deployment == 2


def test_a_series_owes_nothing_while_it_was_not_deployed_or_disabled():
    deployed = [
        Deployed(number=1, at=at("2026-03-08T06:00"), schedules=(HOURLY,)),
        Deployed(number=2, at=at("2026-03-08T07:30")),
        Deployed(number=3, at=at("2026-03-08T09:30"), schedules=(attrs.evolve(HOURLY, enabled=False),)),
        Deployed(number=4, at=at("2026-03-08T10:30"), schedules=(HOURLY,)),
    ]
    found = assessed(segments_of(at("2026-03-08T06:00"), deployed, (), NOON), "all")
    assert [(span.deployment, span.count) for span in found.owed] == [(1, 1), (4, 1)]


def test_a_disabled_schedule_of_a_series_still_bounds_the_intervals_of_the_others():
    night = Schedule(crons="30 * * * *", enabled=False)
    found = assessed(segments(HOURLY, night), "none")
    assert [due.tick.interval.start for due in found.on_time] == [at("2026-03-08T11:30")]
    assert next_due((HOURLY, night), NOON) == at("2026-03-08T13:00")


def test_a_stalled_process_takes_its_ticks_in_portions():
    found = assessed(segments(MINUTELY), "none", watched="2026-03-08T07:00", limit=100)
    assert len(found.on_time) == 100
    assert not found.is_complete
    assert found.position == found.on_time[-1].tick.logical_time == at("2026-03-08T08:39")
    assert [span.count for span in found.dropped] == [59]


def test_owed_ticks_are_taken_oldest_first():
    (owed,) = assessed(segments(HOURLY), "all").owed
    assert [tick.logical_time.hour for tick in owed_ticks(owed, (HOURLY,), 2)] == [7, 8]
    assert len(owed_ticks(owed, (HOURLY,), 9)) == owed.count == 5


@pytest.mark.parametrize("cron", ["* * * * *", "* * * * * *"])
@pytest.mark.parametrize("catchup", list(Catchup))
def test_ten_missed_years_are_assessed_at_once(cron, catchup):
    series = Schedule(crons=cron, timezone="Africa/Casablanca")
    now, before = at("2026-03-08T12:00:10"), time.process_time()
    found = assessed(segments(series, since="2016-03-08T12:00:10", now=now), catchup)
    assert time.process_time() - before < 0.5
    counted = sum(span.count for span in (*found.owed, *found.dropped)) + len(found.on_time)
    assert counted > 5_000_000


# What must hold of all series, deployments, pauses and moments.

START = at("2026-03-07T20:00")
MOMENTS = st.integers(0, 60 * 30).map(lambda minutes: START + timedelta(minutes=minutes)) | st.timedeltas(
    timedelta(0), timedelta(hours=30)
).map(lambda step: START + step)
SCHEDULES = st.builds(
    Schedule,
    crons=st.sampled_from(
        ["@hourly", "*/20 * * * *", "30 2 * * *", "* * * * *", "0 0 30 2 *", "*/7 1-3 * * *"]
    ),
    timezone=st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe"]),
    every=st.none() | st.just(timedelta(minutes=45)),
    start=st.none() | MOMENTS,
    enabled=st.sampled_from([True, True, True, False]),
)
SERIES = st.lists(SCHEDULES, max_size=2).map(tuple)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Deployed], list[Paused]]:
    instants = [START, *sorted(draw(st.lists(MOMENTS, max_size=3, unique=True)))]
    deployed = [
        Deployed(number=number, at=instant, schedules=draw(SERIES))
        for number, instant in enumerate(instants, 1)
    ]
    pauses = [
        Paused(start=min(start, end), end=draw(st.sampled_from([None, max(start, end)])), detail=f"pause {n}")
        for n, (start, end) in enumerate(draw(st.lists(st.tuples(MOMENTS, MOMENTS), max_size=2)))
    ]
    return deployed, pauses


def due(deployed: Sequence[Deployed], pauses: Sequence[Paused], after: datetime, until: datetime):
    """All due ticks by enumeration: each instant, whether it is paused."""
    ends = [one.at for one in deployed[1:]] + [until]
    for one, end in zip(deployed, ends, strict=True):
        enabled = [schedule for schedule in one.schedules if schedule.enabled]
        for tick in ticks_between(enabled, max(one.at, after) + MICRO, min(end, until) + MICRO):
            instant = tick.logical_time
            paused = any(
                pause.start <= instant and (pause.end is None or instant < pause.end) for pause in pauses
            )
            yield instant, paused


def fates(found: Assessment, all_ticks: Sequence[tuple[datetime, bool]]) -> Iterator[tuple[datetime, str]]:
    """Each tick with what became of it; spans are read as the ticks that lie in them."""
    for one in found.on_time:
        yield one.tick.logical_time, "on time"
    for span in found.owed:
        inside = [t for t, paused in all_ticks if span.after < t <= span.until and not paused]
        assert len(inside) == span.count
        yield from ((t, "owed") for t in inside)
    for span in found.dropped:
        inside = [
            t
            for t, paused in all_ticks
            if span.first <= t <= span.last and paused == (span.reason is Dropped.PAUSED)
        ]
        assert len(inside) == span.count
        assert {span.first, span.last} <= set(inside)
        yield from ((t, str(span.reason)) for t in inside)


@settings(max_examples=200)
@given(
    histories(), MOMENTS, MOMENTS, st.sampled_from(Catchup), st.timedeltas(timedelta(0), timedelta(hours=40))
)
def test_each_due_tick_has_exactly_one_fate(history, watched, now, catchup, window):
    deployed, pauses = history
    found = segments_of(START, deployed, pauses, now)
    if not found:
        assert now == START
        return
    result = assess(
        found, watched_from=watched, now=now, catchup=catchup, catchup_window=window, limit=10_000
    )
    all_ticks = list(due(deployed, pauses, START, now))
    told = sorted(fates(result, all_ticks))
    assert [t for t, _ in told] == [t for t, _ in all_ticks]
    assert all(t > START for t, _ in told)
    assert {t for t, fate in told if fate == "paused"} == {t for t, paused in all_ticks if paused}
    open_ticks = [t for t, paused in all_ticks if not paused]
    for t, fate in told:
        if fate == "on time":
            assert t >= watched or (t == open_ticks[-1] and now - t <= ON_TIME_WITHIN)
        elif fate != "paused":
            assert t < watched
        if fate == "owed":
            assert t >= now - window
            assert catchup is Catchup.ALL or (catchup is Catchup.LATEST and t == open_ticks[-1])


@settings(max_examples=100)
@given(histories(), MOMENTS, MOMENTS, MOMENTS, st.integers(1, 40))
def test_with_catchup_all_it_does_not_matter_when_it_was_asked(history, first, second, watched, limit):
    deployed, pauses = history
    first, second = sorted((first, second))
    all_ticks = list(due(deployed, pauses, START, second))

    def told(*moments: datetime) -> list[datetime]:
        position, held, ticks = START, 1, []
        for moment in moments:
            while parts := segments_of(position, deployed[held - 1 :], pauses, moment):
                result = assess(
                    parts,
                    watched_from=watched,
                    now=moment,
                    catchup=Catchup.ALL,
                    catchup_window=timedelta(days=9),
                    limit=limit,
                )
                ticks += [t for t, _ in fates(result, all_ticks)]
                assert position < result.position <= moment
                position, held = result.position, result.deployment
        return sorted(ticks)

    assert told(second) == told(first, second) == [t for t, _ in all_ticks]
