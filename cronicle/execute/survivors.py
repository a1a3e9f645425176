"""Ending what a dead owner has left: processes that carry the tokens of its attempts.

Called when an owner is settled after a crash, before any of its attempts may start again. The tokens were
durable before the processes existed, so that on Linux nothing can be missed. Where there is no `/proc` the
recorded process groups are all that is known. A group counts only if its leader is as old as the record
says, since ids are given out again.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection

import attrs
import trio

from cronicle.execute import belonging
from cronicle.values import Value

LOOK = 0.05
"""Seconds between two looks; two in a row must find nothing, since whoever is being born escapes one."""

KILL_PATIENCE = 5.0
"""Seconds after KILL until what is left counts as impossible to end."""

AGE_TOLERANCE = 2.0
"""Seconds by which the age of a leader may differ from its record: `ps` gives whole seconds."""


@attrs.frozen(eq=False, repr=False)
class RecordedGroup(Value):
    """A process group as its owner recorded it."""

    pgid: int
    age: float
    """Seconds since the recorded start of its leader."""


def find_survivors(tokens: Collection[str]) -> list[int]:
    """The living processes that carry one of the tokens, except this one. None without a `/proc`."""
    return sorted(belonging.carriers([os.fsencode(token) for token in tokens])) if tokens else []


async def end_survivors(
    tokens: Collection[str], grace_period: float, groups: Collection[RecordedGroup] = ()
) -> list[int]:
    """Sends TERM to all survivors, KILL after the grace period, until two looks in a row find none.

    Args:
        tokens: those of the attempts that were live when their owner died.
        grace_period: seconds between TERM and KILL.
        groups: the recorded groups of these attempts; a group is signalled as a whole.

    Returns:
        What cannot be ended (processes of another user, or stuck in the kernel), normally nothing. A group
        stands there as its negative id.
    """
    own_group = os.getpgrp()
    # Checked once: while a group exists its id is not given to another, so afterwards existing is enough.
    pgids = {group.pgid for group in groups if group.pgid != own_group and await _is_same(group)}
    begun = trio.current_time()
    told: set[int] = set()
    clear_looks = 0
    while True:
        belonging.reap_orphans()
        pgids = {pgid for pgid in pgids if belonging.group_exists(pgid)}
        survivors = [*find_survivors(tokens), *(-pgid for pgid in sorted(pgids))]
        clear_looks = 0 if survivors or (tokens and belonging.any_untold()) else clear_looks + 1
        if clear_looks == 2:
            return []
        passed = trio.current_time() - begun
        if passed >= grace_period + KILL_PATIENCE:
            return survivors
        if passed >= grace_period:
            belonging.signal_all(survivors, signal.SIGKILL)
        else:
            new = [survivor for survivor in survivors if survivor not in told]
            told.update(new)
            belonging.signal_all(new, signal.SIGTERM)
            belonging.signal_all(new, signal.SIGCONT)  # a stopped process takes TERM only when it goes on
        await trio.sleep(LOOK)


async def _is_same(group: RecordedGroup) -> bool:
    """True if the leader of the group is alive and as old as the record says."""
    if group.pgid <= 1:
        return False
    age = await _age(group.pgid)
    return age is not None and abs(age - group.age) <= AGE_TOLERANCE


async def _age(pid: int) -> float | None:
    """Seconds since a process was started; None if there is none."""
    if belonging.LINUX:
        return belonging.age(pid)
    try:
        ended = await trio.run_process(
            ["ps", "-o", "etime=", "-p", str(pid)], capture_stdout=True, capture_stderr=True, check=False
        )
    except OSError:
        return None
    return parse_elapsed(ended.stdout.decode("ascii", "replace"))


def parse_elapsed(text: str) -> float | None:
    """Reads `[[days-]hours:]minutes:seconds` (POSIX, `ps -o etime`) as seconds; None if it is not that."""
    days, _, clock = text.strip().rpartition("-")
    try:
        seconds = int(days or 0) * 86400
        for power, part in enumerate(reversed(clock.split(":"))):
            seconds += int(part) * 60**power
    except ValueError:
        return None
    return float(seconds)
