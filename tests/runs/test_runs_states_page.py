"""docs/reference/states.md is made from the table of transitions, and is never out of step with it.

Write it anew with `python tests/runs/test_runs_states_page.py`.
"""

from __future__ import annotations

from pathlib import Path

from cronicle.runs.states import ENDED_TASK, RunState, TaskState
from cronicle.runs.units import TRANSITIONS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "states.md"

TEXT = """\
# States of a run and of its tasks

This page is generated from the table `TRANSITIONS` in `cronicle/runs/units.py`. What happens in a run is recorded
as events; an event that finds a task in a state without an arrow for it is refused, and changes nothing.

## A task, or one instance of a `for_each` task

```mermaid
stateDiagram-v2
    [*] --> waiting
{arrows}
```

These leave the state as it is:

| event | in the states |
| --- | --- |
{stays}

A report that comes too late changes nothing in any state: the end of an attempt that is no longer the live one, or
slots of a pool that are no longer needed.

## A run

```mermaid
stateDiagram-v2
    [*] --> queued: RunQueued
    queued --> running: RunStarted
    queued --> skipped: RunFinished
    queued --> succeeded: RunMarked, RunFinished
    queued --> failed: RunMarked, RunFinished
    queued --> cancelled: CancelRequested, RunFinished
    running --> succeeded: RunFinished
    running --> failed: RunTimedOut, RunFinished
    running --> cancelled: CancelRequested, RunFinished
{run_ends}
```
"""


def states_page() -> str:
    """The page, from the table."""
    labels: dict[tuple[TaskState, TaskState], list[str]] = {}
    stays: list[str] = []
    for event, moves in TRANSITIONS.items():
        for source, targets in moves.items():
            for target in sorted(targets, key=list(TaskState).index):
                if target is not source:
                    labels.setdefault((source, target), []).append(event.__name__)
        if same := [source for source, targets in moves.items() if source in targets]:
            stays.append(f"| `{event.__name__}` | {', '.join(f'`{state}`' for state in same)} |")
    order = list(TaskState)
    arrows = [
        f"    {source} --> {target}: {', '.join(names)}"
        for (source, target), names in sorted(
            labels.items(), key=lambda item: [order.index(state) for state in item[0]]
        )
    ]
    arrows += [f"    {state} --> [*]" for state in TaskState if state in ENDED_TASK]
    ended = [state for state in RunState if state not in (RunState.QUEUED, RunState.RUNNING)]
    return TEXT.format(
        arrows="\n".join(arrows),
        stays="\n".join(stays),
        run_ends="\n".join(f"    {state} --> [*]" for state in ended),
    )


def test_the_page_of_states_equals_a_fresh_generation():
    assert PAGE.read_text() == states_page()


def test_every_state_is_reached_and_only_ends_are_final():
    moves = [(a, b) for row in TRANSITIONS.values() for a, targets in row.items() for b in targets]

    assert {target for _, target in moves} | {TaskState.WAITING} == set(TaskState)
    assert {source for source, _ in moves} == set(TaskState) - ENDED_TASK


if __name__ == "__main__":
    PAGE.write_text(states_page())
