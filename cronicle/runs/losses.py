"""What follows for a run when the process that drove it is gone."""

from __future__ import annotations

from datetime import datetime

from cronicle.runs import events as ev
from cronicle.runs.machine import RunMachine


def lost_attempts(machine: RunMachine, at: datetime) -> tuple[ev.RunEvent, ...]:
    """Record in the machine that nothing of its running attempts is left; the facts that follow."""
    facts: list[ev.RunEvent] = []
    for unit in tuple(machine.running_units()):
        task, key = unit.id
        facts += machine.advance(ev.AttemptLost(at=at, task=task, key=key, attempt=unit.attempt))
    return tuple(facts)
