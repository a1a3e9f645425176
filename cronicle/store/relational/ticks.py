"""What becomes of ticks in a store: cursors, what is owed and dropped, and the runs that ticks make.

`Settling` is the hot path of a scheduler: ten thousand series may be due on the same minute. So a run whose policy
limits nothing costs one insertion that finds out by itself whether its tick has had a run, and what `overlap` needs
to know is read once for each workflow of a call. The writing functions run inside a transaction of the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from cronicle.names import split_instance
from cronicle.runs.events import RunFinished
from cronicle.runs.states import LIVE, RunState
from cronicle.schedule.admission import Insertion, LiveRun, PolicyReason, on_insertion
from cronicle.store import rows
from cronicle.store.cells import Row, columns, marks, to_instant, to_json
from cronicle.store.interface import StoreError
from cronicle.store.records import DeploymentRecord, NewRun
from cronicle.store.relational.admission import Policies, live_runs
from cronicle.store.relational.connection import Connection
from cronicle.store.relational.journal import Batch
from cronicle.store.relational.terms import OF_SERIES, ONCE, SAME_TIME, TAKES_TIME, of_workflow
from cronicle.store.series import OwedRecord, Settled, Settlement
from cronicle.store.series_rows import (
    CURSOR_COLUMNS,
    DROPPED_COLUMNS,
    OWED_COLUMNS,
    cursor_row,
    dropped_row,
    key_row,
    owed_row,
)

# ruff: noqa: S608 - statements are put together from constants; values are always bound

_NEW_CURSOR = (
    f"INSERT INTO cursor ({columns(CURSOR_COLUMNS)}) VALUES ({marks(CURSOR_COLUMNS)}) ON CONFLICT DO NOTHING"
)
_MOVE_CURSOR = f"UPDATE cursor SET since = ?, position = ?, deployment = ? WHERE {OF_SERIES} AND position = ?"

_INSERT_RUN = (
    f"INSERT INTO run ({columns(rows.RUN_COLUMNS)}) VALUES ({marks(rows.RUN_COLUMNS)})"
    " ON CONFLICT DO NOTHING RETURNING sequence"
)
_TICK_RUN = f"SELECT 1 FROM run WHERE {SAME_TIME} AND {ONCE}"
_LIVE_RUN = f"SELECT 1 FROM run WHERE {SAME_TIME} AND {TAKES_TIME}"

_REQUEST_CANCEL = (
    "INSERT INTO control_request (target, verb, actor, reason, requested_at) VALUES (?, 'cancel', ?, ?, ?)"
)

_STATE = 12
"""Column of a run's row."""


class Settling:
    """One call of `Store.settle`, by the leader."""

    def __init__(self, connection: Connection, policies: Policies, batch: Batch) -> None:
        self._connection = connection
        self._policies = policies
        self._batch = batch
        self._live: dict[Row, list[LiveRun]] = {}
        self._dropped: dict[str, LiveRun] = {}
        """Queued runs that this call has ended, for `queue_limit`."""

    def settle(
        self, settlements: Sequence[Settlement], progress: Mapping[str, int] | None
    ) -> tuple[Settled, ...]:
        """Store them; what came of each."""
        settled = [self._settle(settlement) for settlement in settlements]
        many = self._connection.execute_many
        many(
            f"INSERT INTO dropped ({columns(DROPPED_COLUMNS)}) VALUES ({marks(DROPPED_COLUMNS)})",
            (
                dropped_row(span)
                for settlement, answer in zip(settlements, settled, strict=True)
                if not answer.is_stale
                for span in settlement.dropped
            ),
        )
        many(
            "INSERT INTO progress (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (progress or {}).items(),
        )
        self._batch.write()
        if not self._dropped:
            return tuple(settled)
        return tuple(self._without_dropped(answer) for answer in settled)

    def _without_dropped(self, answer: Settled) -> Settled:
        """What a later run of the same call has dropped is not live any more."""
        gone = answer.made.keys() & self._dropped.keys()
        return attrs.evolve(
            answer,
            made={run_id: sequence for run_id, sequence in answer.made.items() if run_id not in gone},
            skipped=tuple(dict.fromkeys((*answer.skipped, *(one for one in answer.made if one in gone)))),
        )

    def _settle(self, settlement: Settlement) -> Settled:
        if not self._move_cursor(settlement):
            return Settled(is_stale=True)
        for owed in settlement.owed:
            self._put_owed(owed)
        made: dict[str, int] = {}
        skipped: list[str] = []
        superseded: list[str] = []
        for new in settlement.runs:
            self._make(new, made, skipped, superseded)
        return Settled(made=made, skipped=tuple(skipped), superseded=tuple(superseded))

    def _move_cursor(self, settlement: Settlement) -> bool:
        """True if the cursor stood where the settlement was decided from; then it has moved."""
        expected, cursor = settlement.expected, settlement.cursor
        key = key_row(settlement.key)
        if cursor is None and expected is None:
            return True  # what follows from no tick: `after`, `on_deploy`
        if cursor is None:
            position = self._connection.value(f"SELECT position FROM cursor WHERE {OF_SERIES}", key)
            return bool(expected is not None and position == to_instant(expected))
        row = cursor_row(cursor)
        if expected is None:
            return self._connection.changed(_NEW_CURSOR, row) == 1
        return self._connection.changed(_MOVE_CURSOR, (*row[5:], *key, to_instant(expected))) == 1

    def _put_owed(self, owed: OwedRecord) -> None:
        if owed.left <= 0:
            self._connection.execute("DELETE FROM owed WHERE sequence = ?", (owed.sequence,))
        elif owed.sequence:
            self._connection.execute(
                'UPDATE owed SET deployment = ?, after = ?, until = ?, "left" = ? WHERE sequence = ?',
                (*owed_row(owed)[5:], owed.sequence),
            )
        else:
            self._connection.execute(
                f"INSERT INTO owed ({columns(OWED_COLUMNS)}) VALUES ({marks(OWED_COLUMNS)})", owed_row(owed)
            )

    def _make(self, new: NewRun, made: dict[str, int], skipped: list[str], superseded: list[str]) -> None:
        """Make the run of a tick, unless the tick has had one."""
        run = new.run
        row = rows.run_row(run)
        # Where nothing is live every policy queues; so most runs need no look at theirs, and the insertion itself
        # finds out whether the tick has had its run.
        needs_no_decision = run.admitted or run.state not in LIVE or not self._live_of(row[1:5])
        if needs_no_decision and (sequence := self._insert(row)) is not None:
            self._note(sequence, new)
            if run.state in LIVE:
                made[run.id] = sequence
            else:
                skipped.append(run.id)
            return
        if self._connection.row(_TICK_RUN, row[1:7]) is not None:
            return
        if self._connection.row(_LIVE_RUN, row[1:7]) is not None:
            # Somebody else's run is live for this very logical time: the record says why there is no other.
            self._skip(new, row, PolicyReason.OVERLAP)
            skipped.append(run.id)
            return
        if needs_no_decision:
            raise _taken(run.id)
        decision = self._decide(new, row[1:5])
        for run_id in decision.drops:
            end = RunFinished(at=run.created_at, state=RunState.SKIPPED, reason=PolicyReason.QUEUE_LIMIT)
            self._batch.add_end(run_id, end)
        skipped += decision.drops
        superseded += decision.supersedes
        self._connection.execute_many(
            _REQUEST_CANCEL,
            (
                (run_id, to_json(run.actor), PolicyReason.SUPERSEDED, to_instant(run.created_at))
                for run_id in decision.supersedes
            ),
        )
        if decision.skipped is not None:
            self._skip(new, row, decision.skipped)
            skipped.append(run.id)
        else:
            made[run.id] = self._queue(new, row)

    def _decide(self, new: NewRun, workflow: Row) -> Insertion:
        """What the policy of its workflow makes of a new run."""
        run = new.run
        live = self._live_of(workflow)
        youngest = max((other.sequence for other in live), default=0)
        decision = on_insertion(self._policies.of_new(run.spec_hash), run.as_live(youngest + 1), live)
        for run_id in decision.drops:
            self._dropped[run_id] = next(other for other in live if other.id == run_id)
        live[:] = [other for other in live if other.id not in decision.drops]
        return decision

    def _live_of(self, workflow: Row) -> list[LiveRun]:
        live = self._live.get(workflow)
        if live is None:
            live = self._live[workflow] = live_runs(self._connection, *workflow)
        return live

    def _queue(self, new: NewRun, row: Row) -> int:
        sequence = self._insert(row)
        if sequence is None:
            raise _taken(new.run.id)
        self._note(sequence, new)
        return sequence

    def _note(self, sequence: int, new: NewRun) -> None:
        """Take in a run whose row has just been inserted."""
        run = new.run
        self._batch.add_new_run(sequence, new)
        name, key = split_instance(run.workflow)
        live = self._live.get((run.project, run.environment, name, key or ""))
        if live is not None and run.state in LIVE:
            live.append(run.as_live(sequence))

    def _skip(self, new: NewRun, row: Row, reason: PolicyReason) -> None:
        """Make a run that ends at once."""
        sequence = self._insert((*row[:_STATE], RunState.SKIPPED, *row[_STATE + 1 :]))
        if sequence is None:
            raise _taken(new.run.id)
        end = RunFinished(at=new.run.created_at, state=RunState.SKIPPED, reason=reason)
        self._batch.add_new_run(sequence, new, end)

    def _insert(self, row: Row) -> int | None:
        """The sequence of a run's new row; None if a unique key stands in its way."""
        sequence: int | None = self._connection.value(_INSERT_RUN, row)
        return sequence


def _taken(run_id: str) -> StoreError:
    return StoreError(f"there is a run {run_id} already", "Repeat it: ids are chosen at random.")


def move_workflows(connection: Connection, deployment: DeploymentRecord) -> None:
    """Give the history of workflows to the names that a new deployment has for them; see `Store.add_deployment`."""
    deployed = {workflow.name for workflow in deployment.workflows}
    waiting = deployment.renamed_workflows
    while waiting:  # where one takes the name that another gives up, the other goes first
        old = next((one for one, new in waiting.items() if new not in waiting), next(iter(waiting)))
        new = waiting.pop(old)
        if old not in deployed and new in deployed:
            _move(connection, deployment.project, deployment.environment, old, new)


def _move(connection: Connection, project: str, environment: str, source: str, target: str) -> None:
    term, named = of_workflow(target)
    for table in ("run", "cursor"):
        where = f"project = ? AND environment = ? AND {term}"
        if connection.row(f"SELECT 1 FROM {table} WHERE {where} LIMIT 1", (project, environment, *named)):
            return
    name, key = split_instance(target)
    term, named = of_workflow(source)
    for table in ("run", "backfill", "cursor", "owed", "dropped", "pause", "acceptance"):
        connection.execute(
            f"UPDATE {table} SET workflow = ?, instance = ? WHERE project = ? AND environment = ? AND {term}",
            (name, key or "", project, environment, *named),
        )
