"""Writing a batch of events down in a SQLite store, with the rows that follow from them. The hot path."""

from __future__ import annotations

from cronicle.runs.states import RunState
from cronicle.store.projection import Projection, RunChange
from cronicle.store.relational.connection import Connection
from cronicle.store.relational.journal import ANY_SLOT, Written

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

_PUT_PRODUCT = """
INSERT OR REPLACE INTO product (run, task, key, path, size, sha256, event) VALUES (?, ?, ?, ?, ?, ?, ?)
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


def write_down(connection: Connection, written: Written) -> None:
    """Write a batch down: each statement is prepared once and stepped many times."""
    many, found = connection.execute_many, written.rows
    many(_INSERT_EVENT, written.events)
    connection.execute("UPDATE counter SET value = ? WHERE name = 'event'", (written.last,))
    if found.started:
        many(_INSERT_ATTEMPT, found.started)
    if found.finished:
        many(_END_ATTEMPT, found.finished)
    if found.tasks:
        many(_PUT_TASK, found.task_rows())
    if found.new_tasks:
        many(_NEW_TASK, found.new_tasks)
    if found.products:
        many(_PUT_PRODUCT, found.products)
    for run_id, run in found.runs.items():
        if run.changed:
            _write_run(connection, run_id, run)
    _write_slots(connection, found)


def _write_run(connection: Connection, run_id: str, run: RunChange) -> None:
    connection.execute(_PUT_RUN, run.row)
    if run.ended:
        connection.execute("DELETE FROM control_request WHERE target = ?", (run_id,))
        if run.position is not None:
            connection.execute(
                _COUNT_TICK, (run.state is RunState.FAILED, run.backfill, run.position, run_id)
            )


def _write_slots(connection: Connection, found: Projection) -> None:
    if connection.row(ANY_SLOT) is None:
        return
    many = connection.execute_many
    many(
        "UPDATE slot SET started = 1 WHERE run = ? AND task = ? AND key = ? AND attempt = ?",
        (row[:4] for row in found.started),
    )
    many(
        "DELETE FROM slot WHERE run = ? AND task = ? AND key = ? AND attempt <= ?",
        found.released,
    )
    many("DELETE FROM slot WHERE run = ?", ((run.sequence,) for run in found.runs.values() if run.ended))
