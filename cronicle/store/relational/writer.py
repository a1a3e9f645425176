"""Writing a store (`Store`). Each method is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from cronicle.runs.spec import spec_hash
from cronicle.runs.states import LIVE, UNASKED_CAUSES, BackfillState, RunState
from cronicle.store import acts, rows
from cronicle.store.cells import columns, marks, readable_only, to_json
from cronicle.store.experiments import Verdict
from cronicle.store.interface import NotOwnerError, StoreError, UnknownError
from cronicle.store.owner_rows import OWNER_COLUMNS, owner_from, owner_row, request_from
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
from cronicle.store.relational import audit, journal, requests, slots
from cronicle.store.relational import backfills as backfill_tables
from cronicle.store.relational.acceptance_writing import AcceptanceWriter
from cronicle.store.relational.connection import Connection
from cronicle.store.relational.counters import next_number
from cronicle.store.relational.followed import FollowedWriter
from cronicle.store.relational.journal import Batch, WriteDown
from cronicle.store.relational.liveness import Liveness
from cronicle.store.relational.reader import RelationalReader
from cronicle.store.relational.terms import ONCE, SAME_TIME, TAKES_TIME

if TYPE_CHECKING:
    from cronicle.store.acts import Act
    from cronicle.store.files import FilesFolder
    from cronicle.store.relational.admission import Policies
    from cronicle.store.results import AcceptanceRecord
    from cronicle.store.series import PauseRecord, Settled, Settlement

# What only a scheduler needs is imported where it is used: most commands start without it.

# ruff: noqa: S608 - statements are put together from constants; values are always bound

_ADOPT = (
    "UPDATE run SET owner = ?, assigned_to = NULL WHERE id = ? AND owner IS NULL"
    " AND (state IN ('queued', 'running') OR hooks_open > 0)"
)

_CHOSEN = (
    "logical_time",
    "nominal",
    "interval_start",
    "interval_start_nominal",
    "interval_end",
    "timezone",
    "lateness",
    "lock",
)
"""What `run --at` leaves open until the run is to start."""


class RelationalStore(RelationalReader, AcceptanceWriter, FollowedWriter):
    """Reads and writes a store; see `Store` for what each method promises."""

    def __init__(self, connection: Connection, liveness: Liveness, write_down: WriteDown) -> None:
        super().__init__(connection, liveness)
        self.lease_seconds = liveness.lease_seconds
        self._write_down = write_down
        self._policies: Policies | None = None

    # Projects and deployments

    def bind_files_folder(self, folder: FilesFolder) -> FilesFolder:
        from cronicle.store.relational import files

        return files.bind(self._connection, folder)

    def bind_project(self, project: ProjectRecord, actor: Actor) -> ProjectRecord:
        with self._connection.write():
            bound = self.find_project(project.name)
            if bound is not None and (bound.root_commit, bound.folder) != (
                project.root_commit,
                project.folder,
            ):
                return bound
            self._connection.execute(
                f"INSERT INTO project ({columns(rows.PROJECT_COLUMNS)}, bound)"
                f" VALUES ({marks(rows.PROJECT_COLUMNS)}, ?) ON CONFLICT (name) DO UPDATE"
                " SET path = excluded.path, default_environment = excluded.default_environment,"
                " bound = excluded.bound",
                (*rows.project_row(project), next_number(self._connection, "binding")),
            )
            audit.write(self._connection, acts.act_of_binding(project, bound, actor))
            confirmed = self.find_project(project.name)
        assert confirmed is not None
        return confirmed

    def put_spec(self, spec: bytes) -> str:
        name = spec_hash(spec)
        if not self._holds("SELECT 1 FROM spec WHERE hash = ?", (name,)):
            with self._connection.write():
                self._connection.execute(
                    "INSERT INTO spec (hash, body) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, spec)
                )
        return name

    def add_deployment(
        self,
        deployment: DeploymentRecord,
        *,
        based_on: int | None,
        acceptances: Sequence[AcceptanceRecord] = (),
        reason: str = "",
    ) -> DeploymentRecord | None:
        where = (deployment.project, deployment.environment)
        with self._connection.write():
            newest = self._connection.value(
                "SELECT max(number) FROM deployment WHERE project = ? AND environment = ?", where
            )
            if newest != based_on:
                return None
            row = rows.deployment_row(deployment)
            self._connection.execute(
                f"INSERT INTO deployment ({columns(rows.DEPLOYMENT_COLUMNS)})"
                f" VALUES ({marks(rows.DEPLOYMENT_COLUMNS)})",
                (*row[:2], (newest or 0) + 1, *row[3:]),
            )
            if deployment.moved:
                from cronicle.store.relational.ticks import move_workflows

                move_workflows(self._connection, deployment)
            made = self.find_deployment(*where)
            assert made is not None
            audit.write(self._connection, acts.act_of_deployment(made, reason))
            if acceptances:
                self._add_acceptances(acceptances)
            return made

    # Runs

    def create_run(self, new: NewRun) -> RunRecord | LiveRunExists:
        with self._connection.write():
            made = self._insert_run(new)
            if isinstance(made, RunRecord):
                audit.write(self._connection, acts.act_of_run(made))
            return made

    def mark_run(self, new: NewRun, reason: str = "") -> RunRecord | LiveRunExists:
        with self._connection.write():
            made = self._insert_run(new)
            if isinstance(made, RunRecord):
                if made.state is RunState.FAILED:
                    overruled = f"UPDATE run SET counts = 0 WHERE {SAME_TIME} AND state = 'succeeded'"
                    self._connection.execute(overruled, rows.run_row(made)[1:7])
                audit.write(self._connection, acts.act_of_mark(made, reason))
            return made

    def _insert_run(self, new: NewRun) -> RunRecord | LiveRunExists:
        run = new.run
        self._require_held(run.owner)
        row = rows.run_row(run)
        is_tick = run.cause in UNASKED_CAUSES
        if run.state in LIVE and run.experiment is None:
            live = f"SELECT id FROM run WHERE {SAME_TIME} AND {TAKES_TIME}"
            if there := self._connection.value(live, row[1:7]):
                return LiveRunExists(there)
        if is_tick:
            made = f"SELECT id FROM run WHERE {SAME_TIME} AND {ONCE}"
            if there := self._connection.value(made, row[1:7]):
                return LiveRunExists(there)
        sequence = self._connection.value(
            f"INSERT INTO run ({columns(rows.RUN_COLUMNS)}, backfill_position)"
            f" VALUES ({marks(rows.RUN_COLUMNS)}, ?) RETURNING sequence",
            (*row, new.backfill_position),
        )
        if new.backfill_position is not None:
            backfill_tables.take_tick(self._connection, run, new.backfill_position)
        batch = self._batch()
        batch.add_new_run(sequence, new)
        batch.write()
        made_run = self.find_run(run.id)
        assert made_run is not None
        return made_run

    def note_verdict(self, run_id: str, verdict: Verdict) -> None:
        with self._connection.write():
            body = self._connection.value("SELECT experiment FROM run WHERE id = ?", (run_id,))
            if body is None:
                raise UnknownError(f"the store has no experiment {run_id}")
            judged = attrs.evolve(rows.experiment_from(body), verdict=verdict)
            self._connection.execute("UPDATE run SET experiment = ? WHERE id = ?", (to_json(judged), run_id))

    def append(self, transitions: Sequence[Transition]) -> tuple[int | None, ...]:
        with self._connection.write(lambda: journal.asked_of(self._liveness, transitions)):
            return journal.append(self._batch(), transitions)

    def _batch(self) -> Batch:
        return Batch(self._connection, self._liveness, self._write_down)

    def _require_held(self, owner: str | None) -> None:
        """Within a transaction: see to it that what is made for an owner is made by its process."""
        if owner is not None and not self._liveness.is_held(owner):
            raise NotOwnerError(
                f"this process was taken for dead, and what it drove was given to others (as {owner})",
                "Repeat the command: it goes on with what is left to do.",
            )

    def adopt_run(self, run_id: str, owner: str, *, act: Act | None = None) -> bool:
        with self._connection.write():
            adopted = self._adopt((run_id,), owner) != ()
            audit.write(self._connection, act if adopted else None)
            return adopted

    def adopt_runs(self, run_ids: Sequence[str], owner: str) -> tuple[str, ...]:
        with self._connection.write():
            return self._adopt(run_ids, owner)

    def _adopt(self, run_ids: Sequence[str], owner: str) -> tuple[str, ...]:
        if not self._liveness.is_held(owner):
            return ()
        return tuple(run_id for run_id in run_ids if self._connection.changed(_ADOPT, (owner, run_id)) == 1)

    # Ticks

    def lead(self, owner: str, scope: str = "") -> int | None:
        from cronicle.store.relational import leader

        if not self._liveness.is_held(owner):
            return None
        if not leader.is_open(self._connection, owner, scope, self.is_alive):
            return leader.epoch_of(self._connection, owner, scope)  # asked once a second; this takes no lock
        with self._connection.write():
            if not self._liveness.is_held(owner):
                return None
            return leader.lead(self._connection, owner, scope, self.is_alive)

    def stop_leading(self, owner: str) -> None:
        from cronicle.store.relational import leader

        with self._connection.write():
            if self._liveness.is_held(owner):
                leader.stop(self._connection, owner)

    def serve_as(self, owner: str, scope: str, slots: int | None) -> None:
        from cronicle.store.relational import serving

        with self._connection.write():
            if self._liveness.is_held(owner):
                serving.serve_as(self._connection, owner, scope, slots)

    def assign_runs(self, assignments: Mapping[str, str]) -> None:
        from cronicle.store.relational import serving

        with self._connection.write():
            serving.assign(self._connection, assignments)

    def hand_over_queued(self, source: str, target: str, limit: int) -> tuple[str, ...]:
        from cronicle.store.relational import serving

        with self._connection.write():
            return serving.hand_over(self._connection, source, target, limit)

    def wake(self, owners: Sequence[str]) -> None:
        """Processes of one machine are woken by a datagram (`cronicle.engine.wake`)."""

    def listen(self, owner: str, woken: Callable[[], None], is_over: Callable[[], bool]) -> None:
        """They listen for that as well."""

    def settle(
        self, epoch: int, settlements: Sequence[Settlement], progress: Mapping[str, int] | None = None
    ) -> tuple[Settled, ...] | None:
        from cronicle.store.relational.leader import leader_of
        from cronicle.store.relational.ticks import Settling

        with self._connection.write():
            leader = leader_of(self._connection, epoch)
            if leader is None or not self._liveness.is_held(leader):
                return None
            return Settling(self._connection, self._known_policies(), self._batch()).settle(
                settlements, progress
            )

    def admit(self, run_id: str, owner: str, at: datetime) -> AdmissionAnswer:
        from cronicle.store.relational.admission import admit

        return admit(self._connection, self._liveness, self._known_policies(), run_id, owner, at)

    def _known_policies(self) -> Policies:
        from cronicle.store.relational.admission import Policies

        self._policies = self._policies or Policies(self._connection)
        return self._policies

    def choose_time(self, run: RunRecord, owner: str) -> LiveRunExists | bool:
        values = rows.run_row(run)
        row = dict(zip(rows.RUN_COLUMNS.split(), values, strict=True))
        with self._connection.write():
            live = f"SELECT id FROM run WHERE {SAME_TIME} AND {TAKES_TIME} AND id <> ?"
            there = self._connection.value(live, (*values[1:7], run.id)) if run.experiment is None else None
            if there:
                return LiveRunExists(there)
            return (
                self._liveness.is_held(owner)
                and self._connection.changed(
                    f"UPDATE run SET {', '.join(f'{name} = ?' for name in _CHOSEN)}"
                    " WHERE id = ? AND owner = ? AND state = 'queued' AND admitted = 0",
                    (*(row[name] for name in _CHOSEN), run.id, owner),
                )
                == 1
            )

    def add_pause(self, pause: PauseRecord) -> PauseRecord:
        from cronicle.store.relational import pauses

        with self._connection.write():
            audit.write(self._connection, acts.act_of_pause(pause))
            return pauses.add(self._connection, pause)

    def end_pauses(
        self, project: str, environment: str, workflow: str | None, at: datetime, *, actor: Actor
    ) -> int:
        from cronicle.store.relational import pauses

        with self._connection.write():
            ended = pauses.end(self._connection, project, environment, workflow, at)
            if ended:
                act = acts.act_of_unpause(project, environment, workflow, actor, at)
                audit.write(self._connection, act)
            return ended

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
        from cronicle.store.relational.retention import prune  # only what cleans up needs it

        with self._connection.write():
            gone = prune(self._connection, project, environment, before, limit, self._remove_rows_of)
            if gone and asked is not None:
                act = acts.act_of_pruning(project, environment, before, len(gone), *asked)
                audit.write(self._connection, act)
            return gone

    def _remove_rows_of(self, sequences: Sequence[int]) -> None:
        from cronicle.store.relational.retention import remove_rows_of

        remove_rows_of(self._connection, sequences)

    # Backfills

    def create_backfill(
        self, backfill: BackfillRecord, ticks: Sequence[BackfillTick]
    ) -> BackfillRecord | None:
        made = self.create_backfills([(backfill, ticks)])
        return None if made is None else made[0]

    def create_backfills(
        self, backfills: Sequence[tuple[BackfillRecord, Sequence[BackfillTick]]]
    ) -> tuple[BackfillRecord, ...] | None:
        with self._connection.write():
            for backfill, ticks in backfills:
                self._require_held(backfill.owner)
                if self.find_overlapping_backfill(backfill, ticks) is not None:
                    return None
            for backfill, ticks in backfills:
                backfill_tables.insert(self._connection, backfill, ticks)
                audit.write(self._connection, acts.act_of_backfill(backfill))
            made = (self.find_backfill(backfill.id) for backfill, _ in backfills)
            return tuple(record for record in made if record is not None)

    def find_overlapping_backfill(
        self, backfill: BackfillRecord, ticks: Sequence[BackfillTick]
    ) -> BackfillRecord | None:
        return backfill_tables.find_overlapping(self._connection, backfill, ticks)

    def adopt_backfill(self, backfill_id: str, owner: str, *, act: Act | None = None) -> bool:
        with self._connection.write():
            is_held = self._liveness.is_held(owner)
            adopted = is_held and backfill_tables.adopt(self._connection, backfill_id, owner)
            audit.write(self._connection, act if adopted else None)
            return adopted

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
        with self._connection.write():
            is_held = owner is None or self._liveness.is_held(owner)
            done = is_held and backfill_tables.set_state(
                self._connection, backfill_id, state, reason, at, owner
            )
            audit.write(self._connection, act if done else None)
            return done

    # Owners

    def register_owner(self, owner: OwnerRecord) -> OwnerRecord:
        exists = StoreError(f"there is an owner {owner.id} already", "Repeat the command.")
        if not self._liveness.take(owner.id):
            raise exists
        try:
            with self._connection.write():
                epoch = next_number(self._connection, "epoch")
                row = self._connection.row(
                    f"INSERT INTO owner ({columns(OWNER_COLUMNS)}) VALUES ({marks(OWNER_COLUMNS)})"
                    f" ON CONFLICT DO NOTHING RETURNING {columns(OWNER_COLUMNS)}",
                    owner_row(owner, epoch),
                )
                if row is None:
                    raise exists
                self._liveness.note(owner.id, epoch)
        except StoreError:
            self._liveness.drop(owner.id)
            raise
        return owner_from(row)

    def renew_lease(self, owner: str) -> bool:
        return self._liveness.renew(owner)

    def remove_owner(self, owner: str) -> None:
        from cronicle.store.relational.serving import remove_owner

        with self._connection.write():
            if self._liveness.is_held(owner):
                remove_owner(self._connection, owner)
        self._liveness.drop(owner)

    def claim_dead_owner(self, dead: str) -> bool:
        return self._liveness.claim(dead)

    def leave_dead_owner(self, dead: str) -> None:
        self._liveness.leave(dead)

    # Requests and slots

    def add_request(self, request: ControlRequest) -> str | None:
        with self._connection.write():
            owner = requests.add(self._connection, self._liveness, request)
            if owner is not None:
                audit.write_request(self._connection, request, (self.find_run, self.find_backfill))
            return owner

    def take_requests(self, owner: str) -> tuple[ControlRequest, ...]:
        if not self._holds("SELECT 1 FROM control_request", ()):
            return ()  # asked once a second; this takes no lock
        with self._connection.write():
            found = requests.take(self._connection, owner) if self._liveness.is_held(owner) else []
        return readable_only("control request", request_from, found)

    def request_slots(self, requests: Sequence[SlotRequest]) -> None:
        with self._connection.write():
            held = {owner for owner in {wish.owner for wish in requests} if self._liveness.is_held(owner)}
            slots.request(self._connection, [wish for wish in requests if wish.owner in held])

    def grant_slots(self, sizes: Mapping[str, int]) -> tuple[SlotRequest, ...]:
        if not slots.anybody_waits(self._connection):
            return ()
        with self._connection.write():
            return slots.grant(self._connection, sizes)

    def list_grants(self, owner: str) -> tuple[SlotRequest, ...]:
        return slots.list_grants(self._connection, owner)

    def add_audit(
        self, actor: Actor, at: datetime, act: str, subject: str, reason: str = "", **more: str
    ) -> None:
        done = acts.Act(actor=actor, at=at, act=act, subject=subject, reason=reason, **more)
        with self._connection.write():
            audit.write(self._connection, done)
