"""The one place that reads the system's clock.

Everything else asks a `Clock`, so that a test can own time (see `cronicle.testing.TrioClock`).
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where the present moment comes from."""

    def now(self) -> datetime:
        """The present instant, aware and in UTC."""
        ...


class SystemClock:
    """The wall clock of this machine."""

    def now(self) -> datetime:
        """The present instant, aware and in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one allowed place


def local_zone() -> str:
    """The IANA name of this machine's time zone: `$TZ`, else what `/etc/localtime` links to, else `UTC`."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    candidates = (
        os.environ.get("TZ", "").removeprefix(":"),
        os.path.realpath("/etc/localtime").partition("zoneinfo/")[2],
    )
    for name in candidates:
        try:
            if name:
                return ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return "UTC"
