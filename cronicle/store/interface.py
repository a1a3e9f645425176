"""The contract of a store. Each method is one transaction; SQLite and PostgreSQL keep the same promises.

What a person does is recorded in the audit log in the transaction in which it is done (`cronicle.store.acts`).

Methods are synchronous. `get_` raises `UnknownError`, `find_` may give None, `list_` gives a tuple. A write has
happened, durably, when its method returns, and not at all when it raises. Expected collisions (a unique key, a
moved base) are answers, not exceptions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from cronicle.errors import CronicleError
from cronicle.runs.states import BackfillState
from cronicle.store.backups import BackupReport
from cronicle.store.experiments import Verdict
from cronicle.store.reading import StoreReader
from cronicle.store.records import (
    Actor,
    AdmissionAnswer,
    BackfillRecord,
    BackfillTick,
    ControlRequest,
    DeploymentRecord,
    LiveRunExists,
    NewRun,
    OwnerRecord,
    ProjectRecord,
    RunRecord,
    SlotRequest,
    Transition,
)

if TYPE_CHECKING:
    from cronicle.store.acts import Act
    from cronicle.store.files import FilesFolder
    from cronicle.store.following import FollowedRecord
    from cronicle.store.results import AcceptanceRecord
    from cronicle.store.series import (
        PauseRecord,
        Settled,
        Settlement,
    )


class StoreError(CronicleError):
    """The store cannot do what was asked: its disk is full or read-only, it is locked, damaged, or newer."""


class UnwritableError(StoreError):
    """The store cannot be written at present: its disk is full or read-only, or somebody keeps it locked.

    Nothing of what was asked has happened, and it may be tried again.
    """


class UncertainWriteError(StoreError):
    """A write failed so late that it is not known whether it happened.

    The process must end, and whoever comes next looks the write up by its key. Going on or trying again could record
    it twice: after a failed fsync what memory says of the disk is not true.
    """


class NotOwnerError(StoreError):
    """This process is not the owner in whose name it writes (any more): it was taken for dead, and settled.

    Nothing of what was asked has happened.
    """


class UnknownError(CronicleError):
    """There is nothing of that name or id in the store."""


class Store(StoreReader, Protocol):
    """Reading and writing."""

    runs_in_place: bool
    """True if a call takes so little that it may be made on the event loop (SQLite); else in a thread."""

    # Projects and deployments

    def bind_files_folder(self, folder: FilesFolder) -> FilesFolder:
        """Note where the files of the store are, unless that is known; the folder that holds after."""
        ...

    def bind_project(self, project: ProjectRecord, actor: Actor) -> ProjectRecord:
        """Bind a project's name to its repository, or confirm it and note its path; the binding that holds after.

        The caller compares `root_commit` and `folder` with what it asked for: another project holds the name if
        they differ, and nothing was changed. `created_at` stays that of the first time. That the name is new, or its
        path another one, is an act of `actor`.
        """
        ...

    def put_spec(self, spec: bytes) -> str:
        """Store a spec once; its hash."""
        ...

    def add_deployment(
        self,
        deployment: DeploymentRecord,
        *,
        based_on: int | None,
        acceptances: Sequence[AcceptanceRecord] = (),
        reason: str = "",
    ) -> DeploymentRecord | None:
        """Make a deployment with the next number, if the one in force is still `based_on`; else None.

        A workflow that it calls otherwise (`moved`) takes its runs, backfills, cursors, owed and dropped ticks,
        pauses and acceptances along, unless something under the new name has runs or cursors already.
        `acceptances` are what is accepted with it, `reason` is that of whoever makes it, for the audit log.
        """
        ...

    def add_acceptances(self, acceptances: Sequence[AcceptanceRecord]) -> tuple[AcceptanceRecord, ...]:
        """Record that changes make no difference; as they are then, with their ids."""
        ...

    def revoke_acceptance(
        self, number: int, actor: Actor, at: datetime, reason: str = ""
    ) -> AcceptanceRecord | None:
        """Revoke what was accepted, as it is then; None if there is no such acceptance, or it was revoked before."""
        ...

    # Runs

    def create_run(self, new: NewRun) -> RunRecord | LiveRunExists:
        """Make a run, with its first events and the rows that follow from them.

        There is one live run for each (project, environment, workflow with instance, series, logical time), and for
        the causes schedule, catchup, workflow and deploy together one run at all, live or ended: a tick makes
        exactly one. The answer to a second is the id of the first. An experiment takes no logical time: any number of
        them may be live beside it.

        Raises:
            NotOwnerError: The run has an owner that is not this process.
        """
        ...

    def mark_run(self, new: NewRun, reason: str = "") -> RunRecord | LiveRunExists:
        """Make a run that ends with its first events. If it failed, what succeeded for its time counts no longer.

        `reason` is that of whoever marks, for the audit log.
        """
        ...

    def note_verdict(self, run_id: str, verdict: Verdict) -> None:
        """Note beside an experiment what a `bisect` has found of its commit.

        Raises:
            UnknownError: There is no such experiment.
        """
        ...

    def append(self, transitions: Sequence[Transition]) -> tuple[int | None, ...]:
        """Store facts of any number of runs in one transaction, with the rows that follow from them.

        For each transition the sequence number of its first event (they are consecutive, and grow over the whole
        store: the one of `AttemptStarted` is the attempt's fence), or None if `owner` does not own the run (any
        more, or there is no such run), or would end it although it has ended: then nothing of that transition was
        stored, and the others were. An owner may still append to its run after that has ended (how its hooks were
        told, an attempt that ended late); an ended state never changes by it.
        """
        ...

    def adopt_run(self, run_id: str, owner: str, *, act: Act | None = None) -> bool:
        """Make `owner` the owner of a run that has none, and is live or has hooks that have not ended; else False.

        `act`: that somebody has asked for it.
        """
        ...

    def adopt_runs(self, run_ids: Sequence[str], owner: str) -> tuple[str, ...]:
        """As `adopt_run` for each, all in one transaction; the ids of those that it has made `owner` the owner of."""
        ...

    # Ticks

    def lead(self, owner: str, scope: str = "") -> int | None:
        """Make `owner` the leader of the ticking of a scope, if nobody who lives is; the epoch of that, else None.

        Repeating it as the leader changes nothing. Epochs only grow, over all scopes. None if this process is not
        `owner` (any more).
        """
        ...

    def stop_leading(self, owner: str) -> None:
        """Have another lead; nothing happens if `owner` does not lead."""
        ...

    def serve_as(self, owner: str, scope: str, slots: int | None) -> None:
        """Note that an owner serves a scope, with so many slots; with None it takes up nothing new any more."""
        ...

    def assign_runs(self, assignments: Mapping[str, str]) -> None:
        """Note which owner (the value) is to take up a run (the key) that nobody owns."""
        ...

    def hand_over_queued(self, source: str, target: str, limit: int) -> tuple[str, ...]:
        """Take runs from an owner that it has not begun, the youngest of those that may start first; their ids.

        They have no owner then and are assigned to `target`, or to nobody if that is empty. Runs of backfills stay
        with whoever drives the backfill, and those that need labels which `target` does not have stay as well.
        """
        ...

    def wake(self, owners: Sequence[str]) -> None:
        """Have the processes of owners look now, wherever they are; where that cannot be done they look by and by."""
        ...

    def listen(self, owner: str, woken: Callable[[], None], is_over: Callable[[], bool]) -> None:
        """Call `woken` whenever somebody wakes that owner, in this thread, until `is_over`, asked once a second.

        Returns at once where nobody can be woken so: on SQLite, and behind some poolers.
        """
        ...

    def settle(
        self, epoch: int, settlements: Sequence[Settlement], progress: Mapping[str, int] | None = None
    ) -> tuple[Settled, ...] | None:
        """Store what becomes of ticks: their runs, with the cursor that says that they are settled.

        `progress` notes numbers in the same transaction (see `get_progress`).

        All in one transaction. None, and nothing stored, if `epoch` is not that of the leader (any more), or this
        process is not the leader. A settlement that was decided from another position of its cursor is answered
        `is_stale`, and the others are stored. Each tick makes one run, whatever crashes: a tick that has had one is
        left out silently. Where somebody else's run is live for that logical time, the tick's is made in state
        skipped (`overlap`). A run that comes `admitted` has a policy that limits nothing, and is not judged; one that
        comes in state skipped, with its end among its events, is stored as it is.
        """
        ...

    def admit(self, run_id: str, owner: str, at: datetime) -> AdmissionAnswer:
        """Let a queued run start, if the limits of its policy and its lock allow it beside all that is live now.

        A lock's key is one in the whole store, as a pool's name is; a run holds it until it has ended.

        Decided by `cronicle.schedule.admission` in the transaction that notes it. What needs no transaction (the
        past, required workflows, instants) the caller has judged before.
        """
        ...

    def choose_time(self, run: RunRecord, owner: str) -> LiveRunExists | bool:
        """Give a queued run of `owner` that is not admitted the logical time, interval, lateness and lock of `run`.

        False if there is no such run (any more). Nothing is changed where another run is live for that logical time.
        """
        ...

    def add_pause(self, pause: PauseRecord) -> PauseRecord:
        """Pause a workflow or an environment from `paused_at` on."""
        ...

    def end_pauses(
        self, project: str, environment: str, workflow: str | None, at: datetime, *, actor: Actor
    ) -> int:
        """End the pauses of exactly this scope that hold; how many there were."""
        ...

    # Remote branches

    def put_followed(self, followed: FollowedRecord) -> None:
        """Note which remote branch an environment follows, and how it is, in place of what was noted before."""
        ...

    def remove_followed(self, project: str, environment: str) -> None:
        """Note that an environment follows none; fine if it did not."""
        ...

    # Retention

    def prune_runs(
        self,
        project: str,
        environment: str,
        before: datetime,
        limit: int,
        *,
        asked: tuple[Actor, datetime] | None = None,
    ) -> tuple[str, ...]:
        """Remove the oldest ended runs that ended before an instant, with all their rows; the ids of those removed.

        Never the result of the latest logical time of a series, nor runs that others were carried over from, nor
        what something unfinished needs (see `list_ages`). `asked`: who has asked for that, and when; None for a
        scheduler, which goes by what is deployed.
        """
        ...

    def backup(self, target: str, at: datetime) -> BackupReport:
        """Copy the store to a new file or database while others write; complete and consistent, or not there.

        Raises:
            StoreError: The target exists or cannot be written, or the copy was found not to be sound.
        """
        ...

    # Backfills

    def create_backfill(
        self, backfill: BackfillRecord, ticks: Sequence[BackfillTick]
    ) -> BackfillRecord | None:
        """Make a backfill; None if an unfinished one of the same workflow and series shares a tick with it.

        Raises:
            NotOwnerError: It has an owner that is not this process.
        """
        ...

    def create_backfills(
        self, backfills: Sequence[tuple[BackfillRecord, Sequence[BackfillTick]]]
    ) -> tuple[BackfillRecord, ...] | None:
        """Make several, or none: None if any of them cannot be made.

        Raises:
            NotOwnerError: One has an owner that is not this process.
        """
        ...

    def find_overlapping_backfill(
        self, backfill: BackfillRecord, ticks: Sequence[BackfillTick]
    ) -> BackfillRecord | None:
        """The unfinished one that stands in the way of `create_backfill`."""
        ...

    def adopt_backfill(self, backfill_id: str, owner: str, *, act: Act | None = None) -> bool:
        """Make `owner` the owner of an unfinished backfill that has none, and set it running.

        `act`: that somebody has asked for it.
        """
        ...

    def set_backfill_state(
        self,
        backfill_id: str,
        state: BackfillState,
        reason: str | None,
        at: datetime,
        *,
        owner: str | None,
        act: Act | None = None,
    ) -> bool:
        """Pause or end a backfill; an ended or paused one has no owner. False unless `owner` owns it.

        `act`: that somebody has asked for it.
        """
        ...

    # Owners

    def register_owner(self, owner: OwnerRecord) -> OwnerRecord:
        """Make this process an owner; it is alive until it calls `remove_owner`, closes the store, or dies.

        What is written in the name of an owner by a process that is not it has no effect.
        """
        ...

    lease_seconds: float | None
    """For how long an owner is alive that does not renew its lease; None: exactly as long as its process (SQLite)."""

    def renew_lease(self, owner: str) -> bool:
        """Say that an owner's process lives; False if somebody has settled the owner meanwhile.

        Then nothing that is written in its name has any effect, and this process is to be another owner.
        """
        ...

    def remove_owner(self, owner: str) -> None:
        """End being an owner: what it had not finished, hooks included, is left without one, its slots are free."""
        ...

    def claim_dead_owner(self, dead: str) -> bool:
        """Take it on oneself to settle an owner that has died; False if it lives, or somebody else settles it.

        Nobody settles itself: False for an owner that this process has registered.

        Until `remove_owner(dead)` the caller may append to its runs in its name.
        """
        ...

    def leave_dead_owner(self, dead: str) -> None:
        """Undo `claim_dead_owner`: somebody else may settle it, or the caller another time."""
        ...

    # Requests and slots

    def add_request(self, request: ControlRequest) -> str | None:
        """Leave a request for the owner of its target; that owner's id. The target may be an owner itself.

        None if nobody drives the target (it has no owner, has ended, or is an owner that is dead): then nothing was
        left, and the caller may do itself what it wished for. A request for a run or a backfill outlives an owner
        that dies before it has taken it up; one for an owner goes with it.

        Raises:
            UnknownError: There is no run, backfill or owner of that id.
        """
        ...

    def take_requests(self, owner: str) -> tuple[ControlRequest, ...]:
        """The requests for `owner` itself and for what it owns, oldest first; they are gone after.

        None at all, and all stay, if this process is not that owner (any more).
        """
        ...

    def request_slots(self, requests: Sequence[SlotRequest]) -> None:
        """Queue for slots of pools; repeating it changes nothing."""
        ...

    def grant_slots(self, sizes: Mapping[str, int]) -> tuple[SlotRequest, ...]:
        """Grant what fits into pools of these sizes, by priority, then age; all grants made by this call.

        Nobody overtakes: where the first does not fit, those behind it wait. A request for more than the pool has
        gets all of it, alone. A pool that is not among `sizes`, or has no slots, grants nothing.

        An attempt's slots are free again when its `AttemptFinished` or `AttemptLost` is stored, or its run ends.
        """
        ...

    def list_grants(self, owner: str) -> tuple[SlotRequest, ...]:
        """Granted requests of this owner whose attempt has not started."""
        ...

    def add_audit(
        self,
        actor: Actor,
        at: datetime,
        act: str,
        subject: str,
        reason: str = "",
        *,
        project: str = "",
        environment: str = "",
        workflow: str = "",
        detail: str = "",
    ) -> None:
        """Record who did what (see `cronicle.store.acts.Act`); never changed after.

        For acts of which the store itself writes nothing else. What it does write (a deployment, a run, a pause, a
        request) it records in the same transaction, and nobody else does.
        """
        ...
