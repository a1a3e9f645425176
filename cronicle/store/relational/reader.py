"""Reading a store (`StoreReader`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from cronicle.runs.events import RunEvent
from cronicle.store import backfill_rows, owner_rows, rows
from cronicle.store.cells import columns, from_instant, from_key, readable, readable_only, to_instant
from cronicle.store.event_rows import event_from
from cronicle.store.interface import UnknownError
from cronicle.store.records import (
    AttemptRecord,
    BackfillRecord,
    BackfillTick,
    DeploymentRecord,
    LiveAttempt,
    OwnerRecord,
    ProjectRecord,
    RunFilter,
    RunRecord,
    TaskRecord,
    TickRevision,
)
from cronicle.store.relational import backfills as backfill_tables
from cronicle.store.relational import serving
from cronicle.store.relational.audit_reading import AuditReader
from cronicle.store.relational.connection import Connection
from cronicle.store.relational.followed import FollowedReader
from cronicle.store.relational.listing import SELECT, count_query, list_query
from cronicle.store.relational.liveness import Liveness
from cronicle.store.relational.products import ProductReader
from cronicle.store.relational.results import ResultReader
from cronicle.store.relational.revisions import RevisionReader
from cronicle.store.relational.terms import in_scope, of_series
from cronicle.store.serving import EndedRun, RunEnd, ServingRecord, UnownedRecord

if TYPE_CHECKING:
    from cronicle.runs.retention import RunAge
    from cronicle.store.files import FilesFolder
    from cronicle.store.results import AcceptanceRecord, LastSuccess
    from cronicle.store.series import CursorRecord, OwedRecord, PauseRecord, SeriesKey, TickSpan

# ruff: noqa: S608 - statements are put together from constants; values are always bound

_PROJECT = f"SELECT {columns(rows.PROJECT_COLUMNS)} FROM project"
_DEPLOYMENT = f"SELECT {columns(rows.DEPLOYMENT_COLUMNS)} FROM deployment"
_NEWEST = "SELECT max(number) FROM deployment WHERE project = ? AND environment = ?"
_BACKFILL = f"SELECT sequence, {columns(backfill_rows.BACKFILL_COLUMNS)} FROM backfill"


class RelationalReader(ProductReader, ResultReader, RevisionReader, FollowedReader, AuditReader):
    """Reads a store; see `StoreReader` for what each method promises."""

    def __init__(self, connection: Connection, liveness: Liveness) -> None:
        self._connection = connection
        self._liveness = liveness
        self._deployments: WeakValueDictionary[tuple[str, str, int | None], DeploymentRecord] = (
            WeakValueDictionary()
        )
        """Those that somebody has in hand: a deployment is never edited, and reading a large one takes long."""

    def close(self) -> None:
        """Close the connection; owners of this process are dead from now on."""
        self._liveness.close()
        self._connection.close()

    def get_store_id(self) -> str:
        return str(self._connection.value("SELECT id FROM store"))

    def get_salt(self) -> str:
        return str(self._connection.value("SELECT salt FROM store"))

    def find_files_folder(self) -> FilesFolder | None:
        from cronicle.store.relational import files

        return files.find(self._connection)

    def find_project(self, name: str) -> ProjectRecord | None:
        row = self._connection.row(f"{_PROJECT} WHERE name = ?", (name,))
        return None if row is None else readable(f"project {name}", rows.project_from, row)

    def find_project_of(self, root_commit: str, folder: str) -> ProjectRecord | None:
        row = self._connection.row(
            f"{_PROJECT} WHERE root_commit = ? AND folder = ? ORDER BY bound DESC LIMIT 1",
            (root_commit, folder),
        )
        return None if row is None else readable(f"project {row[0]}", rows.project_from, row)

    def find_project_at(self, path: str) -> ProjectRecord | None:
        row = self._connection.row(f"{_PROJECT} WHERE path = ? ORDER BY bound DESC LIMIT 1", (path,))
        return None if row is None else readable(f"project {row[0]}", rows.project_from, row)

    def list_projects(self) -> tuple[ProjectRecord, ...]:
        return readable_only("project", rows.project_from, self._connection.rows(f"{_PROJECT} ORDER BY name"))

    def get_spec(self, spec_hash: str) -> bytes:
        body = self._connection.value("SELECT body FROM spec WHERE hash = ?", (spec_hash,))
        if body is None:
            raise UnknownError(
                f"the store has no run spec {spec_hash}",
                "It is damaged: put a backup of the store in its place; runs with other specs can be used as before.",
            )
        assert isinstance(body, bytes)
        return body

    def find_deployment(
        self, project: str, environment: str, number: int | None = None
    ) -> DeploymentRecord | None:
        if number is None:
            number = self._connection.value(_NEWEST, (project, environment))
        at = (project, environment, number)
        if (known := self._deployments.get(at)) is not None:
            return known
        row = self._connection.row(f"{_DEPLOYMENT} WHERE project = ? AND environment = ? AND number = ?", at)
        if row is None:
            return None
        found = readable(f"deployment {number} of {project}, {environment},", rows.deployment_from, row)
        self._deployments[at] = found
        return found

    def list_deployments(
        self, project: str, environment: str | None = None, *, limit: int = 50
    ) -> tuple[DeploymentRecord, ...]:
        if environment is None:
            found = self._connection.rows(
                f"{_DEPLOYMENT} WHERE project = ? ORDER BY sequence DESC LIMIT ?", (project, max(limit, 0))
            )
        else:
            found = self._connection.rows(
                f"{_DEPLOYMENT} WHERE project = ? AND environment = ? ORDER BY number DESC LIMIT ?",
                (project, environment, max(limit, 0)),
            )
        return readable_only("a deployment of", rows.deployment_from, found)

    def has_been_deployed(self, project: str, environment: str, revision: str) -> bool:
        return self._holds(
            "SELECT 1 FROM deployment WHERE project = ? AND environment = ? AND revision = ?",
            (project, environment, revision),
        )

    # Runs

    def find_run(self, run_id: str) -> RunRecord | None:
        row = self._connection.row(f"{SELECT} WHERE id = ?", (run_id,))
        return None if row is None else readable(f"run {run_id}", rows.run_from, row)

    def is_live(self, run_id: str) -> bool:
        return self._holds("SELECT 1 FROM run WHERE id = ? AND state IN ('queued', 'running')", (run_id,))

    def list_ids(self, prefix: str, limit: int = 5) -> tuple[str, ...]:
        end = prefix + "\U0010ffff"
        found = self._connection.rows(
            "SELECT id FROM run WHERE id >= ?1 AND id < ?2 UNION ALL"
            " SELECT id FROM backfill WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3",
            (prefix, end, max(limit, 0)),
        )
        return tuple(row[0] for row in found)

    def list_runs(self, wanted: RunFilter) -> tuple[RunRecord, ...]:
        return readable_only("run number", rows.run_from, self._connection.rows(*list_query(wanted)))

    def count_runs(self, wanted: RunFilter, at_most: int | None = None) -> int:
        count = int(self._connection.value(*count_query(wanted, at_most)))
        return count if at_most is None else min(count, at_most)

    def list_logical_times(
        self, project: str, environment: str, workflow: str, series: str | None, limit: int
    ) -> tuple[datetime, ...]:
        term, named = of_series(project, environment, workflow, series)
        found = self._connection.rows(
            f"SELECT DISTINCT logical_time FROM run WHERE {term} ORDER BY logical_time DESC LIMIT ?",
            (*named, max(limit, 0)),
        )
        return readable_only("logical time", lambda row: from_instant(row[0]), found)

    def get_events(self, run_id: str) -> tuple[RunEvent, ...]:
        found = self._connection.rows(
            "SELECT type, version, body, sequence FROM run_event WHERE run = ? ORDER BY sequence",
            (self._sequence_of(run_id),),
        )
        return tuple(event_from(run_id, *row) for row in found)

    def list_tasks(self, run_id: str) -> tuple[TaskRecord, ...]:
        found = self._connection.rows(
            f"SELECT {columns(rows.TASK_COLUMNS)} FROM task_run WHERE run = ? ORDER BY task, key",
            (self._sequence_of(run_id),),
        )
        return tuple(readable(f"run {run_id}", lambda row: rows.task_from(run_id, row), row) for row in found)

    def list_attempts(self, run_id: str) -> tuple[AttemptRecord, ...]:
        found = self._connection.rows(
            f"SELECT {columns(rows.ATTEMPT_COLUMNS)} FROM attempt WHERE run = ? ORDER BY task, key, attempt",
            (self._sequence_of(run_id),),
        )
        return tuple(
            readable(f"run {run_id}", lambda row: rows.attempt_from(run_id, row), row) for row in found
        )

    def count_failures_before(self, run: RunRecord, limit: int) -> int:
        term, named = of_series(run.project, run.environment, run.workflow, run.series)
        found = self._connection.rows(
            f"SELECT max(CASE WHEN state = 'succeeded' THEN 1 ELSE 0 END) FROM run WHERE {term}"
            " AND logical_time < ? AND counts = 1"
            " AND state IN ('succeeded', 'failed') GROUP BY logical_time ORDER BY logical_time DESC LIMIT ?",
            (*named, to_instant(run.logical_time), limit),
        )
        return sum(1 for _ in takewhile(lambda row: not row[0], found))

    def list_durations(
        self, project: str, environment: str, workflow: str, limit: int = 50
    ) -> tuple[float, ...]:
        from cronicle.store.relational.figures import list_durations

        return list_durations(self._connection, project, environment, workflow, limit)

    # Backfills

    def find_backfill(self, backfill_id: str) -> BackfillRecord | None:
        row = self._connection.row(f"{_BACKFILL} WHERE id = ?", (backfill_id,))
        return None if row is None else readable(f"backfill {backfill_id}", backfill_rows.backfill_from, row)

    def list_backfills(
        self,
        project: str | None = None,
        environment: str | None = None,
        workflow: str | None = None,
        *,
        with_instances: bool = False,
        unfinished: bool = False,
        limit: int = 50,
    ) -> tuple[BackfillRecord, ...]:
        scope = {"project": project, "environment": environment, "workflow": workflow}
        terms, values = in_scope(scope, with_instances=with_instances)
        if unfinished:
            terms.append("state IN ('running', 'paused')")
        found = self._connection.rows(
            f"{_BACKFILL} WHERE {' AND '.join(terms) or '1 = 1'} ORDER BY sequence DESC LIMIT ?",
            (*values, max(limit, 0)),
        )
        return readable_only("backfill number", backfill_rows.backfill_from, found)

    def list_ticks(
        self, backfill_id: str, *, pending: bool = False, limit: int | None = None
    ) -> tuple[BackfillTick, ...]:
        return backfill_tables.list_ticks(self._connection, backfill_id, pending=pending, limit=limit)

    def list_tick_revisions(self, backfill_id: str) -> tuple[TickRevision, ...]:
        return backfill_tables.list_tick_revisions(self._connection, backfill_id)

    # Owners

    def list_owners(self) -> tuple[OwnerRecord, ...]:
        found = self._connection.rows(f"SELECT {columns(owner_rows.OWNER_COLUMNS)} FROM owner ORDER BY epoch")
        return readable_only("owner", owner_rows.owner_from, found)

    def is_alive(self, owner: str) -> bool:
        return self._holds("SELECT 1 FROM owner WHERE id = ?", (owner,)) and self._liveness.is_alive(owner)

    def list_live_attempts(self, owner: str) -> tuple[LiveAttempt, ...]:
        found = self._connection.rows(
            "SELECT run.id, attempt.task, attempt.key, attempt.attempt, attempt.token, attempt.pid FROM run"
            " JOIN attempt ON attempt.run = run.sequence WHERE run.owner = ? AND run.state IN ('queued', 'running')"
            " AND attempt.outcome IS NULL ORDER BY attempt.fence",
            (owner,),
        )
        return tuple(
            LiveAttempt(run_id=run_id, task=task, key=from_key(key), attempt=attempt, token=token, pid=pid)
            for run_id, task, key, attempt, token, pid in found
        )

    def list_owned_runs(self, owner: str) -> tuple[RunRecord, ...]:
        found = self._connection.rows(
            f"{SELECT} WHERE owner = ? AND state IN ('queued', 'running') ORDER BY sequence", (owner,)
        )
        return readable_only("run number", rows.run_from, found)

    def list_runs_with_hooks(self, owner: str | None) -> tuple[RunRecord, ...]:
        found = self._connection.rows(
            f"{SELECT} WHERE owner IS NOT DISTINCT FROM ? AND hooks_open > 0 ORDER BY sequence", (owner,)
        )
        return readable_only("run number", rows.run_from, found)

    # Ticks

    def list_cursors(self, project: str, environment: str) -> tuple[CursorRecord, ...]:
        from cronicle.store.relational import series

        return series.list_cursors(self._connection, project, environment)

    def list_owed(self, project: str, environment: str) -> tuple[OwedRecord, ...]:
        from cronicle.store.relational import series

        return series.list_owed(self._connection, project, environment)

    def list_dropped(
        self,
        project: str | None = None,
        environment: str | None = None,
        workflow: str | None = None,
        *,
        with_instances: bool = False,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 50,
    ) -> tuple[TickSpan, ...]:
        from cronicle.store.relational import series

        scope = {"project": project, "environment": environment, "workflow": workflow}
        return series.list_dropped(self._connection, scope, start, end, limit, with_instances=with_instances)

    def list_pauses(
        self, project: str, environment: str, *, ended_after: datetime | None = None
    ) -> tuple[PauseRecord, ...]:
        from cronicle.store.relational import pauses

        return pauses.find(self._connection, project, environment, ended_after)

    def list_environments(self) -> tuple[tuple[str, str, int], ...]:
        found = self._connection.rows(
            "SELECT project, environment, max(number) FROM deployment GROUP BY project, environment"
            " ORDER BY project, environment"
        )
        return tuple((project, environment, number) for project, environment, number in found)

    def find_cursor(self, key: SeriesKey) -> CursorRecord | None:
        from cronicle.store.relational import series

        return series.find_cursor(self._connection, key)

    def last_event(self) -> int:
        return int(self._connection.value("SELECT value FROM counter WHERE name = 'event'"))

    def list_deployments_since(
        self, project: str, environment: str, number: int
    ) -> tuple[DeploymentRecord, ...]:
        found = self._connection.rows(
            f"{_DEPLOYMENT} WHERE project = ? AND environment = ? AND number > ? ORDER BY number",
            (project, environment, number),
        )
        return readable_only("a deployment of", rows.deployment_from, found)

    def list_waiting_runs(self, owner: str) -> tuple[RunRecord, ...]:
        found = self._connection.rows(
            f"{SELECT} WHERE owner = ? AND admitted = 0 AND state = 'queued' ORDER BY logical_time, sequence",
            (owner,),
        )
        return readable_only("run number", rows.run_from, found)

    def list_unowned(self) -> tuple[UnownedRecord, ...]:
        return serving.list_unowned(self._connection)

    def list_serving(self, scope: str) -> tuple[ServingRecord, ...]:
        return serving.list_serving(self._connection, scope, self._liveness.is_alive)

    def list_ends(self, after: int, last: int) -> frozenset[RunEnd]:
        return serving.list_ends(self._connection, after, last)

    def list_ended_after(self, ended_event: int, limit: int = 500) -> tuple[EndedRun, ...]:
        found = self._connection.rows(
            f"SELECT {columns(rows.ENDED_COLUMNS)} FROM run WHERE ended_event > ? AND ended_event IS NOT NULL"
            " AND counts = 1 ORDER BY ended_event LIMIT ?",
            (ended_event, max(limit, 0)),
        )
        return readable_only("run", rows.ended_from, found)

    def get_progress(self, name: str) -> int | None:
        number: int | None = self._connection.value("SELECT value FROM progress WHERE name = ?", (name,))
        return number

    def find_leader(self, scope: str | None = None) -> OwnerRecord | None:
        return next((leader for led, leader in self.list_leaders() if scope in (None, led)), None)

    def list_leaders(self) -> tuple[tuple[str, OwnerRecord], ...]:
        return serving.list_leaders(self._connection, self._liveness.is_alive)

    # Figures

    def list_acceptances(
        self,
        project: str,
        environment: str | None = None,
        workflow: str | None = None,
        *,
        with_instances: bool = False,
        with_revoked: bool = False,
    ) -> tuple[AcceptanceRecord, ...]:
        from cronicle.store.relational.acceptances import find  # most commands do without

        return find(
            self._connection,
            project,
            environment,
            workflow,
            with_instances=with_instances,
            with_revoked=with_revoked,
        )

    def list_last_successes(
        self, project: str, environment: str, workflows: Sequence[str]
    ) -> tuple[LastSuccess, ...]:
        from cronicle.store.relational.figures import list_last_successes  # most commands do without

        return list_last_successes(self._connection, project, environment, workflows)

    def count_dropped(self) -> Mapping[tuple[str, str, str, str], int]:
        from cronicle.store.relational.figures import count_dropped

        return count_dropped(self._connection)

    # Retention

    def list_ages(self, run_ids: Sequence[str]) -> tuple[RunAge, ...]:
        from cronicle.store.relational.retention import list_ages  # most commands do without

        return list_ages(self._connection, run_ids)

    def count_past_runs(self, project: str, environment: str, before: datetime) -> int:
        from cronicle.store.relational.retention import count_past

        return count_past(self._connection, project, environment, before)

    def _sequence_of(self, run_id: str) -> int:
        sequence = self._connection.value("SELECT sequence FROM run WHERE id = ?", (run_id,))
        if sequence is None:
            raise UnknownError(f"the store has no run {run_id}")
        return int(sequence)

    def _holds(self, sql: str, values: tuple[Any, ...]) -> bool:
        return self._connection.row(f"{sql} LIMIT 1", values) is not None
