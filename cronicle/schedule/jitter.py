"""By how much the execution of a tick is delayed: spread over `jitter`, and the same whoever asks and how often.

The delay moves no tick: logical time and interval stay. It follows from the workflow and the logical time alone, so
that after a crash, or in another process, a run starts when it would have.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

__all__ = ["jitter_delay"]


def jitter_delay(workflow: str, logical_time: datetime, jitter: timedelta) -> timedelta:
    """The delay of a tick's execution, in ``[0, jitter)``; nothing without jitter.

    Args:
        workflow: What tells the workflow from all others: its project and its name.
        logical_time: Of the tick.
        jitter: The longest delay.
    """
    if jitter <= timedelta(0):
        return timedelta(0)
    instant = logical_time.astimezone(UTC).isoformat()
    digest = sha256(f"{workflow}\n{instant}".encode()).digest()
    share = int.from_bytes(digest[:8], "big")  # of 2 ** 64
    return timedelta(microseconds=(jitter // timedelta.resolution) * share >> 64)
