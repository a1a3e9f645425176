"""Storing events of runs, with the rows that follow from them. The hot path.

All of a batch is gathered first (`cronicle.store.projection`), so that each row is written once. How it is written
down is the one thing that each backend does in its own way, as fast as it can.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from attrs import frozen

from cronicle.runs.events import EVENT_VERSION, RunEvent, RunFinished, event_to_bytes
from cronicle.runs.states import LIVE, RunState
from cronicle.store.acts import Act
from cronicle.store.cells import Row, log_damage, readable, to_json, to_optional
from cronicle.store.interface import StoreError
from cronicle.store.projection import Projection, RunChange
from cronicle.store.records import NewRun, Transition
from cronicle.store.relational import audit
from cronicle.store.relational.connection import Connection, Statement
from cronicle.store.relational.liveness import Liveness
from cronicle.values import Value

_RUN = """
SELECT id, sequence, owner, state, started_at, backfill, backfill_position,
    reason, ended_at, ended_event, cancel_requested, packed_tasks, hooks_open
FROM run WHERE id = ?
"""

_RUNS = _RUN.replace("id = ?", "id IN (SELECT value FROM json_each(?))")

_LAST = "SELECT value FROM counter WHERE name = 'event'"

ANY_SLOT = "SELECT 1 FROM slot LIMIT 1"
"""Asked by whoever writes a batch down: mostly nobody wants a slot of a pool."""

HOT = (_RUN, _RUNS, _LAST, ANY_SLOT)
"""Statements that each batch consists of."""

WriteDown = Callable[[Connection, "Written"], None]


@frozen(eq=False, repr=False)
class Written(Value):
    """What a batch is to change."""

    events: Sequence[Row]
    """Columns: sequence, run, type, version, at, body."""
    last: int
    """The sequence of the last event."""
    rows: Projection


def asked_of(liveness: Liveness, transitions: Sequence[Transition]) -> list[Statement]:
    """What `append` will ask the store for."""
    run_ids = {transition.run_id for transition in transitions}
    owners = {transition.owner for transition in transitions}
    held = [asked for owner in owners if (asked := liveness.asked(owner)) is not None]
    return [(_LAST, ()), _reading(run_ids), *held, (ANY_SLOT, ())]


def _reading(run_ids: Collection[str]) -> Statement:
    """The statement that reads the rows of runs."""
    return (_RUN, tuple(run_ids)) if len(run_ids) == 1 else (_RUNS, (to_json(sorted(run_ids)),))


def append(batch: Batch, transitions: Sequence[Transition]) -> tuple[int | None, ...]:
    """`Store.append`, inside a transaction of the caller."""
    batch.read({transition.run_id for transition in transitions})
    numbers = tuple(batch.add(transition) for transition in transitions)
    batch.write()
    return numbers


def _change_from(row: Row) -> RunChange:
    _, sequence, owner, state, started_at, backfill, position, *rest = row
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

    def __init__(self, connection: Connection, liveness: Liveness, write_down: WriteDown) -> None:
        self._connection = connection
        self._liveness = liveness
        self._write_down = write_down
        self._owners: dict[str, bool] = {}
        self._projection = Projection()
        self._first = self._next = 1 + int(connection.value(_LAST))
        self._events: list[Row] = []
        self._acts: list[Act] = []

    def read(self, run_ids: Collection[str]) -> None:
        """Read the rows of several runs in one go, rather than each when it is met."""
        if len(run_ids) > 1:
            for row in self._connection.rows(*_reading(run_ids)):
                self._take_in(row)

    def add(self, transition: Transition) -> int | None:
        """Take in a transition: the number of its first event; None if its owner does not own the run.

        Nobody owns the end of a run that has ended: a settlement may have dropped it a moment before.
        """
        run = self._run(transition.run_id)
        if run is None or run.owner != transition.owner or not self._is_held(transition.owner):
            return None
        if run.state not in LIVE and any(isinstance(event, RunFinished) for event in transition.events):
            return None
        number = self.add_events(run, transition.events)
        if transition.act is not None:
            self._acts.append(transition.act)
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
            run = None if row is None else self._take_in(row)
        return run

    def _take_in(self, row: Row) -> RunChange | None:
        try:
            run = readable(f"run {row[0]}", _change_from, row)
        except StoreError as error:  # set aside, so that the others of the batch go on
            log_damage(error)
            return None
        self._projection.runs[row[0]] = run
        return run

    def _is_held(self, owner: str) -> bool:
        held = self._owners.get(owner)
        if held is None:
            held = self._owners[owner] = self._liveness.is_held(owner)
        return held

    def write(self) -> None:
        """Write everything down."""
        if self._events:
            self._write_down(self._connection, Written(self._events, self._next - 1, self._projection))
        for act in self._acts:
            audit.write(self._connection, act)
