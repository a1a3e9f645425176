"""What a deployment keeps of a workflow's schedules: plain JSON, so that ticks need no HCL.

Instants are RFC 3339 in UTC, durations seconds. A newer release reads what an older one wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

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
        )
        for one in stored
    )


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def _duration(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _datetime(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
