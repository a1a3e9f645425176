"""What expressions see of a run itself."""

from __future__ import annotations

from typing import Any

from cronicle.schedule.run_times import RunTimes
from cronicle.store.records import RunRecord


def view_of_run(run: RunRecord) -> dict[str, Any]:
    """What expressions see as `run`."""
    return {
        "id": run.id,
        "revision": run.revision,
        "cause": str(run.cause),
        **view_of_times(run.times),
    }


def view_of_times(times: RunTimes) -> dict[str, Any]:
    """What expressions see of the times of a run."""
    view: dict[str, Any] = {"time": times.time, "date": times.date}
    if times.interval_start is not None:
        view["interval"] = {
            "start": times.interval_start,
            "end": times.interval_end,
            "date": times.interval_date,
        }
    return view
