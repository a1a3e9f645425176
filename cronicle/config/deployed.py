"""What a deployment keeps of a workflow's schedules: plain JSON, so that ticks need no HCL.

Instants are RFC 3339 in UTC, dates ISO, durations seconds. A newer release reads what an older one wrote, and writes
the same for what the older one knew: what came later is left out where a schedule says nothing of it, so that no
plan shows a change where nobody made one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cronicle.schedule.calendars import Calendar
from cronicle.schedule.rule import Catchup, Schedule

Json = Any


def schedules_to_json(schedules: Iterable[Schedule]) -> list[dict[str, Json]]:
    """Schedules as JSON holds them, in their order."""
    return [
        {
            "name": one.name,
            "cron": list(one.crons),
            "every": _seconds(one.every),
            "at": [_instant(at) for at in one.at],
            "timezone": one.timezone,
            "start": _instant(one.start),
            "end": _instant(one.end),
            "jitter": _seconds(one.jitter),
            "catchup": one.catchup.value,
            "catchup_window": _seconds(one.catchup_window),
            "enabled": one.enabled,
            "seed": one.seed,
            **_later(one),
        }
        for one in schedules
    ]


def schedules_from_json(stored: Iterable[Mapping[str, Json]]) -> tuple[Schedule, ...]:
    """The schedules that `schedules_to_json` wrote, of this or an earlier release."""
    return tuple(
        Schedule(
            name=one.get("name"),
            crons=tuple(one.get("cron", ())),
            every=_duration(one.get("every")),
            at=tuple(datetime.fromisoformat(at) for at in one.get("at", ())),
            timezone=one.get("timezone", "UTC"),
            start=_datetime(one.get("start")),
            end=_datetime(one.get("end")),
            jitter=timedelta(seconds=one.get("jitter", 0)),
            catchup=Catchup(one.get("catchup", "none")),
            catchup_window=timedelta(seconds=one.get("catchup_window", 7 * 86400)),
            enabled=one.get("enabled", True),
            seed=one.get("seed", ""),
            only=_calendar(one.get("only")),
            exclude=_calendar(one.get("exclude")),
            on_start=one.get("on") == "start",
            params=one.get("params", {}),
        )
        for one in stored
    )


def series_from_json(stored: Iterable[Mapping[str, Json]]) -> dict[str | None, tuple[Schedule, ...]]:
    """Stored schedules by the series that they make; None is that of the unlabelled ones."""
    series: dict[str | None, tuple[Schedule, ...]] = {}
    for schedule in schedules_from_json(stored):
        series[schedule.name] = (*series.get(schedule.name, ()), schedule)
    return series


def _later(one: Schedule) -> dict[str, Json]:
    """What releases after the first know of a schedule, where it says something of it."""
    return {
        **({"only": _calendar_to_json(one.only)} if one.only is not None else {}),
        **({"exclude": _calendar_to_json(one.exclude)} if one.exclude is not None else {}),
        **({"on": "start"} if one.on_start else {}),
        **({"params": dict(one.params)} if one.params else {}),
    }


def _calendar_to_json(calendar: Calendar) -> Json:
    return {
        "dates": sorted(day.isoformat() for day in calendar.dates),
        "weekdays": sorted(calendar.weekdays),
    }


def _calendar(stored: Json) -> Calendar | None:
    if stored is None:
        return None
    return Calendar(
        dates=(date.fromisoformat(day) for day in stored.get("dates", ())),
        weekdays=stored.get("weekdays", ()),
    )


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def _duration(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _datetime(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
