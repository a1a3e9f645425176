"""The contract of reading a store; that of writing, which it is part of, is in `cronicle.store.interface`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from cronicle.runs.events import RunEvent
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
from cronicle.store.results import AcceptanceRecord, Composition, LastSuccess, Result, ResultCount
from cronicle.store.serving import EndedRun, RunEnd, ServingRecord, UnownedRecord

if TYPE_CHECKING:
    from cronicle.runs.retention import RunAge
    from cronicle.store.acts import AuditFilter, AuditRecord
    from cronicle.store.files import FilesFolder
    from cronicle.store.following import FollowedRecord
    from cronicle.store.products import ProductRecord
    from cronicle.store.revisions import RevisionRuns
    from cronicle.store.series import (
        CursorRecord,
        OwedRecord,
        PauseRecord,
        SeriesKey,
        TickSpan,
    )


class StoreReader(Protocol):
    """Reading; never changes anything, and works while others write."""

    def close(self) -> None: ...

    def get_store_id(self) -> str:
        """The id that the store was made with; a files folder that is bound to it carries the same."""
        ...

    def get_salt(self) -> str:
        """What hashes of sensitive values are keyed with (hex): it leaves the store in specs only, and by copying."""
        ...

    def find_files_folder(self) -> FilesFolder | None:
        """The files folder that the store was bound to, if it was; a SQLite store needs none beside its own."""
        ...

    def find_project(self, name: str) -> ProjectRecord | None: ...
    def find_project_of(self, root_commit: str, folder: str) -> ProjectRecord | None:
        """The project that this repository and folder are bound to."""
        ...

    def find_project_at(self, path: str) -> ProjectRecord | None:
        """The project that was last applied or run from this folder (a clone's project folder)."""
        ...

    def list_projects(self) -> tuple[ProjectRecord, ...]: ...

    def get_spec(self, spec_hash: str) -> bytes: ...

    def find_deployment(
        self, project: str, environment: str, number: int | None = None
    ) -> DeploymentRecord | None:
        """That deployment; without a number the one in force."""
        ...

    def list_deployments(
        self, project: str, environment: str | None = None, *, limit: int = 50
    ) -> tuple[DeploymentRecord, ...]:
        """Newest first."""
        ...

    def has_been_deployed(self, project: str, environment: str, revision: str) -> bool: ...

    def find_run(self, run_id: str) -> RunRecord | None: ...
    def is_live(self, run_id: str) -> bool:
        """True if there is such a run, and it has not ended."""
        ...

    def list_ids(self, prefix: str, limit: int = 5) -> tuple[str, ...]:
        """Ids of runs and backfills that begin so, ascending."""
        ...

    def list_runs(self, wanted: RunFilter) -> tuple[RunRecord, ...]: ...
    def count_runs(self, wanted: RunFilter, at_most: int | None = None) -> int:
        """How many runs of a filter there are on all pages; counting stops at `at_most`, so that it costs no more."""
        ...

    def list_logical_times(
        self, project: str, environment: str, workflow: str, series: str | None, limit: int
    ) -> tuple[datetime, ...]:
        """The last logical times that have a run, each once, the latest first."""
        ...

    def get_events(self, run_id: str) -> tuple[RunEvent, ...]: ...
    def list_tasks(self, run_id: str) -> tuple[TaskRecord, ...]: ...
    def list_attempts(self, run_id: str) -> tuple[AttemptRecord, ...]: ...
    def list_products(self, run_id: str) -> tuple[ProductRecord, ...]:
        """The files that its task runs have made, by task, key and path; none for those that it carried over."""
        ...

    def find_newest_products(
        self, project: str, environment: str, paths: Collection[str]
    ) -> Mapping[str, ProductRecord]:
        """What was recorded last of paths in the lasting data of an environment; a path without a record is left out.

        Dirty runs, and those of revisions that were never deployed, have data of their own and are not asked.
        """
        ...

    def find_result(
        self, project: str, environment: str, workflow: str, series: str | None, logical_time: datetime
    ) -> Result | None:
        """The last to succeed of the runs that count for this logical time."""
        ...

    def find_newest_result(
        self,
        project: str,
        environment: str,
        workflow: str,
        series: str | None,
        before: datetime | None = None,
    ) -> Result | None:
        """The result of the latest logical time that has one; with `before` of those before that instant."""
        ...

    def list_results(
        self,
        project: str,
        environment: str,
        workflow: str,
        series: str | None,
        start: datetime,
        end: datetime,
    ) -> Mapping[datetime, Result]:
        """The results for logical times in [start, end)."""
        ...

    def count_results_by_spec(
        self,
        project: str,
        environment: str,
        workflow: str,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> tuple[ResultCount, ...]:
        """How many results of a workflow each spec has made, by series; of logical times in [start, end), if given.

        Those of a third of a million runs are counted in a fraction of a second.
        """
        ...

    def list_mixed_results(
        self,
        project: str,
        environment: str,
        workflow: str,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> tuple[Result, ...]:
        """Of the same results those that are mixed, of the latest logical time first."""
        ...

    def list_compositions(self, run_ids: Sequence[str]) -> tuple[Composition, ...]:
        """What runs consist of, in any order; ids that there is no run of are left out."""
        ...

    def list_acceptances(
        self,
        project: str,
        environment: str | None = None,
        workflow: str | None = None,
        *,
        with_instances: bool = False,
        with_revoked: bool = False,
    ) -> tuple[AcceptanceRecord, ...]:
        """What was accepted, newest first; `with_instances`: also of all instances of the workflow."""
        ...

    def list_failed_times(
        self,
        project: str,
        environment: str,
        workflow: str,
        series: str | None,
        start: datetime,
        end: datetime,
    ) -> frozenset[datetime]:
        """Logical times in [start, end) that have a counting run in state failed."""
        ...

    def count_failures_before(self, run: RunRecord, limit: int) -> int:
        """How many logical times of its series directly before that of a run have failed, `limit` at most.

        Of those with a run that counts and has succeeded or failed. One that has a result has not failed.
        """
        ...

    def list_durations(
        self, project: str, environment: str, workflow: str, limit: int = 50
    ) -> tuple[float, ...]:
        """Seconds from start to end of the last succeeded runs."""
        ...

    def list_last_successes(
        self, project: str, environment: str, workflows: Sequence[str]
    ) -> tuple[LastSuccess, ...]:
        """For each of these workflows that has a result, when it last had one, and for which logical time."""
        ...

    def count_by_revision(self, project: str) -> tuple[RevisionRuns, ...]:
        """How the runs of each revision went that count and have ended. All runs are looked at, which takes time."""
        ...

    def find_backfill(self, backfill_id: str) -> BackfillRecord | None: ...
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
        """Newest first; `with_instances`: also those of all instances of the workflow."""
        ...

    def list_ticks(
        self, backfill_id: str, *, pending: bool = False, limit: int | None = None
    ) -> tuple[BackfillTick, ...]:
        """Its ticks in order; `pending`: only those without a run."""
        ...

    def list_tick_revisions(self, backfill_id: str) -> tuple[TickRevision, ...]:
        """What its ticks run that do not run what it says itself, in the order of the first of each."""
        ...

    def list_owners(self) -> tuple[OwnerRecord, ...]: ...
    def is_alive(self, owner: str) -> bool:
        """True while the process of that owner lives, or somebody settles it.

        SQLite: exactly while its lock is held. PostgreSQL: until its lease has run out, by the database's clock.
        """
        ...

    def list_live_attempts(self, owner: str) -> tuple[LiveAttempt, ...]:
        """Attempts without an end in the runs of that owner."""
        ...

    def list_owned_runs(self, owner: str) -> tuple[RunRecord, ...]:
        """Its live runs, oldest first."""
        ...

    def list_runs_with_hooks(self, owner: str | None) -> tuple[RunRecord, ...]:
        """Its runs, live or ended, with hooks owed that have not ended, oldest first; None: those of no owner."""
        ...

    # Ticks

    def list_cursors(self, project: str, environment: str) -> tuple[CursorRecord, ...]: ...
    def find_cursor(self, key: SeriesKey) -> CursorRecord | None: ...
    def list_owed(self, project: str, environment: str) -> tuple[OwedRecord, ...]:
        """Ticks that are still to be made up, oldest first."""
        ...

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
        """Spans of ticks that made no run and touch `[start, end)`; the one recorded last comes first.

        `with_instances`: also those of all instances of the workflow.
        """
        ...

    def count_dropped(self) -> Mapping[tuple[str, str, str, str], int]:
        """How many ticks made no run, by project, environment, workflow and reason, over all spans on record."""
        ...

    def list_pauses(
        self, project: str, environment: str, *, ended_after: datetime | None = None
    ) -> tuple[PauseRecord, ...]:
        """Pauses that nobody has ended, oldest first; whether their `until` has come is for the caller to see.

        Given an instant also those that ended after it, by themselves or by somebody, and none that `until` has
        ended before.
        """
        ...

    def list_environments(self) -> tuple[tuple[str, str, int], ...]:
        """Every project and environment that has a deployment, with the number of the one in force, by name."""
        ...

    def list_deployments_since(
        self, project: str, environment: str, number: int
    ) -> tuple[DeploymentRecord, ...]:
        """Those with a greater number, oldest first."""
        ...

    def list_waiting_runs(self, owner: str) -> tuple[RunRecord, ...]:
        """Its queued runs that are not admitted, by logical time, then age."""
        ...

    def list_unowned(self) -> tuple[UnownedRecord, ...]:
        """Live runs and unfinished backfills that nobody owns, but not paused backfills; oldest first.

        Of runs of an environment that need the same labels some hundreds: they may wait for days.
        """
        ...

    def list_serving(self, scope: str) -> tuple[ServingRecord, ...]:
        """The living processes that serve a scope, in the order in which they began."""
        ...

    def list_ends(self, after: int, last: int) -> frozenset[RunEnd]:
        """What has ended by an event whose sequence is greater than `after`, and not than `last`."""
        ...

    def list_ended_after(self, ended_event: int, limit: int = 500) -> tuple[EndedRun, ...]:
        """Runs that count and ended after that event (the sequence of their `RunFinished`), in that order."""
        ...

    def last_event(self) -> int:
        """The sequence of the event that was stored last; 0 before the first."""
        ...

    def get_progress(self, name: str) -> int | None:
        """A number that the leader has noted with `settle`; None if there is none."""
        ...

    def find_leader(self, scope: str | None = None) -> OwnerRecord | None:
        """The process that leads the ticking of a scope, or of any; None if there is none (any more)."""
        ...

    def list_leaders(self) -> tuple[tuple[str, OwnerRecord], ...]:
        """The scopes that somebody leads, and who, by scope."""
        ...

    def find_followed(self, project: str, environment: str) -> FollowedRecord | None:
        """The remote branch that an environment follows."""
        ...

    def list_followed(self) -> tuple[FollowedRecord, ...]:
        """All that is followed, by project and environment."""
        ...

    def list_ages(self, run_ids: Sequence[str]) -> tuple[RunAge, ...]:
        """What retention has to know of runs, in any order; ids that there is no run of are left out."""
        ...

    def count_past_runs(self, project: str, environment: str, before: datetime) -> int:
        """How many runs `prune_runs` would remove now, if there were no limit."""
        ...

    def list_audit(
        self, wanted: AuditFilter | None = None, *, before: int | None = None, limit: int = 50
    ) -> tuple[AuditRecord, ...]:
        """Who did what, newest first; `before` is a sequence: only older ones."""
        ...
