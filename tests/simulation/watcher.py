"""What was seen from outside while a seed went on: what was committed when, and what was executed when.

Instants are those of trio's clock, which goes on steadily, whatever becomes of the wall clock. Limits are checked
here as attempts begin, by what the simulated executor does and by nothing that the store says.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import Any

import trio
from attrs import define, field

from cronicle.runs import events as ev
from cronicle.runs.policy import Overlap, Policy
from cronicle.runs.spec import RunSpec, spec_from_bytes
from cronicle.runs.states import Cause, Outcome, RunState
from cronicle.store.records import LiveRunExists, NewRun, RunRecord, Transition
from cronicle.store.series import Settled, Settlement

TICK_CAUSES = (Cause.SCHEDULE, Cause.CATCHUP)

LAST = 4000
"""What was seen last is kept, so that a failure can tell it."""


class Violation(Exception):  # noqa: N818 - it is no error of the simulation
    """A promise was broken."""

    def __init__(self, what: str, *names: str) -> None:
        super().__init__(what)
        self.names = names
        """Ids and names that the last events are looked through for."""


@define(eq=False)
class SeenRun:
    """A run since it was committed."""

    record: RunRecord
    spec: RunSpec
    created: float
    place: int
    """Of its creation, in one order with admissions."""
    state: RunState = RunState.QUEUED
    admitted: int | None = None
    """Its place in the order of admissions; the limits of the one that was admitted last are those that count."""
    started: float | None = None
    """When the first of its attempts began."""
    cancelled: float | None = None
    ended: float | None = None
    wall_started: datetime | None = None
    failed: Counter[tuple[str, str | None]] = field(factory=Counter)
    lost: Counter[tuple[str, str | None]] = field(factory=Counter)
    on_record: set[tuple[str, str | None, int]] = field(factory=set)
    executing: int = 0

    @property
    def policy(self) -> Policy:
        return self.spec.policy

    @property
    def is_of_tick(self) -> bool:
        return self.record.cause in TICK_CAUSES


@define(eq=False)
class Execution:
    """An attempt that was executed."""

    run: SeenRun
    task: str
    key: str | None
    attempt: int
    token: str
    process: int
    begun: float
    natural_end: float
    ended: float | None = None


WATCHED = frozenset({"append", "settle", "create_run", "admit", "lead", "stop_leading"})
"""Methods of the store of which the watcher is told."""


class Watcher:
    """Sees all that is committed and executed in one seed."""

    def __init__(self) -> None:
        self.runs: dict[str, SeenRun] = {}
        self.live: dict[str, dict[str, SeenRun]] = {}
        """By workflow."""
        self.active: dict[str, dict[str, SeenRun]] = {}
        """By workflow: those that have begun to execute and have not ended."""
        self.locked: dict[str, SeenRun] = {}
        self.executing: dict[str, Execution] = {}
        """By token."""
        self.in_process: Counter[int] = Counter()
        self.holders: dict[str, list[tuple[Execution, int]]] = {}
        self.succeeded: set[tuple[str, str | None, datetime]] = set()
        self.success_times: dict[tuple[str, str | None], set[datetime]] = {}
        self.fired: dict[tuple[str, str | None], set[datetime]] = {}
        """By series: the ticks that have had a run."""
        self.counts: Counter[str] = Counter()
        self.last: deque[tuple[float, datetime, str]] = deque(maxlen=LAST)
        self.epoch = 0
        self.leader = -1
        self.violations: list[Violation] = []
        self.past_is_settled: Any = lambda seen: True
        self.required_are_there: Any = lambda seen: True
        self._specs: dict[str, RunSpec] = {}
        self.now: Any = None
        self._time = 0.0
        self._admissions = count()

    @property
    def time(self) -> float:
        """The time on trio's clock, also after the end."""
        try:  # noqa: SIM105 - for speed: it is asked all the time
            self._time = trio.current_time()
        except RuntimeError:
            pass
        return self._time

    # -- telling -------------------------------------------------------------------------------------------

    def tell(self, text: str) -> None:
        """Note what happened, for whoever reads of a failure."""
        self.last.append((self.time, self.now(), text))

    def story(self) -> list[str]:
        """The last of what happened, a line each."""
        return [f"{time:14.3f} {now:%Y-%m-%dT%H:%M:%S.%f}  {text}" for time, now, text in self.last]

    def wrong(self, what: str, *names: str) -> None:
        """Note a violation; the seed ends at once."""
        self.tell(f"VIOLATION {what}")
        violation = Violation(what, *names)
        self.violations.append(violation)
        raise violation

    # -- what is committed ---------------------------------------------------------------------------------

    def committed(self, process: int, store: Any, name: str, arguments: tuple[Any, ...], answer: Any) -> None:
        """A method of the store, one of `WATCHED`, has done its work."""
        if name == "append":
            self._appended(arguments[0], answer)
        elif name == "settle":
            self._settled(process, store, arguments, answer)
        elif name == "create_run":
            if not isinstance(answer, LiveRunExists):
                self.created(store, arguments[0].run, answer)
        elif name == "admit":
            seen = self.runs.get(arguments[0])
            if answer.admitted and seen is not None and seen.admitted is None:
                seen.admitted = next(self._admissions)
        elif name == "lead":
            if answer is not None and (answer, process) != (self.epoch, self.leader):
                if answer <= self.epoch:
                    self.wrong(f"process {process} leads under epoch {answer}, after {self.epoch}")
                self.tell(f"process {process} leads, epoch {answer}")
                self.epoch, self.leader = answer, process
        elif name == "stop_leading" and self.leader == process:
            self.tell(f"process {process} stops leading")
            self.leader = -1

    def _settled(self, process: int, store: Any, arguments: tuple[Any, ...], answer: Any) -> None:
        epoch, settlements = arguments[0], arguments[1]
        if answer is None:
            self.counts["settlements refused: another leads"] += 1
            return
        if epoch != self.epoch or self.leader != process:
            self.wrong(
                f"process {process} has settled ticks under epoch {epoch}, but process {self.leader} leads "
                f"under {self.epoch}"
            )
        for settlement, settled in zip(settlements, answer, strict=True):
            if settled.is_stale:
                self.counts["settlements refused: stale"] += 1
                continue
            self._settlement(store, settlement, settled)

    def _settlement(self, store: Any, settlement: Settlement, settled: Settled) -> None:
        key = settlement.key
        made = {*settled.made, *settled.skipped}
        for new in settlement.runs:
            if new.run.id in made:
                self.created(store, new.run, new.run, skipped=new.run.id in settled.skipped)
                if new.run.id in settled.skipped:
                    made.discard(new.run.id)
        for run_id in settled.skipped:
            if run_id in made and (seen := self.runs[run_id]).ended is None:  # it was queued before
                self._ended(seen, RunState.SKIPPED)
        name = f"{key.workflow}/{key.series or ''}"
        for span in settlement.dropped:
            self.tell(f"{name} drops {span.count} ticks {span.first} to {span.last}: {span.reason}")
        for owed in settlement.owed:
            if not owed.sequence:
                for at in self.fired.get((key.workflow, key.series), ()):
                    if owed.after < at <= owed.until:
                        self.wrong(f"{name}: tick {at} has a run, and is owed as well", f" {name} ")
            self.tell(f"{name} owes {owed.left} ticks in ({owed.after}, {owed.until}]")
        self.tell(f"{name} settled to {settlement.cursor.position if settlement.cursor else None}")

    def created(self, store: Any, run: RunRecord, made: RunRecord, *, skipped: bool = False) -> None:
        """A run is in the store."""
        spec = self._specs.get(run.spec_hash)
        if spec is None:
            spec = self._specs[run.spec_hash] = spec_from_bytes(store.get_spec(run.spec_hash))
        seen = SeenRun(run, spec, trio.current_time(), next(self._admissions))
        self.runs[run.id] = seen
        if made.admitted:
            seen.admitted = next(self._admissions)
        self.counts[f"runs: {run.cause}"] += 1
        if seen.is_of_tick:
            self.fired.setdefault((run.workflow, run.series), set()).add(run.logical_time)
        self.tell(
            f"run {run.id} of {run.workflow}/{run.series or ''} for {run.logical_time} ({run.cause})"
            f"{' skipped' if skipped else ''}"
        )
        if skipped:
            seen.ended, seen.state = seen.created, RunState.SKIPPED
            self.counts["ended: skipped"] += 1
        else:
            self.live.setdefault(run.workflow, {})[run.id] = seen

    def _appended(self, transitions: Sequence[Transition], answers: Sequence[int | None]) -> None:
        for transition, answer in zip(transitions, answers, strict=True):
            if answer is None:
                self.counts["facts refused: another owns the run"] += 1
                continue
            seen = self.runs[transition.run_id]
            for event in transition.events:
                self._event(seen, event)

    def _event(self, seen: SeenRun, event: ev.RunEvent) -> None:
        kind = type(event)
        if kind is ev.AttemptStarted:
            if seen.cancelled is not None:
                self.wrong(f"run {seen.record.id} starts an attempt after its cancel", seen.record.id)
            seen.on_record.add((event.task, event.key, event.attempt))
            return
        if kind is ev.AttemptFinished:
            unit = (event.task, event.key)
            if event.outcome in (Outcome.FAILED, Outcome.TIMED_OUT):
                seen.failed[unit] += 1
                task = seen.spec.task(event.task)
                if seen.failed[unit] > task.retry.attempts:
                    self.wrong(
                        f"task {event.task} of run {seen.record.id} has failed {seen.failed[unit]} times, of "
                        f"{task.retry.attempts} attempts",
                        seen.record.id,
                    )
            seen.lost[unit] = 0
        elif kind is ev.AttemptLost:
            unit = (event.task, event.key)
            seen.lost[unit] += 1
            self.counts["attempts lost"] += 1
        elif kind is ev.RunStarted:
            seen.state, seen.wall_started = RunState.RUNNING, event.at
        elif kind is ev.CancelRequested:
            if seen.cancelled is None:
                seen.cancelled = trio.current_time()
        elif kind is ev.RunTimedOut:
            seen.cancelled = trio.current_time()
        elif kind is ev.RunFinished:
            self._ended(seen, event.state)
        self.tell(f"run {seen.record.id} {kind.__name__} {_short(event)}")

    def _ended(self, seen: SeenRun, state: RunState) -> None:
        run = seen.record
        if seen.ended is not None:
            self.wrong(f"run {run.id} ends twice: {seen.state}, {state}", run.id)
        if seen.executing:
            self.wrong(f"run {run.id} has ended while {seen.executing} of its attempts are executed", run.id)
        seen.ended, seen.state = trio.current_time(), state
        self.counts[f"ended: {state}"] += 1
        self.live[run.workflow].pop(run.id, None)
        self.active.get(run.workflow, {}).pop(run.id, None)
        if run.lock is not None and self.locked.get(run.lock) is seen:
            del self.locked[run.lock]
        if state is RunState.SUCCEEDED and run.counts:
            self.success_times.setdefault((run.workflow, run.series), set()).add(run.logical_time)

    # -- what is executed ----------------------------------------------------------------------------------

    def begins(
        self, run_id: str, task: str, key: str | None, attempt: int, token: str, process: int
    ) -> Execution:
        """An attempt begins: check everything that must hold then."""
        seen = self.runs[run_id]
        spec = seen.spec.task(task)
        run = seen.record
        self.counts["attempts"] += 1
        self.tell(f"process {process} executes {run_id}/{task}#{attempt} of {run.workflow}")
        if (task, key, attempt) not in seen.on_record:
            self.wrong(f"{run_id}/{task}#{attempt} is executed and not on record", run_id)
        if seen.ended is not None:
            self.wrong(f"{run_id}/{task}#{attempt} is executed after the end of its run", run_id)
        if seen.cancelled is not None and seen.cancelled < trio.current_time():
            self.wrong(f"{run_id}/{task}#{attempt} is executed after the cancel of its run", run_id)
        unit = (task, key)
        if seen.lost[unit] and spec.on_lost == "fail":
            self.wrong(f"{run_id}/{task}#{attempt} is executed after one was lost, with on_lost fail", run_id)
        for other in self.executing.values():
            if other.run is seen and (other.task, other.key) == unit:
                self.wrong(f"{run_id}/{task}#{attempt} begins while #{other.attempt} is still there", run_id)
        if seen.started is None:
            self._begins_run(seen)
        execution = Execution(seen, task, key, attempt, token, process, trio.current_time(), 0.0)
        self._take(execution, spec.pool, spec.pool_slots, seen.spec.pools.get(spec.pool or "", 0))
        if spec.lock is not None:
            self._take(execution, f"lock/{spec.lock['known']}", 1, 1)
        seen.executing += 1
        self.executing[token] = execution
        self.in_process[process] += 1
        return execution

    def _take(self, execution: Execution, pool: str | None, slots: int, size: int) -> None:
        if pool is None:
            return
        holders = self.holders.setdefault(pool, [])
        used = sum(number for _, number in holders)
        if used + slots > size:
            names = [f"{one.run.record.id}/{one.task}#{one.attempt}" for one, _ in holders]
            self.wrong(
                f"{execution.run.record.id}/{execution.task}#{execution.attempt} takes {slots} of pool {pool}, of "
                f"which {used} of {size} are taken by {', '.join(names)}",
                execution.run.record.id,
                *(one.run.record.id for one, _ in holders),
            )
        holders.append((execution, slots))

    def ends(self, execution: Execution) -> None:
        """Nothing is left of an attempt."""
        if execution.ended is not None:
            return
        execution.ended = trio.current_time()
        execution.run.executing -= 1
        del self.executing[execution.token]
        self.in_process[execution.process] -= 1
        spec = execution.run.spec.task(execution.task)
        for pool in (spec.pool, f"lock/{spec.lock['known']}" if spec.lock else None):
            if pool is not None:
                self.holders[pool] = [one for one in self.holders[pool] if one[0] is not execution]

    def _begins_run(self, seen: SeenRun) -> None:
        """The first attempt of a run begins: the limits of its workflow must allow it."""
        run, policy = seen.record, seen.policy
        seen.started = trio.current_time()
        active = self.active.setdefault(run.workflow, {})
        active[run.id] = seen
        for one in active.values():
            self._is_within_limits(one, [other for other in active.values() if _was_before(other, one)])
        if seen.is_of_tick and policy.overlap in (Overlap.QUEUE, Overlap.CANCEL):
            for one in self.live[run.workflow].values():
                is_older = one.is_of_tick and one.record.logical_time < run.logical_time
                if is_older and one.admitted is None and one.place < (seen.admitted or 0):
                    self.wrong(
                        f"run {run.id} of {run.workflow} starts before {one.record.id}, which is older",
                        run.id,
                        one.record.id,
                    )
        if policy.depends_on_past and not self.past_is_settled(seen):
            self.wrong(f"run {run.id} of {run.workflow} starts, but its past has not succeeded", run.id)
        if policy.requires and not self.required_are_there(seen):
            self.wrong(f"run {run.id} of {run.workflow} starts, but what it requires is not there", run.id)
        if run.lock is not None:
            holder = self.locked.get(run.lock)
            if holder is not None:
                self.wrong(
                    f"run {run.id} starts while {holder.record.id} holds the lock {run.lock}",
                    run.id,
                    holder.record.id,
                )
            self.locked[run.lock] = seen

    def _is_within_limits(self, seen: SeenRun, before: Sequence[SeenRun]) -> None:
        """A run may be active beside those that were admitted before it."""
        run, policy = seen.record, seen.policy
        names = (run.id, *(one.record.id for one in before))
        if policy.max_active_runs is not None and len(before) >= policy.max_active_runs:
            self.wrong(
                f"run {run.id} of {run.workflow} is active beside {len(before)} others; max_active_runs is "
                f"{policy.max_active_runs}",
                *names,
            )
        if seen.is_of_tick and policy.overlap is not Overlap.ALLOW and any(one.is_of_tick for one in before):
            self.wrong(
                f"run {run.id} of {run.workflow} is active beside others; overlap is {policy.overlap}", *names
            )


def _was_before(other: SeenRun, one: SeenRun) -> bool:
    assert other.admitted is not None
    assert one.admitted is not None
    return other.admitted < one.admitted


def _short(event: ev.RunEvent) -> str:
    fields: Mapping[str, Any] = {
        name: getattr(event, name)
        for name in ("task", "attempt", "outcome", "state", "reason", "owner", "not_before")
        if getattr(event, name, None) is not None
    }
    return " ".join(f"{name}={value}" for name, value in fields.items())


__all__ = ["Execution", "NewRun", "SeenRun", "Violation", "Watcher"]
