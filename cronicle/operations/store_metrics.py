"""The metrics that a store alone tells, without the memory of a process."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import cronicle
from cronicle.metrics import Metrics
from cronicle.runs.states import LIVE
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunFilter


def metrics_of_store(
    reader: StoreReader, files: Path | None, *, size: int | None = None, last_backup: datetime | None = None
) -> Metrics:
    """Live runs, owners, the last success of each deployed workflow, ticks without a run, sizes.

    Args:
        reader: The store.
        files: The files folder, if it is known.
        size: Bytes of the store, if the caller knows.
        last_backup: When it was last backed up, if the caller knows.
    """
    metrics = Metrics()
    add_store_metrics(metrics, reader)
    for (project, environment, workflow, reason), count in reader.count_dropped().items():
        metrics.ticks_dropped(project, environment, workflow, reason, count)
    if files is not None and files.is_dir():
        space = os.statvfs(files)
        metrics.disk_free_bytes.set(space.f_bavail * space.f_frsize)
    if size is not None:
        metrics.store_bytes.set(size)
    if last_backup is not None:
        metrics.last_backup.set(last_backup.timestamp())
    return metrics


def add_store_metrics(metrics: Metrics, reader: StoreReader) -> None:
    """Set the gauges that the store tells: also those that a scheduler which has just begun has seen nothing of."""
    metrics.build.set(1, (cronicle.__version__,))
    for state in sorted(LIVE):
        metrics.runs_live.set(reader.count_runs(RunFilter(states=(state,))), (state,))
    owners = reader.list_owners()
    alive = sum(reader.is_alive(owner.id) for owner in owners)
    metrics.owners.set(alive, ("alive",))
    metrics.owners.set(len(owners) - alive, ("dead",))
    metrics.scheduler.set(int(reader.find_leader() is not None))
    metrics.follow_failing.clear()
    for followed in reader.list_followed():
        labels = (followed.project, followed.environment)
        metrics.follow_failing.set(int(bool(followed.problems)), labels)
    for project, environment, _ in reader.list_environments():
        deployment = reader.find_deployment(project, environment)
        if deployment is None:
            continue
        names = [workflow.name for workflow in deployment.workflows]
        for one in reader.list_last_successes(project, environment, names):
            metrics.succeeded(
                project, environment, one.workflow, ended_at=one.ended_at, logical_time=one.logical_time
            )
