"""How all tasks of a run ended as one small value, so that a grid of many runs is one query."""

from __future__ import annotations

import msgspec

from cronicle.runs.machine import RunMachine
from cronicle.runs.states import TaskState

PackedTask = tuple[str, str | None, TaskState, str | None]
"""Task, key, state, reason."""


def pack_tasks(machine: RunMachine) -> str | None:
    """The units of a finished run as JSON `[[task, key, state, reason], …]`; None while it is live.

    Of a `for_each` task its instances are named; the whole of it only where it has none.
    """
    if not machine.finished:
        return None
    expanded = {task for task, group in machine.groups.items() if group.instances}
    rows = [
        (task, key, unit.state, unit.reason)
        for (task, key), unit in machine.units.items()
        if key is not None or task not in expanded
    ]
    return msgspec.json.encode(rows).decode()


def unpack_tasks(packed: str) -> tuple[PackedTask, ...]:
    """What `pack_tasks` made."""
    return msgspec.json.decode(packed, type=tuple[PackedTask, ...])
