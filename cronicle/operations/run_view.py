"""What expressions see of a run itself."""

from __future__ import annotations

from typing import Any

from cronicle.store.records import RunRecord


def view_of_run(run: RunRecord) -> dict[str, Any]:
    """What expressions see as `run`."""
    times = run.times
    view: dict[str, Any] = {
        "id": run.id,
        "time": times.time,
        "date": times.date,
        "revision": run.revision,
        "cause": str(run.cause),
    }
    if times.interval_start is not None:
        view["interval"] = {
            "start": times.interval_start,
            "end": times.interval_end,
            "date": times.interval_date,
        }
    return view
