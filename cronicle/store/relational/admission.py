"""Letting queued runs start in a store: what the pure rules need to know, read in one transaction.

The rules are those of `cronicle.schedule.admission`; here are the queries and the policies of specs, which are
decoded once, since a spec never changes.
"""

from __future__ import annotations

from datetime import datetime

from cronicle.runs.policy import Policy
from cronicle.runs.spec import UnreadableSpecError, policy_from_bytes
from cronicle.runs.states import LIVE, Cause, RunState
from cronicle.schedule.admission import TICK_CAUSES, LiveRun, may_start
from cronicle.store.cells import Row, from_instant, log_damage, readable_only, to_instant
from cronicle.store.interface import StoreError
from cronicle.store.records import AdmissionAnswer
from cronicle.store.relational.connection import Connection
from cronicle.store.relational.liveness import Liveness

_OF_WORKFLOW = """
SELECT id, sequence, cause, series, state, admitted, logical_time FROM run INDEXED BY run_live_of_workflow
WHERE project = ? AND environment = ? AND workflow = ? AND instance = ? AND state IN ('queued', 'running')
"""

_LIVE = f"{_OF_WORKFLOW} ORDER BY sequence"

_TICKS = ", ".join(f"'{cause}'" for cause in sorted(TICK_CAUSES))

_ACTIVE = f"{_OF_WORKFLOW} AND (admitted = 1 OR state = 'running') AND id <> ?"

_OLDEST = f"{_OF_WORKFLOW} AND cause IN ({_TICKS}) AND id <> ? ORDER BY logical_time, sequence LIMIT 1"

_WAITING = """
SELECT id, sequence, cause, series, state, admitted, logical_time, owner, spec_hash, not_before, lock,
    project, environment, workflow, instance
FROM run WHERE id = ?
"""

_HOLDER = """
SELECT id FROM run
WHERE lock = ? AND lock IS NOT NULL AND admitted = 1 AND state IN ('queued', 'running') AND id <> ?
LIMIT 1
"""

_CAUSES = {cause.value: cause for cause in Cause}
_STATES = {state.value: state for state in RunState}
"""Looked up faster than an enumeration is called."""

_MOST_POLICIES = 50_000
"""Kept in memory at once; after so many, they are read anew."""


class Policies:
    """The policies of the specs in a store, by hash."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, Policy] = {}

    def of(self, spec_hash: str) -> Policy:
        """The policy of a spec.

        Raises:
            StoreError: The store has no such spec, or it cannot be read.
        """
        policy = self._known.get(spec_hash)
        if policy is None:
            body = self._connection.value("SELECT body FROM spec WHERE hash = ?", (spec_hash,))
            try:
                policy = policy_from_bytes(b"" if body is None else body)
            except UnreadableSpecError as error:
                raise StoreError(
                    f"the rules of the run spec {spec_hash} in the store cannot be read: {error}",
                    "Put a backup of the store in its place; runs with other specs can be used as before.",
                ) from error
            if len(self._known) >= _MOST_POLICIES:
                self._known.clear()
            self._known[spec_hash] = policy
        return policy

    def of_new(self, spec_hash: str) -> Policy:
        """As `of`, but a spec that cannot be read sets no rules: its run is made, and fails on its own."""
        try:
            return self.of(spec_hash)
        except StoreError as error:
            log_damage(error)
            return Policy()


def live_runs(
    connection: Connection, project: str, environment: str, workflow: str, instance: str
) -> list[LiveRun]:
    """What is live of a workflow."""
    found = connection.rows(_LIVE, (project, environment, workflow, instance))
    try:
        return [_live_run(row) for row in found]  # there may be hundreds
    except (ValueError, TypeError, OverflowError):
        return list(readable_only("live run", _live_run, found))


def _in_the_way(connection: Connection, policy: Policy, run_id: str, workflow: Row) -> list[LiveRun]:
    """What is live of a workflow and may keep a run from starting.

    That is not all: hundreds may wait, and each is judged again whenever one ends.
    """
    if not policy.minds_live_runs:
        return []
    found = connection.rows(_ACTIVE, (*workflow, run_id))
    if policy.minds_older_runs and not any(row[2] in TICK_CAUSES for row in found):
        found += connection.rows(_OLDEST, (*workflow, run_id))
    return list(readable_only("live run", _live_run, found))


def _live_run(row: Row) -> LiveRun:
    run_id, sequence, cause, series, state, admitted, logical_time = row
    return LiveRun(
        id=run_id,
        sequence=sequence,
        cause=_CAUSES.get(cause) or Cause(cause),
        series=series or None,
        state=_STATES.get(state) or RunState(state),
        admitted=bool(admitted),
        logical_time=from_instant(logical_time),
    )


def admit(
    connection: Connection, liveness: Liveness, policies: Policies, run_id: str, owner: str, at: datetime
) -> AdmissionAnswer:
    """`Store.admit`."""
    answer = _judge(connection, policies, run_id, owner, at)
    if not answer.admitted:
        return answer  # the many that wait ask again and again; this takes no lock
    with connection.write():
        if not liveness.is_held(owner):
            return AdmissionAnswer(admitted=False, reasons=(_not_driven(run_id, owner),), is_over=True)
        answer = _judge(connection, policies, run_id, owner, at)
        if answer.admitted:
            connection.execute("UPDATE run SET admitted = 1 WHERE id = ? AND admitted = 0", (run_id,))
    return answer


def _judge(
    connection: Connection, policies: Policies, run_id: str, owner: str, at: datetime
) -> AdmissionAnswer:
    row = connection.row(_WAITING, (run_id,))
    if row is None or row[7] != owner:
        return AdmissionAnswer(admitted=False, reasons=(_not_driven(run_id, owner),), is_over=True)
    run = _live_run(row[:7])
    if run.state not in LIVE:
        return AdmissionAnswer(
            admitted=False, reasons=(f"run {run_id} has ended: {run.state}",), is_over=True
        )
    if run.is_active:
        return AdmissionAnswer(admitted=True)
    _, spec_hash, not_before, lock, *workflow = row[7:]
    if not_before is not None and to_instant(at) < not_before:
        reason = f"it does not start before {from_instant(not_before).isoformat()}"
        return AdmissionAnswer(admitted=False, reasons=(reason,))
    policy = policies.of(spec_hash)
    holder = None
    if lock is not None:
        holder = connection.value(_HOLDER, (lock, run_id))
    reasons = may_start(policy, run, _in_the_way(connection, policy, run_id, tuple(workflow)), lock, holder)
    return AdmissionAnswer(admitted=not reasons, reasons=reasons)


def _not_driven(run_id: str, owner: str) -> str:
    return f"run {run_id} is not driven by {owner}"
