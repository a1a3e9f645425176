"""What a store is to take of a series: the runs that its due ticks make, what is owed and dropped, the new cursor.

Rules:

1. Runs are made for ticks that are on time, at once, and for those that are made up, a few at a time.
2. What becomes of the other due ticks is decided by `cronicle.schedule.owed`. Nearly always all of them are on time,
   which is found out without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from attrs import evolve

from cronicle.operations.in_force import Maker, tick_run
from cronicle.operations.served import Series, ServedEnvironment
from cronicle.runs.states import Cause
from cronicle.schedule.owed import Assessment, OwedSpan, assess, owed_ticks, segments_of
from cronicle.schedule.ticks import Tick
from cronicle.store.records import NewRun
from cronicle.store.series import CursorRecord, OwedRecord, SeriesKey, Settlement, TickSpan

TICKS_AT_ONCE = 500
"""On-time ticks of one series that are settled together."""


def settlement_of(
    environment: ServedEnvironment, series: Series, watched_from: datetime, maker: Maker
) -> Settlement | None:
    """What becomes of the ticks of a series that are due now; None if only a clock past its cursor can tell.

    Raises:
        CronicleError, ValueError: Its runs cannot be made.
    """
    now = maker.now
    if (due := _all_on_time(environment, series, watched_from, now)) is not None:
        return Settlement(
            key=series.key,
            expected=series.stored,
            cursor=_moved(series.cursor, now),
            runs=runs_of(series, due, Cause.SCHEDULE, maker),
        )
    first = series.schedules[0]
    segments = segments_of(
        series.cursor.position,
        environment.deployments(series),
        environment.pauses_of(series.key.workflow),
        now,
    )
    if not segments:  # it was deployed this very moment, or the clock was set back, or read a moment before
        if environment.deployment.created_at > series.cursor.position:
            return None  # from there to the deployment another schedule holds
        cursor = evolve(series.cursor, deployment=environment.deployment.number)
        return Settlement(key=series.key, expected=series.stored, cursor=cursor)
    found = assess(
        segments,
        watched_from=watched_from,
        now=now,
        catchup=first.catchup,
        catchup_window=first.catchup_window,
        limit=TICKS_AT_ONCE,
    )
    return Settlement(
        key=series.key,
        expected=series.stored,
        cursor=evolve(series.cursor, position=found.position, deployment=found.deployment),
        runs=runs_of(series, (due.tick for due in found.on_time), Cause.SCHEDULE, maker),
        owed=_owed_of(series.key, found),
        dropped=_dropped_of(series.key, found, now),
    )


def made_up(
    environment: ServedEnvironment, series: Series, owed: OwedRecord, room: int, maker: Maker
) -> Settlement:
    """Runs for the next of the ticks that are owed, so many at most.

    Raises:
        CronicleError, ValueError: They cannot be made.
    """
    span = OwedSpan(deployment=owed.deployment, after=owed.after, until=owed.until, count=owed.left)
    ticks = owed_ticks(span, environment.schedules_of(owed), room)
    left = owed.left - len(ticks) if len(ticks) == room else 0
    after = ticks[-1].logical_time if ticks else owed.until
    runs = runs_of(series, ticks, Cause.CATCHUP, maker)
    return evolve(beside(series, runs), owed=(evolve(owed, after=after, left=max(0, left)),))


def beside(series: Series, runs: tuple[NewRun, ...]) -> Settlement:
    """Runs that leave the cursor where it is."""
    return Settlement(key=series.key, expected=series.stored, cursor=None, runs=runs)


def runs_of(series: Series, ticks: Iterable[Tick], cause: Cause, maker: Maker) -> tuple[NewRun, ...]:
    """A run for each of these ticks.

    Raises:
        CronicleError, ValueError: They cannot be made.
    """
    return tuple([tick_run(series.workflow, series.key.series, tick, cause, maker) for tick in ticks])


def _all_on_time(
    environment: ServedEnvironment, series: Series, watched_from: datetime, now: datetime
) -> tuple[Tick, ...] | None:
    """The due ticks, if all there is to say of them is that they are on time."""
    cursor = series.cursor
    if (
        series.coming is None
        or environment.pauses
        or cursor.deployment != environment.deployment.number
        or cursor.position >= now
    ):
        return None
    ticks = series.coming.due(cursor.position, now, TICKS_AT_ONCE)
    return ticks if ticks and ticks[0].logical_time >= watched_from else None


def _moved(cursor: CursorRecord, position: datetime) -> CursorRecord:
    return CursorRecord(key=cursor.key, since=cursor.since, position=position, deployment=cursor.deployment)


def _owed_of(key: SeriesKey, found: Assessment) -> tuple[OwedRecord, ...]:
    return tuple(
        OwedRecord(key=key, deployment=span.deployment, after=span.after, until=span.until, left=span.count)
        for span in found.owed
    )


def _dropped_of(key: SeriesKey, found: Assessment, now: datetime) -> tuple[TickSpan, ...]:
    return tuple(
        TickSpan(
            key=key,
            first=span.first,
            last=span.last,
            count=span.count,
            reason=span.reason,
            detail=span.detail,
            recorded_at=now,
        )
        for span in found.dropped
    )
