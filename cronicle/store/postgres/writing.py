"""Writing a batch of events down in a PostgreSQL store, with the rows that follow from them. The hot path.

However large the batch is, each kind of row takes one statement, which gets its rows as one JSON list. None of them
is waited for, so that they go out together, with the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cronicle.runs.states import RunState
from cronicle.store.cells import Row, to_json
from cronicle.store.postgres.connection import PostgresConnection
from cronicle.store.relational.journal import ANY_SLOT, Written

# ruff: noqa: S608 - statements are put together from constants; values are always bound

_EVENT = {
    "sequence": "bigint",
    "run": "bigint",
    "type": "text",
    "version": "bigint",
    "at": "bigint",
    "body": "text",
}
_UNIT = {"run": "bigint", "task": "text", "key": "text"}
_ATTEMPT = {**_UNIT, "attempt": "bigint"}
_STARTED = {
    **_ATTEMPT,
    "token": "text",
    "fence": "bigint",
    "host": "text",
    "argv": "text",
    "started_at": "bigint",
}
_END = {
    "ended_at": "bigint",
    "outcome": "text",
    "reason": "text",
    "detail": "text",
    "exit_code": "bigint",
    "signal": "bigint",
    "pid": "bigint",
    "cpu_time": "double precision",
    "peak_memory": "bigint",
    "log_bytes": "bigint",
    "stdout_size": "bigint",
}
_ENDED = {**_END, **_ATTEMPT}
_TASK = {
    **_UNIT,
    "state": "text",
    "reason": "text",
    "fingerprint": "text",
    "deep_fingerprint": "text",
    "carried_from": "text",
    "output": "text",
}
_PRODUCT = {**_UNIT, "path": "text", "size": "bigint", "sha256": "text", "event": "bigint"}
_RUN = {
    "state": "text",
    "reason": "text",
    "started_at": "bigint",
    "ended_at": "bigint",
    "ended_event": "bigint",
    "cancel_requested": "bigint",
    "packed_tasks": "text",
    "hooks_open": "bigint",
}
_PUT = {**_RUN, "sequence": "bigint"}
_TICK = {"failed": "bigint", "backfill": "text", "position": "bigint", "run_id": "text"}


def _listed(columns: Mapping[str, str]) -> str:
    """The rows of a JSON list of objects."""
    typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    return f"json_to_recordset(?::json) AS new ({typed})"


def _matches(table: str, columns: Iterable[str]) -> str:
    return " AND ".join(f"{table}.{name} = new.{name}" for name in columns)


_INSERT_EVENTS = f"INSERT INTO run_event ({', '.join(_EVENT)}) SELECT * FROM {_listed(_EVENT)}"

_INSERT_ATTEMPTS = f"""
INSERT INTO attempt ({", ".join(_STARTED)}) SELECT * FROM {_listed(_STARTED)}
ON CONFLICT (run, task, key, attempt) DO UPDATE
SET token = excluded.token, fence = excluded.fence, host = excluded.host, argv = excluded.argv,
    started_at = excluded.started_at, log_bytes = 0,
    {", ".join(f"{name} = NULL" for name in _END if name != "log_bytes")}
"""

_END_ATTEMPTS = f"""
UPDATE attempt SET {", ".join(f"{name} = new.{name}" for name in _END)} FROM {_listed(_ENDED)}
WHERE {_matches("attempt", _ATTEMPT)} AND attempt.outcome IS NULL
"""

_PUT_TASKS = f"""
INSERT INTO task_run AS former (run, task, key, state, reason, fingerprint, deep_fingerprint, carried_from, output)
SELECT run, task, key, state, reason, coalesce(fingerprint, ''), coalesce(deep_fingerprint, ''), carried_from,
    coalesce(output, '{{}}')
FROM {_listed(_TASK)}
ON CONFLICT (run, task, key) DO UPDATE
SET state = excluded.state, reason = excluded.reason,
    fingerprint = CASE WHEN excluded.fingerprint = '' THEN former.fingerprint ELSE excluded.fingerprint END,
    deep_fingerprint = CASE WHEN excluded.deep_fingerprint = '' THEN former.deep_fingerprint
        ELSE excluded.deep_fingerprint END,
    carried_from = coalesce(excluded.carried_from, former.carried_from),
    output = CASE WHEN excluded.output = '{{}}' THEN former.output ELSE excluded.output END
"""
"""What a batch leaves open of a task run has its empty value, which no batch ever puts in the place of another."""

_NEW_TASKS = f"""
INSERT INTO task_run (run, task, key, state, fingerprint, deep_fingerprint, output)
SELECT run, task, key, 'ready', '', '', '{{}}' FROM {_listed(_UNIT)}
ON CONFLICT DO NOTHING
"""

_PUT_PRODUCTS = f"""
INSERT INTO product ({", ".join(_PRODUCT)}) SELECT * FROM {_listed(_PRODUCT)}
ON CONFLICT (run, task, key, path) DO UPDATE
SET size = excluded.size, sha256 = excluded.sha256, event = excluded.event
"""

_PUT_RUNS = f"""
UPDATE run SET {", ".join(f"{name} = new.{name}" for name in _RUN)} FROM {_listed(_PUT)}
WHERE run.sequence = new.sequence
"""

_FORGET_REQUESTS = "DELETE FROM control_request WHERE target IN (SELECT value FROM json_each(?))"

_COUNT_TICKS = f"""
UPDATE backfill SET done = done + ended.runs, failed = backfill.failed + ended.failed
FROM (
    SELECT new.backfill, count(*) AS runs, sum(new.failed)::bigint AS failed
    FROM {_listed(_TICK)}
    JOIN backfill ON backfill.id = new.backfill
    JOIN backfill_tick AS tick
        ON tick.backfill = backfill.sequence AND tick.position = new.position AND tick.run_id = new.run_id
    GROUP BY new.backfill
) AS ended
WHERE backfill.id = ended.backfill
"""

_START_SLOTS = f"UPDATE slot SET started = 1 FROM {_listed(_ATTEMPT)} WHERE {_matches('slot', _ATTEMPT)}"

_FREE_SLOTS = (
    f"DELETE FROM slot USING {_listed(_ATTEMPT)}"
    f" WHERE {_matches('slot', _UNIT)} AND slot.attempt <= new.attempt"
)

_FREE_SLOTS_OF_RUNS = "DELETE FROM slot WHERE run IN (SELECT CAST(value AS BIGINT) FROM json_each(?))"


_COUNT_EVENTS = "UPDATE counter SET value = ? WHERE name = 'event'"

HOT = (_INSERT_EVENTS, _COUNT_EVENTS, _INSERT_ATTEMPTS, _END_ATTEMPTS, _PUT_TASKS, _PUT_RUNS)
"""What nearly every batch is written down with."""


def write_down(connection: PostgresConnection, written: Written) -> None:
    """Write a batch down; within a transaction."""
    found = written.rows
    ended = {run_id: run for run_id, run in found.runs.items() if run.changed and run.ended}

    def put(statement: str, columns: Iterable[str], rows: Iterable[Row]) -> None:
        listed = [dict(zip(columns, row, strict=True)) for row in rows]
        if listed:
            connection.execute(statement, (to_json(listed),))

    are_slots = connection.row(ANY_SLOT) is not None
    put(_INSERT_EVENTS, _EVENT, written.events)
    connection.execute(_COUNT_EVENTS, (written.last,))
    put(_INSERT_ATTEMPTS, _STARTED, {row[:4]: row for row in found.started}.values())
    put(_END_ATTEMPTS, _ENDED, {row[-4:]: row for row in reversed(found.finished)}.values())
    put(_PUT_TASKS, _TASK, found.task_rows())
    put(_NEW_TASKS, _UNIT, dict.fromkeys(found.new_tasks))
    put(_PUT_PRODUCTS, _PRODUCT, {row[:4]: row for row in found.products}.values())
    put(_PUT_RUNS, _PUT, (run.row for run in found.runs.values() if run.changed))
    if ended:
        connection.execute(_FORGET_REQUESTS, (to_json(list(ended)),))
    put(
        _COUNT_TICKS,
        _TICK,
        (
            (int(run.state is RunState.FAILED), run.backfill, run.position, run_id)
            for run_id, run in ended.items()
            if run.position is not None
        ),
    )
    if not are_slots:
        return
    put(_START_SLOTS, _ATTEMPT, (row[:4] for row in found.started))
    put(_FREE_SLOTS, _ATTEMPT, found.released)
    if ended:
        connection.execute(_FREE_SLOTS_OF_RUNS, (to_json([run.sequence for run in ended.values()]),))
