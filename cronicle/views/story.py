"""A run replayed, and what its tasks have to tell: why each ran, waits, failed or was skipped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from attrs import field, frozen

from cronicle.names import task_label
from cronicle.runs import events as ev
from cronicle.runs import obstacles as ob
from cronicle.runs.ends import end_of
from cronicle.runs.machine import IllegalEventError, RunMachine
from cronicle.runs.spec import TaskSpec
from cronicle.runs.states import Outcome, Reason, TaskState
from cronicle.runs.units import Unit, UnitId
from cronicle.store.interface import StoreError
from cronicle.store.reading import StoreReader
from cronicle.store.records import AttemptRecord, RunRecord
from cronicle.views.details import read_spec
from cronicle.views.words import (
    duration,
    ending,
    local_time,
    moment,
    plural,
    reason_text,
    relative,
)
from dag.frontier import End

MOST_NAMED = 5
"""Tasks that are named one by one; of more the number."""


@frozen(kw_only=True)
class Story:
    """A run replayed, with all that is told of it."""

    store: StoreReader
    run: RunRecord
    machine: RunMachine
    events: tuple[ev.RunEvent, ...]
    attempts: tuple[AttemptRecord, ...]
    now: datetime
    told: set[UnitId] = field(factory=set)
    """Units whose chain has been told, so that none is told twice."""

    @classmethod
    def of(cls, store: StoreReader, run: RunRecord, now: datetime) -> Story:
        """The story of a run; `StoreError` if its history contradicts itself."""
        spec, events = read_spec(store, run.spec_hash), store.get_events(run.id)
        try:
            machine = RunMachine.replay(spec, events)
        except (IllegalEventError, KeyError) as error:
            raise StoreError(
                f"The history of run {run.id} contradicts itself: {error}.",
                "Put a backup of the store in its place; every other run can be used as before.",
            ) from error
        attempts = store.list_attempts(run.id)
        return cls(store=store, run=run, machine=machine, events=events, attempts=attempts, now=now)

    def unit(self, unit_id: UnitId) -> Unit:
        """A unit; of an instance that does not exist yet the whole of its task."""
        return self.machine.units.get(unit_id) or self.machine.units[unit_id[0], None]

    def address(self, unit_id: UnitId) -> str:
        """How a task of this run is written on the command line."""
        text = f"{self.run.id}/{task_label(*unit_id)}"
        return f"'{text}'" if unit_id[1] is not None else text

    def attempts_of(self, unit_id: UnitId) -> list[AttemptRecord]:
        """The attempts of a unit, in order."""
        return [one for one in self.attempts if (one.task, one.key) == unit_id]

    def leaves(self) -> list[Unit]:
        """What was or will be executed: instances, and tasks that have none."""
        found = []
        for task in self.machine.spec.tasks:
            group = self.machine.groups.get(task.name)
            keys: list[str | None] = list(group.instances) if group else []
            found += [self.machine.units[task.name, key] for key in keys or [None]]
        return found

    def failed_units(self) -> list[Unit]:
        """The units whose failure is that of the run; all that failed, if those are none."""
        failed = [unit for unit in self.leaves() if unit.state is TaskState.FAILED]
        grave = [unit for unit in failed if not self.machine.task_spec(unit.id[0]).allow_failure]
        return grave or failed

    def is_driven(self) -> bool:
        """True if a process drives the run."""
        return self.run.owner is not None and self.store.is_alive(self.run.owner)

    def skipped_below(self) -> Iterator[str]:
        """What did not run because of the failures."""
        skipped = [
            task_label(*unit.id)
            for unit in self.leaves()
            if unit.state is TaskState.SKIPPED and unit.reason == Reason.UPSTREAM_FAILED
        ]
        if skipped:
            yield f"{some_of(skipped)} did not run: below what failed"

    def open_tasks(self) -> Iterator[str]:
        """The tasks that have not ended, those that are at work first."""
        units = [unit for unit in self.leaves() if not unit.ended]
        units.sort(key=lambda unit: (not unit.live, unit.state is TaskState.WAITING))
        for unit in units[:MOST_NAMED]:
            yield self.chain(unit)[0]
        if len(units) > MOST_NAMED:
            yield f"{len(units) - MOST_NAMED:,} more have not ended"

    def cancels(self) -> Iterator[str]:
        """Who asked for the end of the run."""
        for event in self.events:
            if isinstance(event, ev.CancelRequested):
                why = f": {event.reason}" if event.reason else ""
                when = moment(event.at, self.run.timezone, self.now)
                yield f"{event.by} asked for its end, {when}{why}"
                return

    def marked(self) -> Iterator[str]:
        """Who has set the outcome by hand, and why."""
        for event in self.events:
            if isinstance(event, ev.RunMarked):
                when = moment(event.at, self.run.timezone, self.now)
                yield f"{event.by} marked it as {event.state}, {when}: {event.reason}; nothing was executed"

    def timed_out(self) -> Iterator[str]:
        """When the time of the run was over."""
        for event in self.events:
            if isinstance(event, ev.RunTimedOut):
                limit = duration(self.machine.spec.timeout)
                yield f"its time was over {moment(event.at, self.run.timezone, self.now)}, {limit} after its start"

    def chain(self, unit: Unit) -> list[str]:
        """Why a unit is where it is, and what that follows from."""
        self.told.add(unit.id)
        label, spec = task_label(*unit.id), self.machine.task_spec(unit.id[0])
        if unit.carried_from:
            return [self._carried(unit, label)]
        match unit.state:
            case TaskState.SUCCEEDED:
                return [self._succeeded(unit, label, spec)]
            case TaskState.FAILED:
                return self._failed(unit, label, spec)
            case TaskState.SKIPPED:
                return self._skipped(unit, label, spec)
            case TaskState.CANCELLED:
                started = "was cancelled while it ran" if self.attempts_of(unit.id) else "did not run"
                if unit.reason == Reason.RUN_TIMED_OUT:
                    started = "was ended while it ran" if self.attempts_of(unit.id) else "did not run"
                    return [f"{label} {started}: {reason_text(unit.reason)}", *self.timed_out()]
                return [f"{label} {started}: the run was cancelled", *self.cancels()]
        return self._open(unit, label)

    def _carried(self, unit: Unit, label: str) -> str:
        where = f"run {unit.carried_from}"
        if unit.state is TaskState.FAILED:
            never = ', and it says rerun = "never"' if self._is_never(unit) else ""
            return (
                f"{label} failed in {where} after it had begun, so that it may have done its work{never}: "
                "it was not executed in this run"
            )
        if unit.reason == Reason.REUSED:
            return f"{label} was not executed in this run: {where} had done the same for its logical time (reuse)"
        if unit.reason == Reason.SAME_INPUTS:
            return (
                f"{label} was not executed in this run: what was executed above it has come to the same as before, "
                f"so that what {where} had done stands"
            )
        if unit.reason == Reason.RERUN_NEVER:
            return f'{label} was not executed in this run: it succeeded in {where}, and says rerun = "never"'
        return f"{label} was not executed in this run: its result is carried over from {where}"

    def _is_never(self, unit: Unit) -> bool:
        return self.machine.task_spec(unit.id[0]).rerun == "never"

    def _succeeded(self, unit: Unit, label: str, spec: TaskSpec) -> str:
        attempts = self.attempts_of(unit.id)
        if not attempts:
            return f"{label} succeeded" + (
                " with no instances" if self.machine.groups.get(unit.id[0]) else ""
            )
        start, end = attempts[-1].started_at, attempts[-1].ended_at or self.now
        rule = f"; its trigger rule {spec.trigger_rule} was met" if spec.upstreams else ""
        asked = _times_asked(attempts)
        tries = f"{len(attempts) - asked} of {spec.retry.attempts}" + _after_asking(asked)
        return (
            f"{label} ran and succeeded at attempt {tries}"
            f" on {attempts[-1].host}, in {duration((end - start).total_seconds())}{rule}"
        )

    def _failed(self, unit: Unit, label: str, spec: TaskSpec) -> list[str]:
        attempts = self.attempts_of(unit.id)
        tolerated = "; that does not fail the run (allow_failure)" if spec.allow_failure else ""
        if attempts and unit.reason == Reason.WAIT_TIMED_OUT:
            return [f"{label} failed: {self._gave_up(spec, attempts)}{tolerated}"]
        if attempts:
            last = attempts[-1]
            asked = _times_asked(attempts)
            number = f", attempt {last.attempt - asked} of {spec.retry.attempts}"
            tries = (number if spec.retry.attempts > 1 else "") + _after_asking(asked)
            detail = f": {last.detail}" if last.detail and last.detail != ending(last) else ""
            return [f"{label} failed: {ending(last)}{tries}{detail}{tolerated}"]
        for event in self.events:
            if isinstance(event, ev.EvaluationFailed) and (event.task, event.key) == unit.id:
                return [f"{label} failed: {event.detail or reason_text(event.reason)}{tolerated}"]
        instances = self._bad_instances(unit)
        lines = [f"{label} failed: {some_of([task_label(*one.id) for one in instances])} failed{tolerated}"]
        for one in instances[:MOST_NAMED]:
            lines += self._once(one)
        return lines

    def _skipped(self, unit: Unit, label: str, spec: TaskSpec) -> list[str]:
        if unit.reason == Reason.EXIT_CODE:
            return [f"{label} skipped itself: it ended with its skip_exit_code {spec.skip_exit_code}"]
        if unit.reason == Reason.WAIT_TIMED_OUT:
            return [f"{label} was skipped: {self._gave_up(spec, self.attempts_of(unit.id))}"]
        if unit.reason not in (Reason.UPSTREAM_FAILED, Reason.UPSTREAM_SKIPPED):
            return [f"{label} did not run: {reason_text(unit.reason) or 'all its instances were skipped'}"]
        wanted = End.BAD if unit.reason == Reason.UPSTREAM_FAILED else End.SKIPPED
        culprits = [up for up in self._upstreams(spec) if self._end(up) is wanted]
        verb = "failed" if wanted is End.BAD else "was skipped"
        if all(up.state is TaskState.SKIPPED for up in culprits):
            verb = "was skipped"
        shown = [one for up in culprits for one in (self._bad_instances(up) or [up])]
        names = some_of([task_label(*up.id) for up in shown])
        many = "upstreams" if len(shown) > 1 else "upstream"
        verb = verb.replace("was", "were") if len(shown) > 1 else verb
        lines = [f"{label} did not run: its {many} {names} {verb} (trigger rule {spec.trigger_rule})"]
        for up in shown[:MOST_NAMED]:
            lines += self._once(up)
        return lines

    def _open(self, unit: Unit, label: str) -> list[str]:
        lines, below = [], []
        for obstacle in self.machine.explain(*unit.id, self.now):
            lines.append(f"{label} {self._obstacle(unit, obstacle)}")
            if isinstance(obstacle, ob.UpstreamsOpen):
                below = [self.unit(up) for up in obstacle.upstreams]
            elif isinstance(obstacle, ob.InstancesOpen):
                below = [self.unit((unit.id[0], key)) for key in obstacle.keys]
        for one in below[:MOST_NAMED]:
            lines += self._once(one)
        return lines

    def _obstacle(self, unit: Unit, obstacle: ob.Obstacle) -> str:
        zone = self.run.timezone
        match obstacle:
            case ob.RunNotStarted():
                return "waits: its run has not started"
            case ob.UpstreamsOpen():
                names = some_of([task_label(*up) for up in obstacle.upstreams])
                return f"waits for {names} (trigger rule {obstacle.trigger_rule})"
            case ob.InstancesOpen():
                return f"goes on: {plural(len(obstacle.keys), 'instance')} not ended"
            case ob.EvaluationPending():
                name = "for_each" if obstacle.question == "instances" else "when"
                return f"waits: its `{name}` is to be evaluated"
            case ob.BackingOff():
                last = self.attempts_of(unit.id)
                failed = f", after {ending(last[-1])}" if last else ""
                until = f"{local_time(obstacle.until, zone)} ({relative(obstacle.until, self.now)})"
                if obstacle.asks_again:
                    end = obstacle.asks_until
                    gives_up = f", and gives up {local_time(end, zone)}" if end else ""
                    return f"waits: not yet there{_after_asking(len(last))}; asks again {until}{gives_up}"
                return f"backs off until {until}, then comes attempt {obstacle.attempt}{failed}"
            case ob.PoolSlotsNeeded():
                return f"waits for {plural(obstacle.slots, 'slot')} of pool {obstacle.pool}"
            case ob.LockNeeded():
                return "waits for its lock" + (f" {obstacle.lock!r}" if obstacle.lock is not None else "")
            case ob.MaxParallelReached():
                return f"waits: {obstacle.limit} run already, which is the workflow's max_parallel"
            case ob.AttemptRunning():
                attempts = self.attempts_of(unit.id)
                since = f" since {moment(attempts[-1].started_at, zone, self.now)}" if attempts else ""
                return f"is running, attempt {obstacle.attempt}{since}"
            case ob.ProcessSlotNeeded():
                return "is ready: it starts when the process of its run has a free slot"
            case ob.HasEnded():
                return f"has ended: {obstacle.state}"

    def _gave_up(self, spec: TaskSpec, attempts: list[AttemptRecord]) -> str:
        limit = f" within {duration(spec.wait.timeout)}" if spec.wait else ""
        return f"what it waits for was not there{limit}{_after_asking(_times_asked(attempts))}"

    def _once(self, unit: Unit) -> list[str]:
        return [] if unit.id in self.told else self.chain(unit)

    def _upstreams(self, spec: TaskSpec) -> list[Unit]:
        return [self.unit((up.task, up.key)) for up in spec.upstreams]

    def _end(self, unit: Unit) -> End | None:
        if not unit.ended:
            return None
        return end_of(unit.state, unit.reason, self.machine.task_spec(unit.id[0]).allow_failure)

    def _bad_instances(self, unit: Unit) -> list[Unit]:
        """The failed instances of a `for_each` task as a whole."""
        task, key = unit.id
        group = self.machine.groups.get(task) if key is None else None
        units = [self.machine.units[task, one] for one in group.instances] if group else []
        return [one for one in units if one.state is TaskState.FAILED]


def _times_asked(attempts: list[AttemptRecord]) -> int:
    """How many attempts were told that what the task waits for is not there yet."""
    return sum(one.outcome is Outcome.NOT_YET for one in attempts)


def _after_asking(times: int) -> str:
    return f", after asking {plural(times, 'time')}" if times else ""


def some_of(names: list[str]) -> str:
    """Names with commas; of many the first few and how many there are."""
    if len(names) > MOST_NAMED:
        return ", ".join(names[:MOST_NAMED]) + f" and {len(names) - MOST_NAMED:,} more"
    return ", ".join(names)
