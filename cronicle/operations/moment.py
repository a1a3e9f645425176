"""A logical time of a series, and the runs that have it."""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import frozen

from cronicle.store.records import RunFilter, RunRecord


@frozen(kw_only=True)
class Moment:
    """A logical time of a series."""

    project: str
    environment: str
    workflow: str
    series: str | None
    logical_time: datetime

    @classmethod
    def of(cls, run: RunRecord) -> Moment:
        """That of a run."""
        return cls(
            project=run.project,
            environment=run.environment,
            workflow=run.workflow,
            series=run.series,
            logical_time=run.logical_time,
        )


def runs_at(moment: Moment) -> RunFilter:
    """The runs of a logical time."""
    return RunFilter(
        project=moment.project,
        environment=moment.environment,
        workflow=moment.workflow,
        series=moment.series,
        any_series=False,
        logical_from=moment.logical_time,
        logical_to=moment.logical_time + timedelta.resolution,
    )
