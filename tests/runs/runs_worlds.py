"""Specs, strategies, a small world to drive a run in, and a naive oracle of how its tasks must end."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
from hypothesis import strategies as st

from cronicle.runs import events as ev
from cronicle.runs.machine import RunMachine
from cronicle.runs.spec import RetrySpec, RunSpec, TaskSpec, UpstreamSpec, WaitSpec
from cronicle.runs.states import Outcome, TaskState

START = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
UNKNOWN = {"expression": ["reference", "run", "date"]}
KEYS = ("", "a", "b")


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def task(name: str, *upstreams: str | UpstreamSpec, **attributes: Any) -> TaskSpec:
    ups = tuple(UpstreamSpec(task=up) if isinstance(up, str) else up for up in upstreams)
    return TaskSpec(name=name, command={"known": ["true"]}, upstreams=ups, **attributes)


def workflow(*tasks: TaskSpec, **attributes: Any) -> RunSpec:
    return RunSpec(project="p", workflow="w", tasks=tasks, **attributes)


class Driver:
    """Feeds a machine facts in few words, and keeps the log with the borders of its transactions."""

    def __init__(self, spec: RunSpec, *before_start: ev.RunEvent, start: bool = True) -> None:
        self.spec, self.machine, self.log, self.borders = spec, RunMachine(spec), [], [0]
        self.take(ev.RunQueued(at=START, run_id="RUN0000001"))
        for event in before_start:
            self.take(event)
        if start:
            self.take(ev.RunStarted(at=START))

    def take(self, event: ev.RunEvent) -> tuple[ev.RunEvent, ...]:
        recorded = self.machine.advance(event)
        self.log += recorded
        self.borders.append(len(self.log))
        return recorded

    def start(self, name: str, key: str | None = None, at: datetime = START) -> None:
        attempt = self.machine.units[name, key].attempt + 1
        self.take(started(name, key, attempt, at))

    def finish(
        self, name: str, outcome: Outcome = Outcome.SUCCEEDED, key: str | None = None, **rest: Any
    ) -> tuple[ev.RunEvent, ...]:
        attempt = self.machine.units[name, key].attempt
        return self.take(finished(name, key, attempt, outcome, **rest))

    def execute(self, name: str, outcome: Outcome = Outcome.SUCCEEDED, key: str | None = None) -> None:
        self.start(name, key)
        self.finish(name, outcome, key)

    def lose(self, name: str, key: str | None = None) -> None:
        self.take(ev.AttemptLost(at=START, task=name, key=key, attempt=self.machine.units[name, key].attempt))

    def cancel(self, reason: str = "") -> tuple[ev.RunEvent, ...]:
        return self.take(ev.CancelRequested(at=START, by="ann@host", reason=reason))

    def state(self, name: str, key: str | None = None) -> tuple[str, str | None]:
        unit = self.machine.units[name, key]
        return unit.state, unit.reason


def started(name: str, key: str | None = None, attempt: int = 1, at: datetime = START) -> ev.AttemptStarted:
    return ev.AttemptStarted(at=at, task=name, key=key, attempt=attempt, token="t", host="h", argv=("true",))


def finished(
    name: str,
    key: str | None = None,
    attempt: int = 1,
    outcome: Outcome = Outcome.SUCCEEDED,
    at: datetime = START,
    **rest: Any,
) -> ev.AttemptFinished:
    return ev.AttemptFinished(at=at, task=name, key=key, attempt=attempt, outcome=outcome, **rest)


def snapshot(value: Any) -> Any:
    """Everything that an object holds, down to the plain values, so that any change shows."""
    if isinstance(value, RunSpec | TaskSpec | str | int | datetime | None):  # cannot change
        return value
    if isinstance(value, Mapping):
        return [(snapshot(key), snapshot(item)) for key, item in value.items()]
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    if isinstance(value, list | tuple | deque):
        return [snapshot(item) for item in value]
    if attrs.has(type(value)):
        return [type(value).__name__, *(snapshot(getattr(value, f.name)) for f in attrs.fields(type(value)))]
    if hasattr(value, "__dict__") and not isinstance(value, str | type):
        return [type(value).__name__, snapshot(vars(value))]
    if type(value).__module__ == "dag.frontier" and not isinstance(value, str):
        return [snapshot(getattr(value, name)) for name in value.__slots__]
    return value


# -- generated specs ---------------------------------------------------------------------------------------

RULES = ("all_succeeded", "none_failed", "all_done", "any_succeeded", "any_failed")


wait_specs = st.builds(
    WaitSpec,
    every=st.sampled_from([0.0, 10.0, 40.0]),
    timeout=st.sampled_from([None, 0.0, 30.0, 60.0]),
    on_timeout=st.sampled_from(["fail", "skip"]),
)


@st.composite
def task_specs(draw: st.DrawFn, index: int, above: list[TaskSpec]) -> TaskSpec:
    upstreams = []
    for up in draw(st.lists(st.sampled_from(above), max_size=3, unique_by=id)) if above else ():
        key = draw(st.sampled_from((None, *KEYS, "missing"))) if up.for_each is not None else None
        upstreams.append(UpstreamSpec(task=up.name, key=key))
    known_map = st.dictionaries(st.sampled_from(KEYS), st.integers(0, 9)).map(lambda m: {"known": m})
    return task(
        f"t{index}",
        *upstreams,
        trigger_rule=draw(st.sampled_from(RULES if upstreams else RULES[:3])),
        for_each=draw(st.none() | st.none() | known_map | st.just(UNKNOWN)),
        when=draw(st.none() | st.sampled_from([{"known": True}, UNKNOWN])),
        allow_failure=draw(st.booleans()),
        on_lost=draw(st.sampled_from(["retry", "fail"])),
        pool=draw(st.sampled_from([None, None, "p", "q"])),
        lock=draw(st.sampled_from([None, None, None, {"known": "one"}, UNKNOWN])),
        wait=draw(st.none() | st.none() | wait_specs),
        pool_slots=draw(st.integers(1, 2)),
        priority=draw(st.integers(0, 2)),
        retry=RetrySpec(
            attempts=draw(st.integers(1, 3)),
            delay=draw(st.sampled_from([0.0, 10.0])),
            backoff=2.0,
            jitter=draw(st.sampled_from([0.0, 5.0])),
            on_exit_codes=draw(st.none() | st.just((1,))),
        ),
    )


@st.composite
def run_specs(draw: st.DrawFn, most: int = 6) -> RunSpec:
    tasks: list[TaskSpec] = []
    for index in range(draw(st.integers(1, most))):
        tasks.append(draw(task_specs(index, list(tasks))))
    return workflow(
        *tasks,
        max_parallel=draw(st.none() | st.integers(1, 3)),
        timeout=draw(st.none() | st.none() | st.sampled_from([50.0, 500.0])),
        pools={"p": 2, "q": 3},
    )


# -- the oracle --------------------------------------------------------------------------------------------


class Oracle:
    """How every task must end, from the design's table and the reports from outside alone; looks at all of it.

    Holds for runs that were not cancelled and did not time out. `units` maps a task or instance to (state, reason).
    """

    def __init__(self, spec: RunSpec, log: list[ev.RunEvent]) -> None:
        self.spec, self.log = spec, log
        begun = next((at for at, event in enumerate(log) if isinstance(event, ev.RunStarted)), len(log))
        self.before, self.later = log[:begun], log[begun:]
        self.units: dict[tuple[str, str | None], tuple[str, str | None]] = {}
        self.expanded: dict[str, list[str]] = {}
        self.failed = False
        for one in spec.tasks:
            self._end_of_task(one)
            if self.look(one.name, None) == "bad" and self.units[one.name, None][0] == "failed":
                self.failed = True

    def _about(self, kind: type[Any], name: str, key: str | None) -> list[Any]:
        return [e for e in self.log if isinstance(e, kind) and (e.task, e.key) == (name, key)]

    def look(self, name: str, key: str | None) -> str:
        if key is not None and (name, key) not in self.units:
            return "bad" if name in self.expanded else self.look(name, None)
        state, reason = self.units[name, key]
        if state == "failed":
            return "good" if self.spec.task(name).allow_failure else "bad"
        if state == "skipped" and reason != "not_selected":
            return "bad" if reason == "upstream_failed" else "skipped"
        return "good"

    def _end_of_task(self, one: TaskSpec) -> None:
        name = one.name
        whole = (name, None)
        carried = {e.key: e for e in self.before if isinstance(e, ev.TaskCarriedOver) and e.task == name}
        for key, event in carried.items():
            if key is not None:
                self.units[name, key] = (event.state, event.reason)
        if None in carried:
            self.units[whole] = (carried[None].state, carried[None].reason)
            if len(carried) > 1 or carried[None].state is TaskState.SUCCEEDED:
                self.expanded[name] = [key for key in carried if key is not None]
            return
        if any(isinstance(e, ev.TasksExcluded) and name in e.tasks for e in self.log):
            self.units[whole] = ("skipped", "not_selected")
            return
        if why := self._rule_not_met(one):
            self.units[whole] = ("skipped", why)
            return
        if one.for_each is None:
            self.units[whole] = self._end_of_unit(one, None)
            return
        if failures := self._about(ev.EvaluationFailed, name, None):
            self.units[whole] = ("failed", failures[0].reason)
            return
        (expansion,) = [e for e in self.log if isinstance(e, ev.InstancesExpanded) and e.task == name]
        for key in [key for key in carried if key not in expansion.instances]:
            del self.units[name, key]
        self.expanded[name] = list(expansion.instances)
        for key in expansion.instances:
            if key not in carried:
                self.units[name, key] = self._end_of_unit(one, key)
        ends = [self.units[name, key] for key in expansion.instances]
        states = {state for state, _ in ends}
        if "failed" in states:
            self.units[whole] = ("failed", None)
        elif states == {"skipped"}:
            reasons = {reason for _, reason in ends}
            self.units[whole] = ("skipped", reasons.pop() if len(reasons) == 1 else None)
        else:
            self.units[whole] = ("succeeded", None)

    def _rule_not_met(self, one: TaskSpec) -> str | None:
        looks = [self.look(up.task, up.key) for up in one.upstreams]
        met = {
            "all_succeeded": all(look == "good" for look in looks),
            "none_failed": "bad" not in looks,
            "all_done": True,
            "any_succeeded": "good" in looks,
            "any_failed": "bad" in looks,
        }[one.trigger_rule]
        if met:
            return None
        if one.trigger_rule == "any_failed":
            return "nothing_failed"
        return "upstream_failed" if "bad" in looks else "upstream_skipped"

    def _end_of_unit(self, one: TaskSpec, key: str | None) -> tuple[str, str | None]:
        if failures := self._about(ev.EvaluationFailed, one.name, key):
            return "failed", failures[0].reason
        in_turn = [e for e in self._about(ev.TaskCarriedOver, one.name, key) if e in self.later]
        if in_turn:
            return in_turn[0].state, in_turn[0].reason
        conditions = self._about(ev.ConditionEvaluated, one.name, key)
        assert len(conditions) == (1 if one.when == UNKNOWN else 0)
        if conditions and not conditions[0].condition:
            return "skipped", "condition_false"
        gave_up = ("skipped" if one.wait and one.wait.on_timeout == "skip" else "failed", "wait_timed_out")
        if self._about(ev.WaitTimedOut, one.name, key):
            return gave_up
        first = next(iter(self._about(ev.AttemptStarted, one.name, key)))
        lost_in_a_row = failures_so_far = 0
        reports = [
            report
            for number, report in enumerate_reports(self.log, one.name, key)
            if number == report.attempt  # a late report of an earlier attempt is no end
        ]
        for report in reports:
            last = report is reports[-1]
            if isinstance(report, ev.AttemptLost):
                lost_in_a_row += 1
                if one.on_lost == "fail" or lost_in_a_row == 3:
                    assert last
                    return "failed", "lost"
                continue
            lost_in_a_row = 0
            if report.outcome in ("succeeded", "skipped"):
                assert last
                return report.outcome, "exit_code" if report.outcome == "skipped" else None
            if report.outcome == "not_yet":
                patience = one.wait.timeout if one.wait else None
                if patience is not None and report.at >= first.at + timedelta(seconds=patience):
                    assert last
                    return gave_up
                continue
            failures_so_far += 1
            codes = one.retry.on_exit_codes
            hopeless = report.reason == "bad_reference" or (codes and report.exit_code not in codes)
            if hopeless or failures_so_far == one.retry.attempts:
                assert last
                return "failed", report.reason
        raise AssertionError("the attempts end, and the task does not")


def enumerate_reports(log: list[ev.RunEvent], name: str, key: str | None) -> list[tuple[int, Any]]:
    """The first report of each attempt that was running when it came, with the number of that attempt."""
    found, running = [], 0
    for event in log:
        if getattr(event, "task", None) != name or getattr(event, "key", None) != key:
            continue
        if isinstance(event, ev.AttemptStarted):
            running = event.attempt
        elif isinstance(event, ev.AttemptFinished | ev.AttemptLost) and event.attempt == running:
            found.append((running, event))
            running = 0
    return found


PATHS_OF_HISTORY = sorted(Path(__file__).parent.glob("histories/*.jsonl"))
