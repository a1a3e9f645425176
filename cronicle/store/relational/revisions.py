"""Counting runs by their revisions; see `StoreReader` for what each method promises."""

from __future__ import annotations

from cronicle.names import instance_label
from cronicle.runs.states import RunState
from cronicle.store.cells import Row, readable_only
from cronicle.store.relational.connection import Connection
from cronicle.store.revisions import RevisionRuns

_RUNS = """
SELECT counted.environment, counted.revision, counted.workflow, counted.instance, counted.state, counted.runs,
    run.id, run.nominal
FROM (
    SELECT environment, revision, workflow, instance, state, count(*) AS runs, max(sequence) AS last FROM run
    WHERE project = ? AND counts = 1 AND dirty = 0 AND state NOT IN ('queued', 'running')
    GROUP BY environment, revision, workflow, instance, state
) AS counted
JOIN run ON run.sequence = counted.last
ORDER BY counted.environment, counted.revision, counted.workflow, counted.instance, counted.state
"""


class RevisionReader:
    """The runs in a store, by their revisions."""

    _connection: Connection

    def count_by_revision(self, project: str) -> tuple[RevisionRuns, ...]:
        return readable_only("run", _runs_from, self._connection.rows(_RUNS, (project,)))


def _runs_from(row: Row) -> RevisionRuns:
    environment, revision, workflow, instance, state, count, last, nominal = row
    return RevisionRuns(
        environment=environment,
        revision=revision,
        workflow=instance_label(workflow, instance or None),
        state=RunState(state),
        count=count,
        last=last,
        last_nominal=nominal,
    )
