"""Times and durations as the options of a command say them."""

from __future__ import annotations

from datetime import datetime

from cronicle.errors import UsageError


def asked_instant(option: str, text: str, zone: str) -> datetime:
    """The instant that an option names, in a zone where it has none of its own.

    Raises:
        UsageError: It is none.
    """
    from cronicle.schedule.text import TextError, parse_time

    try:
        return parse_time(text, zone)
    except TextError as error:
        raise UsageError(f"{option}: {error.message}", error.remedy) from error


def asked_instant_to_come(option: str, text: str, zone: str, now: datetime, remedy: str) -> datetime:
    """As `asked_instant`, of an option that is about the time to come.

    Raises:
        UsageError: It is no instant, or not later than now; of that `remedy` says how to mend it.
    """
    instant = asked_instant(option, text, zone)
    if instant <= now:
        raise UsageError(f"{option} {text} is not later than now", remedy)
    return instant


def asked_seconds(option: str, text: str) -> float:
    """The seconds of the duration that an option names.

    Raises:
        UsageError: It is none.
    """
    from cronicle.schedule.text import TextError, parse_duration

    try:
        return parse_duration(text).total_seconds()
    except TextError as error:
        raise UsageError(f"{option}: {error.message}", error.remedy) from error
