"""Storing events of runs in a SQLite store, with the rows that follow from them. The hot path.

All of a batch is gathered first (`cronicle.store.projection`), so that each row is written once and each
statement is prepared once and stepped many times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cronicle.runs.events import EVENT_VERSION, RunEvent, RunFinished, event_to_bytes
from cronicle.runs.states import LIVE, RunState
from cronicle.store.cells import Row, log_damage, readable, to_optional
from cronicle.store.interface import StoreError
from cronicle.store.projection import Projection, RunChange
from cronicle.store.records import NewRun, Transition
from cronicle.store.sqlite.connection import Connection

_RUN = """
SELECT sequence, owner, state, started_at, backfill, backfill_position,
    reason, ended_at, ended_event, cancel_requested, packed_tasks, hooks_open
FROM run WHERE id = ?
"""

_INSERT_EVENT = "INSERT INTO run_event (sequence, run, type, version, at, body) VALUES (?, ?, ?, ?, ?, ?)"

_INSERT_ATTEMPT = """
INSERT OR REPLACE INTO attempt (run, task, key, attempt, token, fence, host, argv, started_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

_END_ATTEMPT = """
UPDATE attempt
SET ended_at = ?, outcome = ?, reason = ?, detail = ?, exit_code = ?, signal = ?, pid = ?, cpu_time = ?,
    peak_memory = ?, log_bytes = ?, stdout_size = ?
WHERE run = ? AND task = ? AND key = ? AND attempt = ? AND outcome IS NULL
"""

_PUT_TASK = """
INSERT INTO task_run (run, task, key, state, reason, fingerprint, deep_fingerprint, carried_from, output)
VALUES (?1, ?2, ?3, ?4, ?5, coalesce(?6, ''), coalesce(?7, ''), ?8, coalesce(?9, '{}'))
ON CONFLICT (run, task, key) DO UPDATE
SET state = ?4, reason = ?5, fingerprint = coalesce(?6, fingerprint),
    deep_fingerprint = coalesce(?7, deep_fingerprint), carried_from = coalesce(?8, carried_from),
    output = coalesce(?9, output)
"""

_NEW_TASK = """
INSERT OR IGNORE INTO task_run (run, task, key, state, fingerprint, deep_fingerprint, output)
VALUES (?, ?, ?, 'ready', '', '', '{}')
"""

_PUT_RUN = """
UPDATE run
SET state = ?, reason = ?, started_at = ?, ended_at = ?, ended_event = ?, cancel_requested = ?, packed_tasks = ?,
    hooks_open = ?
WHERE sequence = ?
"""

_COUNT_TICK = """
UPDATE backfill SET done = done + 1, failed = failed + ?
WHERE id = ? AND EXISTS (
    SELECT 1 FROM backfill_tick AS tick
    WHERE tick.backfill = backfill.sequence AND tick.position = ? AND tick.run_id = ?
)
"""


def append(connection: Connection, transitions: Sequence[Transition]) -> tuple[int | None, ...]:
    """`Store.append`, inside a transaction of the caller."""
    batch = Batch(connection)
    numbers = tuple(batch.add(transition) for transition in transitions)
    batch.write()
    return numbers


def _change_from(row: Row) -> RunChange:
    sequence, owner, state, started_at, backfill, position, *rest = row
    reason, ended_at, ended_event, cancel_requested, packed_tasks, hooks_open = rest
    return RunChange(
        sequence=sequence,
        owner=owner,
        state=RunState(state),
        started_at=started_at,
        backfill=backfill,
        position=position,
        reason=reason,
        ended_at=ended_at,
        ended_event=ended_event,
        cancel_requested=bool(cancel_requested),
        packed_tasks=packed_tasks,
        hooks_open=hooks_open,
    )


class Batch:
    """Events on their way into the store."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._projection = Projection()
        self._first = self._next = 1 + int(connection.value("SELECT value FROM counter WHERE name = 'event'"))
        self._events: list[Row] = []

    def add(self, transition: Transition) -> int | None:
        """Take in a transition: the number of its first event; None if its owner does not own the run.

        Nobody owns the end of a run that has ended: a settlement may have dropped it a moment before.
        """
        run = self._run(transition.run_id)
        if run is None or run.owner != transition.owner:
            return None
        if run.state not in LIVE and any(isinstance(event, RunFinished) for event in transition.events):
            return None
        number = self.add_events(run, transition.events)
        if transition.packed_tasks is not None:
            run.packed_tasks, run.changed = transition.packed_tasks, True
        return number

    def add_new_run(self, sequence: int, new: NewRun, *more: RunEvent) -> None:
        """Take in the first events of a run whose row has just been inserted under that sequence."""
        run = new.run
        change = self._projection.runs[run.id] = RunChange(
            sequence=sequence,
            owner=run.owner,
            state=run.state if run.state in LIVE else RunState.QUEUED,  # until its events say how it ended
            started_at=to_optional(run.started_at),
            backfill=run.backfill or "",
            position=new.backfill_position,
            cancel_requested=run.cancel_requested,
            packed_tasks=run.packed_tasks,
        )
        self.add_events(change, (*new.events, *more))

    def add_end(self, run_id: str, end: RunFinished) -> None:
        """Take in the end of a run that nobody drives yet; nothing happens if it has ended."""
        run = self._run(run_id)
        if run is not None and run.state in LIVE:
            self.add_events(run, (end,))

    def add_events(self, run: RunChange, events: Iterable[RunEvent]) -> int:
        """Take in events of a run; the number of the first."""
        first = number = self._next
        apply, sequence, rows = self._projection.apply, run.sequence, self._events
        run.last = None
        for event in events:
            at = apply(run, number, event)
            body = event_to_bytes(event).decode()
            rows.append((number, sequence, type(event).__name__, EVENT_VERSION, at, body))
            number += 1
        self._next = number
        return first

    def _run(self, run_id: str) -> RunChange | None:
        run = self._projection.runs.get(run_id)
        if run is None:
            row = self._connection.row(_RUN, (run_id,))
            if row is None:
                return None
            try:
                run = readable(f"run {run_id}", _change_from, row)
            except StoreError as error:  # set aside, so that the others of the batch go on
                log_damage(error)
                return None
            self._projection.runs[run_id] = run
        return run

    def write(self) -> None:
        """Write everything down."""
        if not self._events:
            return
        many = self._connection.execute_many
        found = self._projection
        many(_INSERT_EVENT, self._events)
        self._connection.execute("UPDATE counter SET value = ? WHERE name = 'event'", (self._next - 1,))
        if found.started:
            many(_INSERT_ATTEMPT, found.started)
        if found.finished:
            many(_END_ATTEMPT, found.finished)
        if found.tasks:
            many(
                _PUT_TASK,
                (
                    (
                        *identity,
                        task.state,
                        task.reason,
                        task.fingerprint,
                        task.deep_fingerprint,
                        task.carried_from,
                        task.output,
                    )
                    for identity, task in found.tasks.items()
                ),
            )
        if found.new_tasks:
            many(_NEW_TASK, found.new_tasks)
        for run_id, run in found.runs.items():
            if run.changed:
                self._write_run(run_id, run)
        self._write_slots()

    def _write_run(self, run_id: str, run: RunChange) -> None:
        self._connection.execute(
            _PUT_RUN,
            (
                run.state,
                run.reason,
                run.started_at,
                run.ended_at,
                run.ended_event,
                run.cancel_requested,
                run.packed_tasks,
                run.hooks_open,
                run.sequence,
            ),
        )
        if run.ended:
            self._connection.execute("DELETE FROM control_request WHERE target = ?", (run_id,))
            if run.position is not None:
                self._connection.execute(
                    _COUNT_TICK, (run.state is RunState.FAILED, run.backfill, run.position, run_id)
                )

    def _write_slots(self) -> None:
        if self._connection.row("SELECT 1 FROM slot LIMIT 1") is None:
            return
        many, found = self._connection.execute_many, self._projection
        many(
            "UPDATE slot SET started = 1 WHERE run = ? AND task = ? AND key = ? AND attempt = ?",
            (row[:4] for row in found.started),
        )
        many(
            "DELETE FROM slot WHERE run = ? AND task = ? AND key = ? AND attempt <= ?",
            found.released,
        )
        many("DELETE FROM slot WHERE run = ?", ((run.sequence,) for run in found.runs.values() if run.ended))
