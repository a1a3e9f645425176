"""Figures of a store: what a check of an installation and metrics ask for, none of it by walking all runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cronicle.names import instance_label, split_instance
from cronicle.store.cells import from_instant, to_json
from cronicle.store.relational.connection import Connection
from cronicle.store.relational.terms import of_workflow
from cronicle.store.results import LastSuccess

_GOOD = "run.project = ?1 AND run.environment = ?2 AND run.counts = 1 AND run.state = 'succeeded'"

_LAST_SUCCESSES = """
SELECT asked.value,
    (SELECT logical_time FROM run INDEXED BY {at} WHERE {good} ORDER BY logical_time DESC LIMIT 1),
    (SELECT ended_at FROM run INDEXED BY {at} WHERE {good} ORDER BY logical_time DESC LIMIT 1),
    (SELECT ended_at FROM run INDEXED BY {newest} WHERE {good} ORDER BY sequence DESC LIMIT 1)
FROM json_each(?3) AS asked
"""
_OF_WORKFLOWS = _LAST_SUCCESSES.format(
    at="run_at",
    newest="run_of_workflow",
    good=f"{_GOOD} AND run.workflow = asked.value AND run.instance = ''",
)
_OF_INSTANCES = _LAST_SUCCESSES.format(
    at="run_at_of_instance",
    newest="run_of_instance",
    good=f"{_GOOD} AND run.workflow = ?4 AND run.instance = asked.value AND run.instance <> ''",
)


def list_last_successes(
    connection: Connection, project: str, environment: str, workflows: Sequence[str]
) -> tuple[LastSuccess, ...]:
    """When each workflow last had a result; those that never had one are left out."""
    plain: list[str] = []
    keys: dict[str, list[str]] = {}
    for workflow in workflows:
        name, key = split_instance(workflow)
        if key is None:
            plain.append(name)
        else:
            keys.setdefault(name, []).append(key)
    found = connection.rows(_OF_WORKFLOWS, (project, environment, to_json(plain))) if plain else []
    for name, some in keys.items():
        of_instances = connection.rows(_OF_INSTANCES, (project, environment, to_json(some), name))
        found += [(instance_label(name, row[0]), *row[1:]) for row in of_instances]
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
        "SELECT project, environment, workflow, instance, reason, CAST(sum(count) AS BIGINT) FROM dropped"
        " GROUP BY project, environment, workflow, instance, reason"
    )
    return {
        (project, environment, instance_label(workflow, instance or None), reason): count
        for project, environment, workflow, instance, reason, count in found
    }


def list_durations(
    connection: Connection, project: str, environment: str, workflow: str, limit: int
) -> tuple[float, ...]:
    """`StoreReader.list_durations`."""
    term, named = of_workflow(workflow)
    found = connection.rows(
        f"SELECT ended_at - started_at FROM run WHERE project = ? AND environment = ? AND {term}"  # noqa: S608
        " AND state = 'succeeded' AND started_at IS NOT NULL ORDER BY sequence DESC LIMIT ?",
        (project, environment, *named, max(limit, 0)),
    )
    return tuple(row[0] / 1_000_000 for row in found)
