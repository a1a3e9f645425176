"""A cron expression said in words: ``55 23 * * 1-5`` is "at 23:55, Monday to Friday"; and a calendar likewise.

For people who read a plan, so it says what is usual plainly and what is not completely; it says nothing that
is not so. Times are those of the schedule's zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cronicle.schedule.calendars import Calendar
from cronicle.schedule.cron import Cron
from cronicle.schedule.days import DayRule

__all__ = ["describe_calendar", "describe_cron"]

_WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS: Final = (
    "",
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_MOST_TIMES: Final = 4
"""So many times of a day are named one by one; more are told by hours and minutes."""


def describe_cron(cron: Cron) -> str:
    """When an expression fires, in English."""
    if not cron.ever_fires:
        return "never: no such day exists"
    times = _times(cron)
    if weekdays := _on_weekdays(cron.days):
        said = [f"{times} {weekdays}", _months(cron.months)]
    else:
        said = [times, _days(cron.days), _months(cron.months)]
    words = ", ".join(part for part in said if part)
    return f"{words} every day" if words == times and _is_at_few_times(cron) else words


def describe_calendar(calendar: Calendar) -> str:
    """The days of a calendar, in English: "Saturdays, Sundays and 12 dates"."""
    said = [f"{_WEEKDAYS[day]}s" for day in sorted(calendar.weekdays, key=_from_monday)]
    if len(calendar.dates) > _MOST_TIMES:
        said.append(f"{len(calendar.dates):,} dates")
    else:
        said += [day.isoformat() for day in sorted(calendar.dates)]
    return _join(said) if said else "no days"


def _is_at_few_times(cron: Cron) -> bool:
    return len(cron.seconds) * len(cron.minutes) * len(cron.hours) <= _MOST_TIMES


def _times(cron: Cron) -> str:
    seconds, minutes, hours = cron.seconds, cron.minutes, cron.hours
    if _is_at_few_times(cron):
        with_seconds = seconds != (0,)
        return "at " + _join(
            [
                f"{hour:02d}:{minute:02d}" + (f":{second:02d}" if with_seconds else "")
                for hour in hours
                for minute in minutes
                for second in seconds
            ]
        )
    said = []
    if seconds != (0,):
        said.append(_of_clock("second", seconds, 60) + ("," if len(minutes) < 60 else ""))
    if seconds == (0,) or len(minutes) < 60:
        said.append(_of_clock("minute", minutes, 60))
    if len(hours) < 24:
        said.append(_of_hours(hours))
    elif said == ["at minute 0"]:
        return "every hour"
    elif said[-1].startswith("at minute"):
        said.append("of every hour")
    return " ".join(said)


def _of_clock(unit: str, values: Sequence[int], size: int) -> str:
    """Seconds or minutes: "every minute", "every 15 minutes", "at minutes 5 and 35"."""
    if len(values) == size:
        return f"every {unit}"
    step = values[1] - values[0] if len(values) > 1 else 0
    if values[0] == 0 and step and size % step == 0 and tuple(values) == tuple(range(0, size, step)):
        return f"every {step} {unit}s"
    return f"at {_plural(unit, values)} {_ranges([str(value) for value in values], values)}"


def _of_hours(hours: Sequence[int]) -> str:
    step = hours[1] - hours[0] if len(hours) > 1 else 0
    if step > 1 and 24 % step == 0 and tuple(hours) == tuple(range(0, 24, step)):
        return f"of every {_ordinal(step)} hour"
    return f"of {_plural('hour', hours)} {_ranges([str(hour) for hour in hours], hours)}"


def _days(rule: DayRule) -> str:
    by_month, by_week = _month_days(rule), _week_days(rule)
    if by_month and by_week:
        return f"{by_month} if it is {by_week}" if rule.both else f"{by_month} or on {by_week}"
    return by_month or by_week


def _month_days(rule: DayRule) -> str:
    """The days of the month; nothing if every day will do."""
    days = rule.month_days
    if len(days.days) == 31:
        return ""
    numbers = sorted(days.days)
    said = [f"on the {_ranges([_ordinal(day) for day in numbers], numbers)}"] if numbers else []
    said += [
        f"{_ordinal(back + 1)} to last day".replace("1st to last", "last")
        for back in sorted(days.before_last)
    ]
    said += [f"working day nearest to the {_ordinal(day)}" for day in sorted(days.nearest)]
    said += ["last working day"] if days.last_working_day else []
    first, *others = said
    return _join(
        [first if first.startswith("on ") else f"on the {first}", *(f"the {other}" for other in others)]
    )


def _week_days(rule: DayRule) -> str:
    """The days of the week; nothing if every day will do."""
    days = rule.week_days
    if len(days.days) == 7:
        return ""
    numbers = sorted(map(_from_monday, days.days))
    said = [_ranges([_WEEKDAYS[(number + 1) % 7] for number in numbers], numbers)] if numbers else []
    said += [f"the last {_WEEKDAYS[day]} of the month" for day in sorted(days.last)]
    said += [f"the {_ordinal(nth)} {_WEEKDAYS[day]} of the month" for day, nth in sorted(days.nth)]
    return _join(said)


def _on_weekdays(rule: DayRule) -> str:
    """Such as "on Saturdays and Sundays"; nothing if more is to be said of days than a few days of the week."""
    days = rule.week_days
    if _month_days(rule) or days.last or days.nth or not 0 < len(days.days) < 7:
        return ""
    ordered = sorted(days.days, key=_from_monday)
    if any(
        _from_monday(third) - _from_monday(first) == 2
        for first, third in zip(ordered, ordered[2:], strict=False)
    ):
        return ""  # said as "Monday to Friday"
    return f"on {_join([f'{_WEEKDAYS[day]}s' for day in ordered])}"


def _from_monday(day: int) -> int:
    """The place of a day (0 is Sunday) in a week as it is said."""
    return (day - 1) % 7


def _months(months: Sequence[int]) -> str:
    return "" if len(months) == 12 else f"in {_ranges([_MONTHS[month] for month in months], months)}"


def _ranges(names: Sequence[str], numbers: Sequence[int]) -> str:
    """Names of ascending numbers, where three or more in a row are said as "a to b"."""
    runs: list[list[int]] = []
    for index, number in enumerate(numbers):
        if runs and numbers[runs[-1][-1]] == number - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    said = []
    for run in runs:
        if len(run) >= 3:
            said.append(f"{names[run[0]]} to {names[run[-1]]}")
        else:
            said += [names[index] for index in run]
    return _join(said)


def _join(said: Sequence[str]) -> str:
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def _plural(unit: str, values: Sequence[int]) -> str:
    return unit if len(values) == 1 else f"{unit}s"


def _ordinal(number: int) -> str:
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
