"""Small texts that views share."""

from __future__ import annotations

from datetime import datetime

from cronicle.cli.output import duration, paint, plural, visible

__all__ = ["ago", "duration", "paint", "plural", "visible"]


def ago(at: datetime, now: datetime) -> str:
    """How long ago: `just now`, `2 min ago`, `12 days ago`."""
    seconds = (now - at).total_seconds()
    if seconds < 5:
        return "just now"
    return f"{duration(int(seconds) if seconds < 60 else int(seconds) // 60 * 60)} ago"
