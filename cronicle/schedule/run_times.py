"""The times of a run, as texts: what tasks, expressions and listings show of them."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from cronicle.values import Value


@frozen(kw_only=True, eq=False, repr=False)
class RunTimes(Value):
    """The times of a run as texts: RFC 3339 with the offset of its zone, dates as `YYYY-MM-DD`."""

    time: str
    date: str
    interval_start: str | None = None
    """None, as the other two, for a run without an interval."""
    interval_end: str | None = None
    interval_date: str | None = None

    @classmethod
    def of(
        cls,
        *,
        logical_time: datetime,
        nominal: str,
        interval_start: datetime | None,
        interval_start_nominal: str | None,
        interval_end: datetime | None,
        timezone: str,
    ) -> RunTimes:
        """The times of the run that has these fields (those of `RunRecord`)."""
        # Listings do without, and start faster for it.
        from cronicle.schedule.zones import zoned_text

        time = zoned_text(logical_time, timezone)
        date = datetime.fromisoformat(nominal).date().isoformat()
        if interval_start is None or interval_start_nominal is None:
            return cls(time=time, date=date)
        return cls(
            time=time,
            date=date,
            interval_start=zoned_text(interval_start, timezone),
            interval_end=zoned_text(interval_end or logical_time, timezone),
            interval_date=datetime.fromisoformat(interval_start_nominal).date().isoformat(),
        )
