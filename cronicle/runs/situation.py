"""Where a run is: its state, that of its tasks, and all that can be asked about it.

`RunMachine` moves a situation by facts; everything here only reads. What waits for its turn is in `agenda`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import define

from cronicle.runs.actions import Action, KillAttempt, TimeOutRun, WakeAt
from cronicle.runs.agenda import Agenda
from cronicle.runs.hooks import HookRuns
from cronicle.runs.spec import RunSpec, TaskSpec
from cronicle.runs.states import LIVE, RunState, TaskState
from cronicle.runs.units import Unit, UnitId
from dag.frontier import Frontier, JoinRule

if TYPE_CHECKING:
    from cronicle.runs import obstacles as ob
    from cronicle.runs.events import PreviousFound

NO_LIMIT = 1 << 30


@define(eq=False, repr=False)
class Group:
    """The instances of one `for_each` task."""

    instances: Mapping[str, Any]
    """Key to value, in their order."""
    open: int
    """How many of them have not ended."""


class Situation:
    """One run at one moment."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.run_id = ""
        self.named: frozenset[str] = frozenset()
        """Tasks that are executed whatever an earlier run has done."""
        self.remakes: str | None = None
        """The run whose stale tasks it makes anew."""
        self.state = RunState.QUEUED
        self.reason: str | None = None
        self.cancel_requested = False
        self.timed_out = False
        self.stopping = False
        """True once it was cancelled or has timed out: nothing starts any more."""
        self.ends_at: datetime | None = None
        """When the workflow's `timeout` is over; None before the start, and without one."""
        self.units: dict[UnitId, Unit] = {(task.name, None): Unit((task.name, None)) for task in spec.tasks}
        self.groups: dict[str, Group] = {}
        self.hooks = HookRuns()
        self.previous: PreviousFound | None = None
        """What `previous` stands for; None before that was asked, and where nobody wants to know."""
        self._tasks: dict[str, TaskSpec] = {task.name: task for task in spec.tasks}
        self._watched: dict[str, dict[str, None]] = {}  # task -> its keys that another task waits for by name
        for task in spec.tasks:
            for upstream in task.upstreams:
                if upstream.key is not None:
                    self._watched.setdefault(upstream.task, {})[upstream.key] = None
        self._frontier: Frontier[UnitId] = Frontier(
            {(t.name, None): tuple((up.task, up.key) for up in t.upstreams) for t in spec.tasks},
            {(t.name, None): JoinRule(t.trigger_rule) for t in spec.tasks},
        )
        self._agenda = Agenda()
        self._running: dict[UnitId, Unit] = {}
        self._open_tasks = len(spec.tasks)

    @property
    def finished(self) -> bool:
        """True once the run has ended; its state never changes after that."""
        return self.state not in LIVE

    @property
    def live_attempts(self) -> int:
        """How many attempts are running."""
        return len(self._running)

    @property
    def edges_seen(self) -> int:
        """How many edges have been looked at; at the end of a run, each of them once."""
        return self._frontier.edges_seen

    def task_spec(self, name: str) -> TaskSpec:
        """The spec of a task; KeyError if there is none of that name."""
        return self._tasks[name]

    def outputs_of(self, task: str) -> Mapping[str, Any] | Mapping[str, Mapping[str, Any]]:
        """The outputs of a task; of a `for_each` task a map from key to outputs."""
        group = self.groups.get(task)
        if group is None:
            return self.units[task, None].output
        return {key: self.units[task, key].output for key in group.instances}

    def has_live_attempt(self, task: str, key: str | None, attempt: int) -> bool:
        """True if this very attempt is running."""
        unit = self._running.get((task, key))
        return unit is not None and unit.attempt == attempt

    def needs_grant(self, task: str, key: str | None, attempt: int) -> bool:
        """True if the task's lock or slots of its pool are wanted for this attempt and have not been granted."""
        unit = self.units.get((task, key))
        if unit is None or unit.attempt + 1 != attempt or unit.slot_granted or unit.id not in self._agenda:
            return False
        spec = self._tasks[task]
        return spec.pool is not None or spec.lock is not None

    def running_units(self) -> Iterator[Unit]:
        """The units that have an attempt running, in the order in which these started."""
        return iter(tuple(self._running.values()))

    def waiting_for(self, task: str) -> tuple[UnitId, ...]:
        """The upstreams of a task that have not ended."""
        upstreams = ((up.task, up.key) for up in self._tasks[task].upstreams)
        return tuple(upstream for upstream in upstreams if not self._frontier.is_finished(upstream))

    def explain(self, task: str, key: str | None, now: datetime) -> tuple[ob.Obstacle, ...]:
        """Why a task, or an instance of it, has not started: all that stands in its way at this moment.

        An instance that does not exist yet waits for what its task waits for. KeyError for an unknown task.
        """
        from cronicle.runs import obstacles as ob  # driving a run needs none

        unit = self.units.get((task, key)) or self.units[task, None]
        if unit.ended:
            return (ob.HasEnded(unit.state, unit.reason),)
        if unit.live:
            return (ob.AttemptRunning(unit.attempt),)
        if self.state is RunState.QUEUED:
            return (ob.RunNotStarted(),)
        spec = self._tasks[task]
        if unit.state is TaskState.WAITING:
            return (ob.UpstreamsOpen(spec.trigger_rule, self.waiting_for(task)),)
        if question := self._agenda.questions.get(unit.id):
            return (ob.EvaluationPending(question),)
        if unit.id[1] is None and (group := self.groups.get(task)):
            return (ob.InstancesOpen(tuple(k for k in group.instances if not self.units[task, k].ended)),)
        found: list[ob.Obstacle] = []
        if unit.not_before is not None and unit.not_before > now:
            found.append(ob.BackingOff(unit.not_before, unit.attempt + 1, unit.asks_again, unit.asks_until))
        if spec.lock is not None and not unit.slot_granted:
            found.append(ob.LockNeeded(spec.lock.get("known")))
        if spec.pool is not None and not unit.slot_granted:
            found.append(ob.PoolSlotsNeeded(spec.pool, spec.pool_slots))
        if self._room <= 0 and self.spec.max_parallel is not None:
            found.append(ob.MaxParallelReached(self.spec.max_parallel))
        return tuple(found) or (ob.ProcessSlotNeeded(),)

    # -- what is to be done --------------------------------------------------------------------------------

    def next_actions(self, now: datetime, slots: int = NO_LIMIT) -> tuple[Action, ...]:
        """What is to be done now; at most `slots` attempts are to be started.

        Starts come by priority, then in the order in which tasks became ready. With a slot to spare, nothing to
        do and no attempt running, there is a `WakeAt`, or the run has finished.
        """
        if self.stopping:
            return tuple(KillAttempt(*unit.id, unit.attempt) for unit in self._running.values())
        if self.state is not RunState.RUNNING:
            return ()
        actions = tuple(self._agenda.actions(now, min(slots, self._room), self.units, self._tasks))
        return actions if self.ends_at is None else _until(self.ends_at, now, actions)

    @property
    def _room(self) -> int:
        """How many more attempts `max_parallel` allows."""
        limit = self.spec.max_parallel
        return NO_LIMIT if limit is None else limit - len(self._running)


def _until(ends_at: datetime, now: datetime, actions: tuple[Action, ...]) -> tuple[Action, ...]:
    """What is to be done in a run that must have ended by an instant."""
    if now >= ends_at:
        return (TimeOutRun(),)
    wakes = [action.at for action in actions if isinstance(action, WakeAt)]
    return (*(action for action in actions if not isinstance(action, WakeAt)), WakeAt(min([ends_at, *wakes])))
