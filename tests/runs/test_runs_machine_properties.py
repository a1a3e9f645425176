"""The nine properties of the run machine, over generated workflows and orders of events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from runs_worlds import KEYS, START, Driver, Oracle, finished, run_specs, snapshot, started

from cronicle.runs import events as ev
from cronicle.runs.actions import (
    EvaluateTask,
    GiveUpWaiting,
    KillAttempt,
    Question,
    RequestSlot,
    StartAttempt,
    TimeOutRun,
    WakeAt,
)
from cronicle.runs.machine import IllegalEventError, RunMachine
from cronicle.runs.states import Outcome, RunState, TaskState
from cronicle.runs.units import TRANSITIONS

OUTCOMES = st.sampled_from([Outcome.SUCCEEDED] * 3 + [Outcome.FAILED, Outcome.TIMED_OUT, Outcome.SKIPPED])


class Runs(RuleBasedStateMachine):
    """A world of one run: processes that end as they like, two pools, and a clock that jumps."""

    @initialize(spec=run_specs(), data=st.data())
    def make(self, spec: Any, data: Any) -> None:
        before = []
        for one in spec.tasks:
            match data.draw(st.sampled_from(["run"] * 8 + ["exclude", "carry"]), label=f"{one.name} is to"):
                case "exclude":
                    before.append(ev.TasksExcluded(at=START, tasks=(one.name,)))
                case "carry":
                    if one.for_each is not None:
                        keys = data.draw(st.lists(st.sampled_from((*KEYS, "gone")), unique=True))
                        before += [carried(one.name, key, data.draw(ends)) for key in keys]
                    if one.for_each is None or data.draw(st.booleans()):
                        before.append(carried(one.name, None, data.draw(ends)))
        self.driver = Driver(spec, *before, start=False)
        self.machine = self.driver.machine
        self.spec = spec
        self.now = START
        self.slots_held: dict[tuple[str, str | None], tuple[str | None, int, bool]] = {}
        self.ended: dict[Any, Any] = {}
        self.started_after_cancel = False

    def take(self, event: ev.RunEvent) -> None:
        cancelled = self.machine.stopping
        for recorded in self.driver.take(event):
            self.started_after_cancel |= cancelled and isinstance(
                recorded, ev.AttemptStarted | ev.TasksReady | ev.InstancesExpanded | ev.RetryScheduled
            )
        for unit in self.machine.units.values():  # the pool takes back what is no longer held
            if not (unit.live or unit.slot_granted):
                self.slots_held.pop(unit.id, None)

    def perform(self, action: Any, choice: int = 0) -> None:
        if choice == 9 and isinstance(action, EvaluateTask | RequestSlot | StartAttempt):
            unit = self.machine.units[action.task, action.key]
            is_whole = action.key is None and self.spec.task(action.task).for_each is not None
            if not unit.attempt and not is_whole:  # what is above it has come to the same
                self.take(
                    ev.TaskCarriedOver(
                        at=self.now,
                        task=action.task,
                        key=action.key,
                        from_run="BEFORE",
                        reason="same_inputs",
                    )
                )
                return
        match action:
            case EvaluateTask(name, None, Question.INSTANCES):
                keys = KEYS[: choice % 4]
                self.take(ev.InstancesExpanded(at=self.now, task=name, instances=dict.fromkeys(keys, 1)))
            case EvaluateTask(name, key, Question.CONDITION):
                self.take(ev.ConditionEvaluated(at=self.now, task=name, key=key, condition=choice % 3 > 0))
            case RequestSlot(name, key, attempt, pool, slots, _, has_lock):
                held = sum(n for p, n, _ in self.slots_held.values() if p == pool)
                is_locked = has_lock and any(locked for _, _, locked in self.slots_held.values())
                if has_lock and choice == 11:
                    self.take(
                        ev.EvaluationFailed(
                            at=self.now, task=name, key=key, reason="bad_reference", detail=""
                        )
                    )
                elif not is_locked and (pool is None or held + slots <= self.spec.pools[pool]):
                    self.slots_held[name, key] = (pool, slots, has_lock)
                    self.take(ev.SlotGranted(at=self.now, task=name, key=key, attempt=attempt))
            case StartAttempt(name, key, attempt):
                self.check_rule_is_met(name)
                self.take(started(name, key, attempt, self.now))
            case KillAttempt(name, key, attempt):
                self.take(finished(name, key, attempt, Outcome.CANCELLED, self.now))
            case GiveUpWaiting(name, key):
                self.take(ev.WaitTimedOut(at=self.now, task=name, key=key))
            case TimeOutRun():
                self.take(ev.RunTimedOut(at=self.now))
            case WakeAt(at):
                assert at > self.now
                self.now = at

    def check_rule_is_met(self, name: str) -> None:
        """Property 3: an attempt starts only when each upstream satisfies the task's trigger rule."""
        one = self.spec.task(name)
        looks = [self.look(up.task, up.key) for up in one.upstreams]
        assert {
            "all_succeeded": set(looks) <= {"good"},
            "none_failed": not {"bad", "open"} & set(looks),
            "all_done": "open" not in looks,
            "any_succeeded": "good" in looks,
            "any_failed": "bad" in looks,
        }[one.trigger_rule]

    def look(self, name: str, key: str | None) -> str:
        unit = self.machine.units.get((name, key))
        if unit is None:
            if name in self.machine.groups:
                return "bad"
            unit = self.machine.units[name, None]
        if not unit.ended:
            return "open"
        if unit.state is TaskState.FAILED:
            return "good" if self.spec.task(name).allow_failure else "bad"
        if unit.state is TaskState.SKIPPED and unit.reason != "not_selected":
            return "bad" if unit.reason == "upstream_failed" else "skipped"
        return "good"

    # -- what can happen ---------------------------------------------------------------------------------------

    @precondition(lambda self: self.machine.state is RunState.QUEUED)
    @rule()
    def admit(self) -> None:
        self.take(ev.RunStarted(at=self.now))

    @precondition(lambda self: self.machine.next_actions(self.now))
    @rule(data=st.data(), choice=st.integers(0, 11))
    def obey(self, data: Any, choice: int) -> None:
        self.perform(data.draw(st.sampled_from(self.machine.next_actions(self.now))), choice)

    @precondition(lambda self: self.machine.live_attempts)
    @rule(
        data=st.data(),
        outcome=OUTCOMES,
        code=st.integers(1, 2),
        reason=st.sampled_from(["exit_code"] * 4 + ["bad_reference"]),
    )
    def end_attempt(self, data: Any, outcome: Outcome, code: int, reason: str) -> None:
        unit = data.draw(st.sampled_from(list(self.machine.running_units())))
        why = {"reason": reason, "exit_code": code} if outcome is Outcome.FAILED else {}
        self.take(finished(*unit.id, unit.attempt, outcome, self.now, **why))

    @precondition(lambda self: any(self.spec.task(u.id[0]).wait for u in self.machine.running_units()))
    @rule(data=st.data())
    def ask_again(self, data: Any) -> None:
        units = [unit for unit in self.machine.running_units() if self.spec.task(unit.id[0]).wait]
        unit = data.draw(st.sampled_from(units))
        self.take(finished(*unit.id, unit.attempt, Outcome.NOT_YET, self.now))

    @precondition(lambda self: self.machine.live_attempts)
    @rule(data=st.data())
    def lose_attempt(self, data: Any) -> None:
        unit = data.draw(st.sampled_from(list(self.machine.running_units())))
        self.take(ev.AttemptLost(at=self.now, task=unit.id[0], key=unit.id[1], attempt=unit.attempt))

    @precondition(lambda self: any(unit.attempt for unit in self.machine.units.values()))
    @rule(data=st.data(), outcome=OUTCOMES)
    def report_late(self, data: Any, outcome: Outcome) -> None:
        """Property 4: a report of an older attempt changes nothing."""
        unit = data.draw(st.sampled_from([unit for unit in self.machine.units.values() if unit.attempt]))
        attempt = data.draw(st.integers(1, unit.attempt))
        if unit.live and attempt == unit.attempt:
            attempt -= 1
        if not attempt:
            return
        before = snapshot(self.machine)
        for event in (
            finished(*unit.id, attempt, outcome, self.now),
            ev.AttemptLost(at=self.now, task=unit.id[0], key=unit.id[1], attempt=attempt),
            ev.SlotGranted(at=self.now, task=unit.id[0], key=unit.id[1], attempt=attempt),
        ):
            assert self.machine.advance(event) == (event,)
        assert snapshot(self.machine) == before

    @precondition(lambda self: self.machine.live_attempts and not self.machine.stopping)
    @rule(data=st.data())
    def start_a_second_attempt(self, data: Any) -> None:
        """Property 4: there is at most one live attempt of a task."""
        unit = data.draw(st.sampled_from(list(self.machine.running_units())))
        before = snapshot(self.machine)
        with pytest.raises(IllegalEventError):
            self.machine.advance(started(*unit.id, unit.attempt + 1, self.now))
        assert snapshot(self.machine) == before

    @precondition(lambda self: not self.machine.finished)
    @rule(often=st.integers(0, 5))
    def cancel(self, often: int) -> None:
        if not often:
            self.take(ev.CancelRequested(at=self.now, by="ann@host"))

    @rule(seconds=st.integers(-60, 60))
    def jump(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    # -- what always holds -------------------------------------------------------------------------------------

    @invariant()
    def asking_is_deterministic_and_changes_nothing(self) -> None:
        """Property 1."""
        before = snapshot(self.machine)
        first = self.machine.next_actions(self.now, 2)
        assert self.machine.next_actions(self.now, 2) == first
        for unit in tuple(self.machine.units.values()):
            assert self.machine.explain(*unit.id, self.now)
        assert snapshot(self.machine) == before

    @invariant()
    def replay_gives_the_same_state_and_the_same_actions(self) -> None:
        """Property 2."""
        again = RunMachine.replay(self.spec, self.driver.log)
        assert again.next_actions(self.now) == self.machine.next_actions(self.now)
        assert snapshot(again) == snapshot(self.machine)

    @invariant()
    def limits_hold(self) -> None:
        """Property 5."""
        live = list(self.machine.running_units())
        assert len(live) == self.machine.live_attempts <= (self.spec.max_parallel or len(live))
        for pool, size in self.spec.pools.items():
            assert (
                sum(self.spec.task(u.id[0]).pool_slots for u in live if self.spec.task(u.id[0]).pool == pool)
                <= size
            )
        assert sum(self.spec.task(unit.id[0]).lock is not None for unit in live) <= 1

    @invariant()
    def no_more_starts_are_asked_for_than_there_is_room_for(self) -> None:
        """Property 5."""
        for slots in (0, 1, 3):
            starts = [a for a in self.machine.next_actions(self.now, slots) if isinstance(a, StartAttempt)]
            assert len(starts) <= slots
            assert len(starts) + self.machine.live_attempts <= (self.spec.max_parallel or 1000)
            assert starts == sorted(starts, key=lambda a: -self.spec.task(a.task).priority)

    @invariant()
    def it_is_never_stuck(self) -> None:
        """Property 6: not finished means an action, a live attempt, or a wake-up; or it is not admitted yet."""
        assert (
            self.machine.finished
            or self.machine.live_attempts
            or self.machine.next_actions(self.now)
            or self.machine.state is RunState.QUEUED
        )

    @invariant()
    def attempts_never_exceed_what_is_allowed(self) -> None:
        """Property 7."""
        for unit in self.machine.units.values():
            allowed = self.spec.task(unit.id[0]).retry.attempts
            assert unit.used <= allowed
            assert unit.lost_in_a_row <= 3
            asked = sum(
                isinstance(e, ev.AttemptFinished)
                and (e.task, e.key) == unit.id
                and e.outcome is Outcome.NOT_YET
                for e in self.driver.log
            )
            assert unit.attempt <= (allowed + asked) * 3 + 2

    @invariant()
    def a_finished_state_never_changes(self) -> None:
        """Property 7."""
        for unit_id, (state, reason) in self.ended.items():
            if unit_id in self.machine.units or unit_id[1] is None:
                unit = self.machine.units[unit_id]
                assert (unit.state, unit.reason) == (state, reason)
        for unit in self.machine.units.values():
            if unit.ended:
                self.ended.setdefault(unit.id, (unit.state, unit.reason))
        if self.machine.finished:
            assert self.machine.next_actions(self.now) == ()
            before = snapshot(self.machine)
            with pytest.raises(IllegalEventError):
                self.machine.advance(ev.CancelRequested(at=self.now, by="ann@host"))
            assert snapshot(self.machine) == before

    @invariant()
    def nothing_starts_after_a_cancel(self) -> None:
        """Property 7."""
        assert not self.started_after_cancel
        if self.machine.stopping:
            assert all(isinstance(a, KillAttempt) for a in self.machine.next_actions(self.now))
            assert all(
                unit.live or unit.ended or unit.id[0] in self.machine.groups
                for unit in self.machine.units.values()
            )

    @invariant()
    def each_edge_is_looked_at_at_most_once(self) -> None:
        """Property 8."""
        edges = sum(len({(up.task, up.key) for up in one.upstreams}) for one in self.spec.tasks)
        assert self.machine.edges_seen <= edges
        if self.machine.finished:
            assert self.machine.edges_seen == edges

    def every_recorded_change_is_in_the_table(self) -> None:
        """Property 9: no unit moves otherwise than the table says."""
        machine = RunMachine(self.spec)
        for event in self.driver.log:
            before = {unit.id: unit.state for unit in machine.units.values()}
            machine.apply(event)
            for unit_id, state in before.items():
                unit = machine.units.get(unit_id)
                if unit is not None and unit.state is not state:
                    assert unit.state in TRANSITIONS[type(event)][state]

    def teardown(self) -> None:
        """Termination: however far it has come, the run ends, and its tasks end as the oracle says."""
        if not hasattr(self, "driver"):
            return
        if self.machine.state is RunState.QUEUED:
            self.admit()
        for _ in range(500):
            if self.machine.finished:
                break
            for unit in self.machine.running_units():
                self.take(finished(*unit.id, unit.attempt, Outcome.SUCCEEDED, self.now))
            for action in self.machine.next_actions(self.now)[:1]:
                self.perform(action, 5)
            self.it_is_never_stuck()
            for action in self.machine.next_actions(self.now)[1:]:
                if isinstance(action, WakeAt) and action.at == self.machine.ends_at:
                    continue
                if isinstance(action, WakeAt | StartAttempt):
                    self.perform(action)
                    break
        assert self.machine.finished
        self.replay_from_every_border_agrees()
        self.each_edge_is_looked_at_at_most_once()
        self.every_recorded_change_is_in_the_table()
        self.ends_are_as_the_oracle_says()

    def replay_from_every_border_agrees(self) -> None:
        """Property 2, from every prefix that ends at the border of a transaction: the rest leads to the same."""
        border = self.driver.borders[len(self.driver.borders) // 2]
        for prefix in {border, *self.driver.borders[-3:]}:
            machine = RunMachine.replay(self.spec, self.driver.log[:prefix])
            position = prefix
            while position < len(self.driver.log):
                recorded = machine.advance(self.driver.log[position])
                assert list(recorded) == self.driver.log[position : position + len(recorded)]
                position += len(recorded)
            assert snapshot(machine) == snapshot(self.machine)

    def ends_are_as_the_oracle_says(self) -> None:
        if self.machine.timed_out:
            assert (self.machine.state, self.machine.reason) == (RunState.FAILED, "timed_out")
            assert all(unit.ended for unit in self.machine.units.values())
            return
        if self.machine.cancel_requested:
            assert self.machine.state is RunState.CANCELLED
            assert all(unit.ended for unit in self.machine.units.values())
            return
        oracle = Oracle(self.spec, self.driver.log)
        assert {u.id: (u.state, u.reason) for u in self.machine.units.values()} == oracle.units
        assert self.machine.state is (RunState.FAILED if oracle.failed else RunState.SUCCEEDED)


ends = st.sampled_from(
    [
        (TaskState.SUCCEEDED, None),
        (TaskState.SKIPPED, "condition_false"),
        (TaskState.SKIPPED, "upstream_failed"),
        (TaskState.FAILED, "exit_code"),
    ]
)


def carried(name: str, key: str | None, end: tuple[TaskState, str | None]) -> ev.TaskCarriedOver:
    if key is not None and end[1] == "upstream_failed":  # instances never are
        end = (TaskState.SUCCEEDED, None)
    return ev.TaskCarriedOver(at=START, task=name, key=key, from_run="OLD", state=end[0], reason=end[1])


SETTINGS = settings(
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_the_nine_properties_hold() -> None:
    run_state_machine_as_test(Runs, settings=settings(SETTINGS, max_examples=25))


@pytest.mark.slow
def test_the_nine_properties_hold_for_long() -> None:
    run_state_machine_as_test(Runs, settings=settings(SETTINGS, max_examples=1500, stateful_step_count=50))
