"""Removing old runs from a store, a few at a time.

Rules: the walk begins at the oldest run and ends at the first that was made after the instant asked about, so that
looking for nothing costs nothing, however long the history is. What is walked past are the runs that stay for a
reason. The specs of runs stay: deployments, and other runs, go by them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from cronicle.runs.retention import RunAge
from cronicle.store.cells import from_optional, to_instant, to_json
from cronicle.store.relational.connection import Connection

# ruff: noqa: S608 - statements are put together from constants; values are always bound

_UNFINISHED = "state IN ('queued', 'running')"

_CARRIED = (
    "EXISTS (SELECT 1 FROM task_run AS taken JOIN run AS taker ON taker.sequence = taken.run"
    " WHERE taken.carried_from = run.id)"
)

_NEEDED = f"""(
    EXISTS (SELECT 1 FROM run AS retry WHERE retry.retry_of = run.id AND retry.{_UNFINISHED})
    OR EXISTS (SELECT 1 FROM task_run AS taken JOIN run AS taker ON taker.sequence = taken.run
               WHERE taken.carried_from = run.id AND taker.{_UNFINISHED})
    OR (run.backfill <> '' AND EXISTS (SELECT 1 FROM backfill WHERE backfill.id = run.backfill
                                       AND backfill.state IN ('running', 'paused')))
)"""

_LATEST = """(
    run.counts = 1 AND run.state = 'succeeded' AND NOT EXISTS (
        SELECT 1 FROM run AS later INDEXED BY run_at
        WHERE later.project = run.project AND later.environment = run.environment
        AND later.workflow = run.workflow AND later.logical_time >= run.logical_time
        AND later.instance = run.instance AND later.series = run.series
        AND later.counts = 1 AND later.state = 'succeeded'
        AND (later.logical_time, later.ended_event) > (run.logical_time, run.ended_event)
    )
)"""

_AGES = f"""
SELECT run.id, run.project, run.environment,
    CASE WHEN run.{_UNFINISHED} OR run.hooks_open > 0 THEN NULL ELSE run.ended_at END, {_NEEDED}, {_LATEST}
FROM run WHERE run.id IN (SELECT value FROM json_each(?))
"""

_FROM_PAST = f"""
FROM run INDEXED BY run_of_environment
WHERE run.project = ? AND run.environment = ? AND run.sequence < ? AND NOT run.{_UNFINISHED} AND run.ended_at < ?
AND run.hooks_open = 0 AND NOT {_CARRIED} AND NOT {_NEEDED} AND NOT {_LATEST}
"""

_PAST = f"SELECT run.sequence, run.id {_FROM_PAST} ORDER BY run.sequence LIMIT ?"

_BELONGING = (
    "DELETE FROM run_event WHERE run IN (SELECT CAST(value AS BIGINT) FROM json_each(?))",
    "DELETE FROM task_run WHERE run IN (SELECT CAST(value AS BIGINT) FROM json_each(?))",
    "DELETE FROM attempt WHERE run IN (SELECT CAST(value AS BIGINT) FROM json_each(?))",
    "DELETE FROM slot WHERE run IN (SELECT CAST(value AS BIGINT) FROM json_each(?))",
)


def list_ages(connection: Connection, run_ids: Sequence[str]) -> tuple[RunAge, ...]:
    """What retention has to know of runs; ids that there is no run of are left out."""
    return tuple(
        RunAge(
            id=run_id,
            project=project,
            environment=environment,
            ended_at=from_optional(ended_at),
            is_needed=bool(needed),
            is_latest=bool(latest),
        )
        for run_id, project, environment, ended_at, needed, latest in connection.rows(
            _AGES, (to_json(list(run_ids)),)
        )
    )


def remove_rows_of(connection: Connection, sequences: Sequence[int]) -> None:
    """Remove what belongs to runs; within a transaction of the caller."""
    listed = to_json(list(sequences))
    for statement in _BELONGING:
        connection.execute(statement, (listed,))


def count_past(connection: Connection, project: str, environment: str, before: datetime) -> int:
    """How many runs `prune` would remove without a limit."""
    return int(
        connection.value(
            f"SELECT count(*) {_FROM_PAST}",
            (project, environment, made_before(connection, before), to_instant(before)),
        )
    )


def prune(
    connection: Connection,
    project: str,
    environment: str,
    before: datetime,
    limit: int,
    remove_rows: Callable[[Sequence[int]], None],
) -> tuple[str, ...]:
    """Remove runs, and with `remove_rows` what belongs to them; within a transaction of the caller."""
    past = connection.rows(
        _PAST, (project, environment, made_before(connection, before), to_instant(before), max(limit, 0))
    )
    if past:
        sequences = to_json([sequence for sequence, _ in past])
        remove_rows([sequence for sequence, _ in past])
        connection.execute(
            "DELETE FROM control_request WHERE target IN (SELECT value FROM json_each(?))",
            (to_json([run_id for _, run_id in past]),),
        )
        connection.execute(
            "DELETE FROM product WHERE run IN (SELECT CAST(value AS BIGINT) FROM json_each(?))", (sequences,)
        )
        connection.execute(
            "DELETE FROM run WHERE sequence IN (SELECT CAST(value AS BIGINT) FROM json_each(?))", (sequences,)
        )
    return tuple(run_id for _, run_id in past)


def made_before(connection: Connection, instant: datetime) -> int:
    """The sequence of the first run that was made at an instant or after it, as far as clocks only went forwards."""
    cut = to_instant(instant)
    low = int(connection.value("SELECT min(sequence) FROM run") or 0)
    high = int(connection.value("SELECT max(sequence) FROM run") or 0) + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.row(
            "SELECT sequence, created_at FROM run WHERE sequence >= ? ORDER BY sequence LIMIT 1", (middle,)
        )
        if row is None or row[1] >= cut:
            high = middle
        else:
            low = int(row[0]) + 1
    return high
