"""The previous run of a run: what expressions mean by `previous`.

It is the result (of several the last to succeed) of the latest earlier logical time that has one, in the same series.
It is looked for once, when the run is about to start, and recorded as an event with all that expressions may want to
know of it, so that neither a later remake of that time nor retention changes what the run has seen. A retry takes
over what the retried run had found.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cronicle.operations.run_view import view_of_run
from cronicle.runs import events as ev
from cronicle.runs.scope import PreviousView
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunRecord


def find_previous(
    store: StoreReader, run: RunRecord, tasks: Sequence[str], now: datetime
) -> ev.PreviousFound:
    """Look for the previous run.

    Args:
        store: Where history is.
        run: The run that is about to start.
        tasks: Those whose outputs expressions refer to.
        now: The present instant.
    """
    result = store.find_newest_result(
        run.project, run.environment, run.workflow, run.series, before=run.logical_time
    )
    earlier = store.find_run(result.run_id) if result is not None else None
    if earlier is None:
        return ev.PreviousFound(at=now, run_id=None)
    seen: dict[str, dict[str, Any]] = {}
    for record in store.list_tasks(earlier.id) if tasks else ():
        if record.task not in tasks:
            continue
        if record.key is None:
            seen.setdefault(record.task, {"output": record.output})
        else:
            task = seen.setdefault(record.task, {})
            task.setdefault("instances", {})[record.key] = record.output
    return ev.PreviousFound(at=now, run_id=earlier.id, run=view_of_run(earlier), tasks=seen)


def previous_view(found: ev.PreviousFound | None) -> PreviousView | None:
    """What expressions see of what was found."""
    return None if found is None else PreviousView(run=found.run, tasks=found.tasks)


def taken_over(events: Sequence[ev.RunEvent], now: datetime) -> tuple[ev.RunEvent, ...]:
    """What a run had found as its previous one, for a retry of it."""
    for event in events:
        if isinstance(event, ev.PreviousFound):
            return (ev.PreviousFound(at=now, run_id=event.run_id, run=event.run, tasks=event.tasks),)
    return ()
