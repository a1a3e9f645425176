"""Figures of a store: what a check of an installation and metrics ask for, none of it by walking all runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cronicle.store.cells import from_instant, to_json
from cronicle.store.records import LastSuccess
from cronicle.store.relational.connection import Connection

_GOOD = (
    "run.project = ?1 AND run.environment = ?2 AND run.workflow = asked.value"
    " AND run.counts = 1 AND run.state = 'succeeded'"
)

_LAST_SUCCESSES = f"""
SELECT asked.value,
    (SELECT logical_time FROM run INDEXED BY run_at WHERE {_GOOD} ORDER BY logical_time DESC LIMIT 1),
    (SELECT ended_at FROM run INDEXED BY run_at WHERE {_GOOD} ORDER BY logical_time DESC LIMIT 1),
    (SELECT ended_at FROM run INDEXED BY run_of_workflow WHERE {_GOOD} ORDER BY sequence DESC LIMIT 1)
FROM json_each(?3) AS asked
"""  # noqa: S608 - put together from constants


def list_last_successes(
    connection: Connection, project: str, environment: str, workflows: Sequence[str]
) -> tuple[LastSuccess, ...]:
    """When each workflow last had a result; those that never had one are left out."""
    found = connection.rows(_LAST_SUCCESSES, (project, environment, to_json(list(workflows))))
    return tuple(
        LastSuccess(
            workflow=workflow,
            logical_time=from_instant(logical_time),
            ended_at=from_instant(max(of_latest, of_newest)),
        )
        for workflow, logical_time, of_latest, of_newest in found
        if logical_time is not None
    )


def count_dropped(connection: Connection) -> Mapping[tuple[str, str, str, str], int]:
    """Ticks without a run, by project, environment, workflow and reason."""
    found = connection.rows(
        "SELECT project, environment, workflow, reason, CAST(sum(count) AS BIGINT) FROM dropped"
        " GROUP BY project, environment, workflow, reason"
    )
    return {(row[0], row[1], row[2], row[3]): row[4] for row in found}


def list_durations(
    connection: Connection, project: str, environment: str, workflow: str, limit: int
) -> tuple[float, ...]:
    """`StoreReader.list_durations`."""
    found = connection.rows(
        "SELECT ended_at - started_at FROM run WHERE project = ? AND environment = ? AND workflow = ?"
        " AND state = 'succeeded' AND started_at IS NOT NULL ORDER BY sequence DESC LIMIT ?",
        (project, environment, workflow, max(limit, 0)),
    )
    return tuple(row[0] / 1_000_000 for row in found)
