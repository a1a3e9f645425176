"""How many attempts a process executes at once where nothing is said."""

from __future__ import annotations

import os


def default_slots() -> int:
    """As many as the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
